import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeedError } from '../../base/index.js'
import { interpreter } from '../../targets/index.js'
import { Capture, index, input } from '../expression/index.js'
import { Arena } from '../testing/arena.js'
import { type AttentionInputs, runBackward, runForward } from '../testing/attention.js'
import { expectClose } from '../testing/expect-close.js'
import { plainAttention } from '../testing/plain.js'
import { randomAttention, variantNames } from '../testing/variants.js'
import { attentionBackward, attentionDefinition, attentionForward, type AttentionSizes } from './index.js'

const shape = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    kvHeads: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 3 }),
    queries: fc.integer({ min: 1, max: 21 }),
    keys: fc.integer({ min: 1, max: 21 }),
    width: fc.integer({ min: 1, max: 9 }),
    valueWidth: fc.integer({ min: 1, max: 9 }),
    seed: fc.integer(),
    rowsFirst: fc.boolean(),
  })
  .map(({ group, ...rest }) => ({ ...rest, heads: rest.kvHeads * group }))

const arena = new Arena(interpreter, 1 << 25)
const splitNames = ['causal', 'table', 'sink', 'every third dropped', 'sharpened filter']

describe.each(variantNames)('attention in f64, %s', (name) => {
  test('forward is the plain definition', () => {
    fc.assert(
      fc.property(shape, ({ width, valueWidth, seed, rowsFirst, ...sizes }) => {
        const { definition, inputs } = randomAttention(name, sizes, width, valueWidth, seed)
        const expected = plainAttention(definition, sizes, inputs)
        const found = runForward(arena, definition, sizes, inputs, { rowsFirst })
        for (const part of Object.keys(expected) as (keyof typeof expected)[])
          expectClose(part, found[part], expected[part], 1e-12)
      }),
      { numRuns: 12 },
    )
  })

  test('backward agrees with central differences of the plain definition', () => {
    fc.assert(
      fc.property(shape, ({ width, valueWidth, seed, rowsFirst, ...shape }) => {
        const sizes = { ...shape, queries: Math.min(shape.queries, 11), keys: Math.min(shape.keys, 11) }
        const { definition, inputs, upstream, slots } = randomAttention(name, sizes, width, valueWidth, seed)
        const found = runBackward(arena, definition, sizes, inputs, upstream, slots, rowsFirst)
        const loss = (changed: AttentionInputs): number =>
          plainAttention(definition, sizes, changed).output.reduce(
            (sum, value, i) => sum + value * upstream[i]!,
            0,
          )
        // Along a random direction of all elements of one tensor at once: one difference checks the whole
        // gradient.
        const check = (
          part: string,
          gradient: readonly number[],
          values: ArrayLike<number>,
          change: (values: number[]) => AttentionInputs,
        ): void => {
          const direction = Array.from({ length: values.length }, (_, i) =>
            Math.sin(i * 12.9898 + (seed % 1000)),
          )
          const moved = (step: number): AttentionInputs =>
            change(Array.from(values, (value, i) => value + step * direction[i]!))
          const difference = (loss(moved(1e-5)) - loss(moved(-1e-5))) / 2e-5
          const product = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0)
          const size = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0))
          expect(
            Math.abs(product - difference),
            `${part}: ${product}, by differences ${difference}`,
          ).toBeLessThanOrEqual(1e-6 * Math.max(1, size))
        }
        check('query', found.query, inputs.query, (query) => ({ ...inputs, query }))
        check('key', found.key, inputs.key, (key) => ({ ...inputs, key }))
        check('value', found.value, inputs.value, (value) => ({ ...inputs, value }))
        if (inputs.sink !== undefined) check('sink', found.sink, inputs.sink, (sink) => ({ ...inputs, sink }))
        for (const slot of slots) {
          check(`capture ${slot}`, found.captures[slot]!, inputs.captures[slot]!.values, (values) => ({
            ...inputs,
            captures: inputs.captures.map((capture, i) => (i === slot ? { ...capture, values } : capture)),
          }))
        }
      }),
      { numRuns: 8 },
    )
  })
})

