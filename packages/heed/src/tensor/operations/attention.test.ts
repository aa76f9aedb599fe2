import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DtypeError, randomKey, ShapeError, StateError, UsageError } from '../../base/index.js'
import { alibi, allOf, bias, causal, cosine, explicit, padding, slidingWindow } from '../../nn/index.js'
import {
  adjustable,
  attention,
  attentionFilter,
  type AttentionOptions,
  attentionScores,
  attentionWithStatistics,
  capture,
  concat,
  filterScores,
  memoryUse,
  mixValues,
  normal,
  scope,
  type Score,
  sum,
  tensor,
  type Tensor,
  withDevice,
  zeros,
} from '../index.js'
import { devices } from '../testing/devices.js'
import { arrange } from './copy.js'

type Query = Tensor<'batch' | 'head' | 'query' | 'width'>
type Key = Tensor<'batch' | 'head' | 'key' | 'width'>
const order = ['batch', 'head', 'query', 'width'] as const

interface Operands {
  readonly query: Query
  readonly key: Key
  readonly value: Key
  readonly slopes: Tensor<'head'>
  readonly added: Tensor<'head' | 'query' | 'key'>
  readonly allowed: Tensor<'batch' | 'query' | 'key'>
}

interface Sizes {
  readonly seed: number
  readonly batch: number
  readonly kvHeads: number
  readonly group: number
  readonly queries: number
  readonly keys: number
  readonly width: number
  readonly valueWidth: number
}

function operands({ seed, batch, kvHeads, group, queries, keys, width, valueWidth }: Sizes): Operands {
  const head = kvHeads * group
  const key = randomKey(seed)
  const part = (n: number): typeof key => randomKey(seed + 7919 * n)
  return {
    query: normal(key, { batch, head, query: queries, width }),
    key: normal(part(1), { batch, head: kvHeads, key: keys, width }),
    value: normal(part(2), { batch, head: kvHeads, key: keys, width: valueWidth }),
    slopes: normal(part(3), { head }),
    added: normal(part(4), { head, query: queries, key: keys }),
    allowed: tensor(
      normal(part(5), { x: batch * queries * keys })
        .values()
        .map((x) => (x > 0 ? 1 : 0)),
      { batch, query: queries, key: keys },
      { dtype: 'i32' },
    ),
  }
}

const sizes = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  batch: fc.integer({ min: 1, max: 3 }),
  kvHeads: fc.integer({ min: 1, max: 2 }),
  group: fc.integer({ min: 1, max: 3 }),
  queries: fc.integer({ min: 1, max: 40 }),
  keys: fc.integer({ min: 1, max: 70 }),
  width: fc.integer({ min: 1, max: 19 }),
  valueWidth: fc.integer({ min: 1, max: 19 }),
})

const small: Sizes = {
  seed: 1,
  batch: 2,
  kvHeads: 2,
  group: 2,
  queries: 3,
  keys: 4,
  width: 5,
  valueWidth: 6,
}

const variants: Readonly<Record<string, (given: Operands) => AttentionOptions>> = {
  plain: () => ({}),
  causal: () => ({ mask: causal }),
  'window, ALiBi, sink': ({ slopes }) => ({ mask: slidingWindow(5), score: alibi(slopes), sink: slopes }),
  'bias, any mask': ({ added, allowed }) => ({ score: bias(added), mask: explicit(allowed) }),
  'cosine, any mask, sink': ({ slopes, allowed }) => ({
    score: cosine(0.2),
    mask: allOf(causal, explicit(allowed)),
    sink: slopes,
  }),
}
const variant = fc.constantFrom(...Object.keys(variants))

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, bound: number): void {
  expect(found.length).toBe(expected.length)
  for (let i = 0; i < found.length; i++) {
    if (!(Math.abs(found[i]! - expected[i]!) <= bound * Math.max(1, Math.abs(expected[i]!))))
      expect.fail(`element ${i} is ${found[i]}, not ${expected[i]}`)
  }
}

