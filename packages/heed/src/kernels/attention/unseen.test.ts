import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../testing/arena.js'
import { type AttentionInputs, runBackward, runForward } from '../testing/attention.js'
import { mayAttend } from '../testing/plain.js'
import { everyTarget } from '../testing/targets.js'
import { numbersFrom, randomAttention, type RandomAttention, variantNames } from '../testing/variants.js'
import type { AttentionSizes } from './index.js'

// What is masked can't be seen, whatever it holds: NaN and infinity there change no bit of any result.

const shape = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    kvHeads: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 2 }),
    // Few rows and many: two kernels.
    queries: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 45 })),
    keys: fc.integer({ min: 1, max: 45 }),
    width: fc.integer({ min: 1, max: 19 }),
    valueWidth: fc.integer({ min: 1, max: 19 }),
    seed: fc.integer(),
  })
  .map(({ group, ...rest }) => ({ ...rest, heads: rest.kvHeads * group }))

const garbage = [NaN, Infinity, -Infinity]

/** With garbage, or with a number of no meaning, in the rows of a width that `chosen` names. */
function filled(
  values: ArrayLike<number>,
  width: number,
  chosen: (row: number) => boolean,
  clean: boolean,
): number[] {
  return Array.from(values, (value, i) =>
    chosen(Math.floor(i / width)) ? (clean ? 0.5 : garbage[i % 3]!) : value,
  )
}

/** A query row and a key that it may see, as numbers of rows of the queries and of the keys. */
interface Pair {
  readonly query: number
  readonly key: number
  /** The number of the pair in [batch head query key]. */
  readonly pair: number
}

function seenPairs({ definition, inputs }: RandomAttention, sizes: AttentionSizes): Pair[] {
  const { batch: batches, heads, kvHeads, queries, keys } = sizes
  const pairs: Pair[] = []
  for (let batch = 0; batch < batches; batch++)
    for (let head = 0; head < heads; head++)
      for (let row = 0; row < queries; row++)
        for (let key = 0; key < keys; key++) {
          if (!mayAttend(definition, sizes, inputs, { batch, head, row, key })) continue
          const query = (batch * heads + head) * queries + row
          const kvHead = batch * kvHeads + Math.floor(head / (heads / kvHeads))
          pairs.push({ query, key: kvHead * keys + key, pair: query * keys + key })
        }
  return pairs
}

/** Whether rows of a width are the same bits in both, those that `chosen` names. */
function expectSame(
  part: string,
  found: readonly number[],
  expected: readonly number[],
  width: number,
  chosen: (row: number) => boolean = () => true,
): void {
  const different = found.findIndex(
    (value, i) => chosen(Math.floor(i / width)) && !Object.is(value, expected[i]),
  )
  expect(different, `${part}: element ${different} is ${found[different]}, not ${expected[different]}`).toBe(
    -1,
  )
}

/** Whatever stands where nobody looks, all results are the same bits. */
function expectUnseen(
  arena: Arena,
  variant: string,
  sizes: AttentionSizes,
  width: number,
  valueWidth: number,
  seed: number,
): void {
  const random = randomAttention(variant, sizes, width, valueWidth, seed)
  const { definition, inputs, upstream, slots } = random
  const pairs = seenPairs(random, sizes)
  const [keys, queries, seen] = (['key', 'query', 'pair'] as const).map(
    (part) => new Set(pairs.map((pair) => pair[part])),
  )
  const noKey = (row: number): boolean => !keys!.has(row)
  const noQuery = (row: number): boolean => !queries!.has(row)
  const noPair = (pair: number): boolean => !seen!.has(pair)
  const given = (clean: boolean): AttentionInputs => ({
    ...inputs,
    query: filled(inputs.query, width, noQuery, clean),
    key: filled(inputs.key, width, noKey, clean),
    value: filled(inputs.value, valueWidth, noKey, clean),
    captures: inputs.captures.map((capture) =>
      capture.sizes.length === 4 && capture.sizes[2] === sizes.queries
        ? { ...capture, values: filled(capture.values, 1, noPair, clean) }
        : capture,
    ),
  })
  const [found, expected] = [false, true].map((clean) => {
    const passed = filled(upstream, valueWidth, noQuery, clean)
    return {
      forward: runForward(arena, definition, sizes, given(clean)),
      backward: runBackward(arena, definition, sizes, given(clean), passed, slots),
    }
  })
  for (const [part, values] of Object.entries(found!.forward))
    expectSame(part, values, expected!.forward[part as 'output'], 1)
  for (const part of ['query', 'key', 'value', 'sink'] as const)
    expectSame(`gradient of ${part}`, found!.backward[part], expected!.backward[part], 1)
  for (const slot of slots)
    expectSame(
      `gradient of capture ${slot}`,
      found!.backward.captures[slot]!,
      expected!.backward.captures[slot]!,
      1,
    )
  // The gradients of what nobody sees are exactly 0.
  const zeros = (values: readonly number[], width: number, hidden: (row: number) => boolean): void => {
    const there = values.filter((_, i) => hidden(Math.floor(i / width)))
    expect(there.every((value) => value === 0)).toBe(true)
  }
  zeros(found!.forward.output, valueWidth, noQuery)
  zeros(found!.backward.key, width, noKey)
  zeros(found!.backward.value, valueWidth, noKey)
  zeros(found!.backward.query, width, noQuery)
  if (variant === 'bias under a mask') zeros(found!.backward.captures[0]!, 1, noPair)
}