describe('attention', () => {
  const sizes: AttentionSizes = { batch: 2, heads: 4, kvHeads: 2, queries: 19, keys: 23 }

  test.each(splitNames)('gives the same bits however tasks are split: %s', (name) => {
    const { definition, inputs, upstream, slots } = randomAttention(name, sizes, 5, 6, 1)
    const results = [Infinity, 1, 3].map((grain) => {
      const pieces = new Arena(interpreter, 1 << 24)
      pieces.grain = grain
      return [
        runForward(pieces, definition, sizes, inputs),
        runBackward(pieces, definition, sizes, inputs, upstream, slots),
      ]
    })
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  test.each(['causal', 'sink', 'soft cap'])(
    'gives the same gradients with less room, a head at a time: %s',
    (name) => {
      const [width, valueWidth] = [5, 6]
      const { definition, inputs, upstream, slots } = randomAttention(name, sizes, width, valueWidth, 4)
      const [whole, apart] = [undefined, 1].map((limit) => {
        const arena = new Arena(interpreter, 1 << 24)
        arena.limit = limit
        return runBackward(arena, definition, sizes, inputs, upstream, slots)
      })
      // Gradients of queries are summed over parts of the keys, whose number depends on the room.
      for (const part of ['query', 'key', 'value', 'sink'] as const)
        expectClose(part, apart![part], whole![part], 1e-13)
      const room = (limit: number | undefined): number =>
        attentionBackward(interpreter.machine, definition, sizes, [], limit).workspaceBytes
      expect(room(1)).toBeLessThan(room(undefined) / 2)
    },
  )

  test('under the causal mask the future changes nothing', () => {
    const { definition, inputs } = randomAttention('causal', sizes, 5, 6, 2)
    const before = runForward(arena, definition, sizes, inputs)
    // Query row i stands at position i + 4: rows up to 15 see keys up to 19.
    const spoil = (values: ArrayLike<number>, width: number): number[] =>
      Array.from(values, (value, i) => (Math.floor(i / width) % sizes.keys >= 20 ? 1e3 : value))
    const after = runForward(arena, definition, sizes, {
      ...inputs,
      key: spoil(inputs.key, 5),
      value: spoil(inputs.value, 6),
    })
    const rows = (values: readonly number[]): number[] =>
      values.filter((_, i) => Math.floor(i / 6) % sizes.queries <= 15)
    expect(rows(after.output)).toEqual(rows(before.output))
    expect(after.output).not.toEqual(before.output)
  })

  test('rows with nothing to attend are 0, and nothing is NaN', () => {
    const more: AttentionSizes = { ...sizes, queries: 23, keys: 9 }
    const { definition, inputs, upstream } = randomAttention('causal', more, 5, 6, 3)
    const forward = runForward(arena, definition, more, inputs)
    const firstRows = (values: readonly number[], width: number): number[] =>
      values.filter((_, i) => Math.floor(i / width) % more.queries < 14)
    expect(new Set(firstRows(forward.output, 6))).toEqual(new Set([0]))
    expect(new Set(firstRows(forward.logSumExp, 1))).toEqual(new Set([-Infinity]))
    expect(new Set(firstRows(forward.entropy, 1))).toEqual(new Set([0]))
    expect(new Set(firstRows(forward.largestKey, 1))).toEqual(new Set([-1]))
    const backward = runBackward(arena, definition, more, inputs, upstream)
    expect(new Set(firstRows(backward.query, 5).map(Math.abs))).toEqual(new Set([0]))
    expect([backward.query, backward.key, backward.value].flat().every(Number.isFinite)).toBe(true)
  })

  test('refuses captured tensors that are too short, and gradients that tasks would share', () => {
    const bias = new Capture(0, 'float', 1)
    const definition = attentionDefinition({
      width: 4,
      valueWidth: 4,
      score: input(0).add(bias.at(index('key'))),
      captures: [{ kind: 'float', rank: 1, contiguous: true }],
    })
    const plan = attentionForward(interpreter.machine, definition, sizes)
    const place = { address: 0, batch: 0, head: 0, row: 0 }
    const places = {
      query: place,
      key: place,
      value: place,
      output: place,
      largest: 0,
      inverseSum: 0,
      parameters: [],
    }
    expect(() =>
      plan.launches({ ...places, captures: [{ address: 0, strides: [1], sizes: [22] }] }, 0),
    ).toThrow(/size 23, as the axis key, found 22/)
    expect(() => plan.launches({ ...places, captures: [] }, 0)).toThrow(HeedError)
    expect(() =>
      plan.launches({ ...places, captures: [{ address: 0, strides: [2], sizes: [23] }] }, 0),
    ).toThrow(/stride 1/)
  })

  test('equal definitions have equal keys', () => {
    const define = (window: number): string =>
      attentionDefinition({
        width: 4,
        valueWidth: 4,
        score: input(0),
        mask: index('query').sub(index('key')).lt(window),
      }).key
    expect(define(4)).toBe(define(4))
    expect(define(4)).not.toBe(define(5))
  })
})