describe.each(devices)('attention on %s', (_, device) => {
  const [exact, numRuns] = device.floatBytes === 8 ? [1e-12, 12] : [2e-5, 30]
  const on = (work: () => void): void => withDevice(device, () => scope(work))

  test('the fused path is the plain one, and every row of the filter sums to 1, less the sink', () => {
    fc.assert(
      fc.property(sizes, variant, (size, name) =>
        on(() => {
          const given = operands(size)
          const { query, key, value } = given
          const options = variants[name]!(given)
          const filter = attentionFilter(query, key, options)
          const { output, logSumExp, ...rest } = attentionWithStatistics(query, key, value, options)
          expectClose(output.values(order), mixValues(filter, value).values(order), exact)
          expect([...attention(query, key, value, options).values(order)]).toEqual([...output.values(order)])

          const rows = ['batch', 'head', 'query'] as const
          const weights = filter.values([...rows, 'key'])
          const sums = sum(filter, 'key').values(rows)
          const logs = logSumExp.values(rows)
          const largest = rest.largestWeight.values(rows)
          const largestKeys = rest.largestKey.values(rows)
          expect(weights.every((weight) => weight >= 0 && weight <= 1 + exact)).toBe(true)
          sums.forEach((total, row) => {
            const head = Math.floor(row / size.queries) % (size.kvHeads * size.group)
            const sink = options.sink === undefined ? 0 : Math.exp(given.slopes.values()[head]! - logs[row]!)
            const nothing = logs[row] === -Infinity
            expect(Math.abs(total - (nothing ? 0 : 1 - sink))).toBeLessThan(20 * exact)
            const line = weights.slice(row * size.keys, (row + 1) * size.keys)
            expect(Math.abs(Math.max(...line) - largest[row]!)).toBeLessThan(20 * exact)
            if (largest[row]! > 0) expect(line[largestKeys[row]!]).toBeGreaterThan(largest[row]! - 20 * exact)
            else expect(largestKeys[row]).toBe(-1)
          })
        }),
      ),
      { numRuns },
    )
  })

  test('under a causal mask the future changes nothing, to the bit', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, at) =>
        on(() => {
          const { query, key, value } = operands(size)
          const seen = at % size.keys
          // Query row i stands at i + keys − queries: rows up to here see keys up to `seen`.
          const rows = Math.max(0, seen + 1 - size.keys + size.queries)
          const changed = (x: Key): Key =>
            concat(
              [
                x.slice('key', 0, seen + 1),
                normal(randomKey(1), x.slice('key', seen + 1, size.keys).shape, 9),
              ],
              'key',
            )
          const before = attention(query, key, value, { mask: causal })
          const after = attention(query, changed(key), changed(value), { mask: causal })
          const early = (x: Query): number[] => [...x.slice('query', 0, rows).values(order)]
          expect(early(after)).toEqual(early(before))
        }),
      ),
      { numRuns },
    )
  })

  test('what stands beside it in a batch changes nothing, to the bit', () => {
    fc.assert(
      fc.property(sizes, variant, fc.nat(), (size, name, at) =>
        on(() => {
          const given = operands(size)
          const one = at % size.batch
          const slice = <A extends string>(x: Tensor<A | 'batch'>): Tensor<A | 'batch'> =>
            x.slice('batch', one, one + 1)
          const alone = { ...given, allowed: slice<'query' | 'key'>(given.allowed) }
          const together = attention(given.query, given.key, given.value, variants[name]!(given))
          const single = attention(
            slice<'head' | 'query' | 'width'>(given.query),
            slice<'head' | 'key' | 'width'>(given.key),
            slice<'head' | 'key' | 'width'>(given.value),
            variants[name]!(alone),
          )
          expect([...slice<'head' | 'query' | 'width'>(together).values(order)]).toEqual([
            ...single.values(order),
          ])
        }),
      ),
      { numRuns },
    )
  })

  test('padding changes nothing', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 20 }), (size, extra) =>
        on(() => {
          const { query, key, value } = operands(size)
          const padded = (x: Key): Key =>
            concat([x, normal(randomKey(3), { ...x.shape, key: extra }, 30)], 'key')
          const real = Int32Array.from({ length: size.keys + extra }, (_, i) => (i < size.keys ? 1 : 0))
          const mask = padding(tensor(real, { key: real.length }, { dtype: 'i32' }))
          expectClose(
            attention(query, padded(key), padded(value), { mask }).values(order),
            attention(query, key, value).values(order),
            exact,
          )
        }),
      ),
      { numRuns },
    )
  })

  test('a score of −infinity is a mask', () =>
    on(() => {
      const { query, key, value } = operands({ ...small, queries: 9, keys: 7 })
      const score: Score = (score, at) => at.key.gt(at.query).select(-Infinity, score)
      const rows = ['batch', 'head', 'query'] as const
      const found = attentionWithStatistics(query, key, value, { score })
      const expected = attentionWithStatistics(query, key, value, { mask: causal })
      expect([...found.output.values(order)]).toEqual([...expected.output.values(order)])
      expect([...found.logSumExp.values(rows)]).toEqual([...expected.logSumExp.values(rows)])
      expect([...found.entropy.values(rows)]).toEqual([...expected.entropy.values(rows)])
      expect([...found.largestKey.values(rows)]).toEqual([...expected.largestKey.values(rows)])
    }))

  test('shared heads are repeated heads', () => {
    fc.assert(
      fc.property(sizes, (size) =>
        on(() => {
          const { query, key, value } = operands({ ...size, group: 2 })
          const repeat = (x: Key): Key => {
            const heads = Array.from({ length: size.kvHeads }, (_, i) => x.slice('head', i, i + 1))
            return concat(
              heads.flatMap((head) => [head, head]),
              'head',
            )
          }
          expectClose(
            attention(query, key, value).values(order),
            attention(query, repeat(key), repeat(value)).values(order),
            exact,
          )
        }),
      ),
      { numRuns },
    )
  })

  test('the order in memory changes nothing', () => {
    fc.assert(
      fc.property(
        sizes,
        variant,
        fc.shuffledSubarray(['batch', 'head', 'row', 'width'], { minLength: 4 }),
        (size, name, axes) =>
          on(() => {
            const given = operands(size)
            const laid = <T extends Query | Key>(x: T, row: string): T =>
              arrange(
                x,
                axes.map((axis) => (axis === 'row' ? row : axis)),
              ) as unknown as T
            const options = variants[name]!(given)
            const expected = attention(given.query, given.key, given.value, options)
            const found = attention(
              laid(given.query, 'query'),
              laid(given.key, 'key'),
              laid(given.value, 'key'),
              options,
            )
            expectClose(found.values(order), expected.values(order), exact)
            expect(found.axes).toEqual(order)
          }),
      ),
      { numRuns },
    )
  })
})