const masked = variantNames.filter((name) => {
  const sizes = { batch: 1, heads: 1, kvHeads: 1, queries: 1, keys: 1 }
  return randomAttention(name, sizes, 1, 1, 1).definition.mask !== undefined
})

describe.each(everyTarget())('what is masked can’t be seen, on %s', (name, target) => {
  const arena = new Arena(target, 1 << 25)
  const runs = { numRuns: name === 'interpreter' ? 2 : 3 }

  test.each(masked)('nobody sees it: %s', (variant) => {
    fc.assert(
      fc.property(shape, ({ width, valueWidth, seed, ...sizes }) =>
        expectUnseen(arena, variant, sizes, width, valueWidth, seed),
      ),
      runs,
    )
  })

  test.each(['padding', 'window'])('nor where there are many keys: %s', (variant) => {
    const longer = name === 'interpreter' ? 6 : 1
    // Cut into parts of the keys, and into several blocks and rounds.
    const few = { batch: 1, heads: 3, kvHeads: 1, queries: 2, keys: Math.ceil(2100 / longer) }
    const many = {
      batch: 1,
      heads: 2,
      kvHeads: 1,
      queries: Math.ceil(230 / longer),
      keys: Math.ceil(400 / longer),
    }
    expectUnseen(arena, variant, few, 8, 5, 3)
    expectUnseen(arena, variant, many, 5, 8, 4)
  })

  test('a key whose captured bias is −infinity gives nothing, whatever its value holds', () => {
    for (const queries of [1, 40]) {
      const sizes = { batch: 1, heads: 2, kvHeads: 1, queries, keys: 37 }
      const random = randomAttention('bias of keys', sizes, 4, 6, 5)
      const { definition, upstream, slots } = random
      const hidden = (key: number): boolean => key % 3 === 1
      const [found, expected] = [false, true].map((clean) => {
        const inputs: AttentionInputs = {
          ...random.inputs,
          value: filled(random.inputs.value, 6, hidden, clean),
          captures: random.inputs.captures.map((capture) => ({
            ...capture,
            values: Array.from(capture.values, (value, key) => (hidden(key) ? -Infinity : value)),
          })),
        }
        return {
          forward: runForward(arena, definition, sizes, inputs),
          backward: runBackward(arena, definition, sizes, inputs, upstream, slots),
        }
      })
      expect(found).toEqual(expected)
      expect(found!.forward.output.every(Number.isFinite)).toBe(true)
    }
  })

  test.each(masked)('those who see it are NaN, and nobody else: %s', (variant) => {
    fc.assert(
      fc.property(shape, ({ width, valueWidth, seed, ...sizes }) => {
        const random = randomAttention(variant, sizes, width, valueWidth, seed)
        const { definition, inputs, upstream } = random
        const { batch, kvHeads, heads, keys, queries } = sizes
        const next = numbersFrom(seed + 1)
        const some = (count: number): Set<number> =>
          new Set(Array.from({ length: count }, (_, i) => i).filter(() => next() < 1 / (3 + keys / 4)))
        const [badKeys, badValues] = [some(batch * kvHeads * keys), some(batch * kvHeads * keys)]
        const [badQueries, badUpstream] = [some(batch * heads * queries), some(batch * heads * queries)]
        const given: AttentionInputs = {
          ...inputs,
          query: filled(inputs.query, width, (row) => badQueries.has(row), false),
          key: filled(inputs.key, width, (row) => badKeys.has(row), false),
          value: filled(inputs.value, valueWidth, (row) => badValues.has(row), false),
        }
        const passed = filled(upstream, valueWidth, (row) => badUpstream.has(row), false)
        const pairs = seenPairs(random, sizes)
        // Query rows that see something of it, and keys that such rows see.
        const spoiledRows = new Set(
          pairs
            .filter(({ query, key }) => badKeys.has(key) || badValues.has(key) || badQueries.has(query))
            .map(({ query }) => query),
        )
        const spoiledGradients = new Set([...spoiledRows, ...badUpstream])
        const spoiledKeys = new Set(
          pairs.filter(({ query }) => spoiledGradients.has(query)).map(({ key }) => key),
        )
        const [found, expected] = [
          runForward(arena, definition, sizes, given),
          runForward(arena, definition, sizes, inputs),
        ]
        for (const part of ['output', 'logSumExp', 'entropy', 'largestWeight', 'largestKey'] as const) {
          const length = part === 'output' ? valueWidth : 1
          expectSame(part, found[part], expected[part], length, (row) => !spoiledRows.has(row))
        }
        const badScores = new Set(
          pairs
            .filter(({ query, key }) => badKeys.has(key) || badQueries.has(query))
            .map(({ query }) => query),
        )
        for (const { query, key } of pairs) {
          // A score of −infinity would hide it.
          if (!badValues.has(key) || badScores.has(query)) continue
          const row = found.output.slice(query * valueWidth, (query + 1) * valueWidth)
          expect(
            row.some((value) => !Number.isFinite(value)),
            'a value that is seen shows',
          ).toBe(true)
        }
        const gradients = runBackward(arena, definition, sizes, given, passed)
        const clean = runBackward(arena, definition, sizes, inputs, upstream)
        expectSame('query', gradients.query, clean.query, width, (row) => !spoiledGradients.has(row))
        expectSame('key', gradients.key, clean.key, width, (row) => !spoiledKeys.has(row))
        expectSame('value', gradients.value, clean.value, valueWidth, (row) => !spoiledKeys.has(row))
      }),
      runs,
    )
  })
})