const [, device] = devices[0]!
const on = (work: () => void): void => withDevice(device, () => scope(work))

describe('attention', () => {
  test('lies in memory as batch, query, head, width', () =>
    on(() => {
      const { query, key, value } = operands(small)
      const output = attention(query, key, value)
      expect(output.layout).toEqual([
        { name: 'batch', size: 2, stride: 72 },
        { name: 'head', size: 4, stride: 6 },
        { name: 'query', size: 3, stride: 24 },
        { name: 'width', size: 6, stride: 1 },
      ])
    }))

  test('nothing to attend to gives 0, no queries give nothing', () =>
    on(() => {
      const query = normal(randomKey(1), { head: 2, query: 3, width: 4 })
      const none = zeros({ head: 2, key: 0, width: 4 })
      expect([...attention(query, none, none).values()]).toEqual(Array<number>(24).fill(0))
      const key = normal(randomKey(2), { head: 2, key: 3, width: 4 })
      expect(attention(query.slice('query', 0, 0), key, key).values().length).toBe(0)
      expect(
        attention(query.slice('head', 0, 0), key.slice('head', 0, 0), key.slice('head', 0, 0)).elements,
      ).toBe(0)
    }))

  test('works on what it is given and leaves nothing behind', () =>
    withDevice(device, () => {
      scope(() => {
        const given = operands(small)
        const before = memoryUse().tensors
        for (const name of Object.keys(variants)) {
          const options = variants[name]!(given)
          scope(() => attention(given.query, given.key, given.value, options).values())
          scope(() => attentionFilter(given.query, given.key, options).values())
        }
        expect(memoryUse().tensors).toBe(before)
      })
    }))

  test('filterScores of a single head takes the sink of that head', () =>
    on(() => {
      const scores = tensor([0, 0], { query: 1, key: 2 })
      expect([...filterScores(scores, tensor([0], { head: 1 })).values()]).toEqual([1 / 3, 1 / 3])
    }))
})

describe('attention refuses', () => {
  const query = (): Query => zeros({ batch: 1, head: 2, query: 3, width: 4 })
  const key = (): Key => zeros({ batch: 1, head: 2, key: 5, width: 4 })
  const cases: Record<string, [work: () => unknown, error: new (...rest: never[]) => Error, says: string]> = {
    'a missing axis': [
      () => attention(key() as never, key(), key()),
      ShapeError,
      "attention: expected an axis 'query', found axes batch, head, key, width; a query has the axes query and width, a key or value key and width: x.rename({ position: 'query' })",
    ],
    'an axis of the other side': [
      () => attention(query(), zeros({ query: 3, key: 5, width: 4 }) as never, key()),
      ShapeError,
      "attention: expected key without an axis 'query', found query, key, width",
    ],
    'another width': [
      () => attention(query(), key().slice('width', 0, 3), key()),
      ShapeError,
      "attention: expected axis 'width' of size 4, found 3; query and key need the same width",
    ],
    'other keys': [
      () => attention(query(), key(), key().slice('key', 0, 4)),
      ShapeError,
      "attention: expected axis 'key' of size 5, found 4",
    ],
    'another batch': [
      () => attention(query(), zeros({ batch: 2, key: 5, width: 4 }), key()),
      ShapeError,
      "attention: expected axis 'batch' of size 1, found 2",
    ],
    'heads that do not divide': [
      () => attention(query(), zeros({ head: 3, key: 5, width: 4 }), zeros({ head: 3, key: 5, width: 4 })),
      ShapeError,
      'attention: expected as many query heads as 3 key/value heads, or a multiple, found 2',
    ],
    'other heads of values': [
      () => attention(query(), key(), zeros({ head: 1, key: 5, width: 4 })),
      ShapeError,
      "attention: expected axis 'head' of size 2, found 1",
    ],
    integers: [
      () => attention(zeros({ query: 3, width: 4 }, { dtype: 'i32' }), key(), key()),
      DtypeError,
      'attention: expected query as a tensor of f32, f16 or bf16, found i32',
    ],
    'a sink of other heads': [
      () => attention(query(), key(), key(), { sink: zeros({ head: 3 }) }),
      ShapeError,
      'attention: expected a sink of f32 head 2, found f32 head 3',
    ],
    'a scale that is no number': [
      () => attention(query(), key(), key(), { scale: NaN }),
      UsageError,
      'attention: expected a scale that is a finite number, found NaN',
    ],
    'a short captured tensor': [
      () => attention(query(), key(), key(), { score: alibi(zeros({ head: 1 })) }),
      ShapeError,
      "attention: expected axis 'head' of a captured tensor of size 2, as it is read along 'head', found 1",
    ],
    'a score that is none': [
      () => attention(query(), key(), key(), { score: (() => 1) as never }),
      UsageError,
      'attention: expected a score that returns a number expression, found number',
    ],
    'a mask that is a number': [
      () => attention(query(), key(), key(), { mask: (({ key }: { key: unknown }) => key) as never }),
      UsageError,
      'attention: expected a mask that returns a condition, found one that returns integer numbers',
    ],
    'a captured tensor of the other kind': [
      () => capture(zeros({ head: 2 }), 'integer'),
      DtypeError,
      'capture: expected an i32 tensor to read as integer, found f32 head 2; write capture(tensor)',
    ],
    'integers captured as floats': [
      () => capture(zeros({ head: 2 }, { dtype: 'i32' })),
      DtypeError,
      "capture: expected an f32 tensor to read as float, found i32 head 2; write capture(tensor, 'integer')",
    ],
    'reading outside of a score': [
      () => capture(zeros({ head: 2 })).at({ head: 0 }),
      StateError,
      'capture.at: expected a call inside a score or mask function, found a call outside',
    ],
    'an index too few': [
      () =>
        attention(query(), key(), key(), {
          score: (score) => score.add(capture(zeros({ a: 2, b: 2 })).at({ a: 0 } as never)),
        }),
      UsageError,
      'capture.at: expected an index for each of the axes a, b, found a',
    ],
    'an adjustable number outside': [() => adjustable(3), StateError, 'adjustable: expected a call inside'],
    'a filter of other heads': [
      () => mixValues(zeros({ head: 3, query: 1, key: 5 }), key()),
      ShapeError,
      "mixValues: expected 3 heads to be a multiple of the value's, found 2",
    ],
    'scores of another width': [
      () => attentionScores(query(), key().slice('width', 0, 3)),
      ShapeError,
      "attentionScores: expected axis 'width' of size 4, found 3",
    ],
  }
  test.each(Object.entries(cases))('%s', (_, [work, error, says]) =>
    on(() => {
      expect(work).toThrow(error)
      expect(work).toThrow(says)
    }),
  )

  test('a tensor of another device', () =>
    on(() => {
      const [, other] = devices[1]!
      const key = zeros({ key: 5, width: 4 }, { device: other })
      expect(() => attention(zeros({ query: 3, width: 4 }), key, key)).toThrow(ShapeError)
    }))
})

test('a plan is not taken for another whose score makes a number that it does not read', () => {
  const [, device] = devices[0]!
  withDevice(device, () =>
    scope(() => {
      const [query, key] = [
        normal(randomKey(1), { query: 3, width: 4 }),
        normal(randomKey(2), { key: 5, width: 4 }),
      ]
      const idle: Score = (score) => (adjustable(7), score)
      const expected = [...attention(query, key, key).values()]
      expect([...attention(query, key, key, { score: idle }).values()]).toEqual(expected)
      expect([...attention(query, key, key).values()]).toEqual(expected)
    }),
  )
})
