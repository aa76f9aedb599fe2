import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Device } from '../../device/index.js'
import {
  interpreter,
  type Target,
  wasmFeatures,
  wasmTarget,
  x64Target,
  x64Widths,
} from '../../targets/index.js'
import { Arena } from '../testing/arena.js'
import { type ForwardResult, runBackward, runForward } from '../testing/attention.js'
import { expectClose } from '../testing/expect-close.js'
import { plainAttention } from '../testing/plain.js'
import { randomAttention, variantNames } from '../testing/variants.js'
import { attentionForward, type AttentionSizes } from './index.js'

// Few rows a key/value head: keys and values are read where they lie, once for all heads that share them, and
// long ones in parts.

/** Keys that the interpreter cuts into several parts, and the others into two. */
const [longInterpreted, long] = [515, 2100]

const shape = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    kvHeads: fc.integer({ min: 1, max: 2 }),
    rows: fc.constantFrom<[group: number, queries: number][]>(
      [1, 1],
      [1, 2],
      [2, 1],
      [3, 1],
      [3, 5],
      [4, 1],
      [4, 3],
      [5, 1],
      [8, 1],
      [8, 2],
      [16, 1],
    ),
    keys: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 250, max: longInterpreted })),
    width: fc.integer({ min: 1, max: 5 }),
    valueWidth: fc.integer({ min: 1, max: 5 }),
    seed: fc.integer(),
    rowsFirst: fc.boolean(),
  })
  .map(({ rows: [group, queries], ...rest }) => ({
    ...rest,
    queries,
    heads: rest.kvHeads * group,
  }))

describe.each(variantNames)('few rows in f64, %s', (name) => {
  const arena = new Arena(interpreter, 1 << 25)

  test('forward is the plain definition', () => {
    fc.assert(
      fc.property(shape, ({ width, valueWidth, seed, rowsFirst, ...sizes }) => {
        const { definition, inputs } = randomAttention(name, sizes, width, valueWidth, seed)
        const expected = plainAttention(definition, sizes, inputs)
        const found = runForward(arena, definition, sizes, inputs, { rowsFirst })
        for (const part of Object.keys(expected) as (keyof typeof expected)[])
          expectClose(part, found[part], expected[part], 1e-12)
        const logSumExp = found.largest.map((largest, i) =>
          found.inverseSum[i] === 0 ? -Infinity : largest - Math.log(found.inverseSum[i]!),
        )
        expectClose('largest and inverse sum', logSumExp, expected.logSumExp, 1e-12)
      }),
      { numRuns: 10 },
    )
  })
})

/**
 * The same attention twice: once with its keys in parts, and as one of so many that there is nothing to share
 * out.
 */
describe.each(['causal', 'window', 'sink', 'nothing at all'])('parts of the keys, %s', (name) => {
  const sizes: AttentionSizes = { batch: 1, heads: 3, kvHeads: 1, queries: 2, keys: longInterpreted }
  const many = { ...sizes, batch: 64 }
  const { definition, inputs, upstream, slots } = randomAttention(name, sizes, 4, 3, 7)
  const copies = {
    ...inputs,
    query: repeated(inputs.query, many.batch),
    key: repeated(inputs.key, many.batch),
    value: repeated(inputs.value, many.batch),
  }
  const arena = new Arena(interpreter, 1 << 25)

  test('change nothing in the results', () => {
    const launches = [sizes, many].map((each) => {
      const { workspaceBytes } = attentionForward(interpreter.machine, definition, each)
      return workspaceBytes > 0
    })
    expect(launches).toEqual([true, false])
    const apart = runForward(arena, definition, sizes, inputs)
    const whole = runForward(arena, definition, many, copies)
    for (const part of Object.keys(apart) as (keyof ForwardResult)[])
      expectClose(part, apart[part], whole[part].slice(0, apart[part].length), 1e-13)
  })

  test('give the same bits however tasks are shared out', () => {
    const results = [Infinity, 1, 3].map((grain) => {
      const pieces = new Arena(interpreter, 1 << 24)
      pieces.grain = grain
      return runForward(pieces, definition, sizes, inputs)
    })
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  test('of equal largest scores give the first key', () => {
    const alike = { ...inputs, query: repeated([0], inputs.query.length) }
    const { largestKey } = runForward(arena, definition, sizes, alike)
    expect(largestKey).toEqual(plainAttention(definition, sizes, alike).largestKey)
  })

  test('change nothing in the gradients', () => {
    const apart = runBackward(arena, definition, sizes, inputs, upstream, slots)
    const whole = runBackward(arena, definition, many, copies, repeated(upstream, many.batch), slots)
    for (const part of ['query', 'key', 'value'] as const)
      expectClose(part, apart[part], whole[part].slice(0, apart[part].length), 1e-12)
  })
})

const { relaxed } = wasmFeatures()
const targets: readonly (readonly [name: string, target: Target])[] = [
  ...([4, 8] as const).map(
    (lanes) => [`wasm, ${lanes} lanes`, wasmTarget({ lanes, relaxed, shared: true })] as const,
  ),
  ...x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width })] as const),
]

describe.each(targets)('few rows in f32 on %s', (_, target) => {
  const arena = new Arena(target, 1 << 26)

  test.each(variantNames)('%s', (name) => {
    for (const [seed, heads, kvHeads, queries, keys, width, valueWidth] of [
      [1, 2, 2, 1, 1, 64, 64],
      [2, 4, 2, 1, 2, 18, 5],
      [3, 3, 1, 1, 131, 160, 33],
      [4, 8, 2, 3, 67, 33, 160],
      [5, 8, 1, 2, 65, 64, 64],
      [6, 2, 2, 3, 130, 20, 70],
      [7, 2, 1, 1, long, 16, 20],
      [8, 1, 1, 2, long, 20, 16],
    ] as const) {
      const sizes = { batch: seed < 7 ? 2 : 1, heads, kvHeads, queries, keys }
      const { definition, inputs } = randomAttention(name, sizes, width, valueWidth, seed)
      const expected = plainAttention(definition, sizes, inputs)
      const found = runForward(arena, definition, sizes, inputs, { rowsFirst: seed % 2 === 0 })
      const wrong = found.output.findIndex((value, i) => !(Math.abs(value - expected.output[i]!) <= 1e-5))
      expect(
        wrong,
        `seed ${seed}: output ${wrong} is ${found.output[wrong]}, not ${expected.output[wrong]}`,
      ).toBe(-1)
      for (const part of ['logSumExp', 'entropy', 'largestWeight'] as const)
        expectClose(`seed ${seed}: ${part}`, found[part], expected[part], 1e-5)
    }
  })

  test.each([
    [8, 1],
    [3, 3],
  ])('%i heads over %i give the same bits on one thread and on two', (heads, kvHeads) => {
    const sizes = { batch: 1, heads, kvHeads, queries: 1, keys: 4000 }
    const { definition, inputs } = randomAttention('causal', sizes, 64, 64, 9)
    const results = [1, 2].map((threads) => {
      const device = new Device(target, { shared: true, threads, maximumBytes: 2 ** 28 })
      try {
        return onDevice(device, definition, sizes, inputs)
      } finally {
        device.close()
      }
    })
    expect(results[0]!.some((value) => value !== 0)).toBe(true)
    expect(results[1]).toEqual(results[0])
  })
})

/** Output, largest and inverse sum of an attention with contiguous operands. */
function onDevice(
  device: Device,
  definition: Parameters<typeof attentionForward>[1],
  sizes: AttentionSizes,
  inputs: ReturnType<typeof randomAttention>['inputs'],
): number[] {
  const { heap } = device
  const { heads, queries, keys } = sizes
  const floats = (count: number, values?: ArrayLike<number>): number => {
    const address = heap.allocate(4 * count)
    if (values !== undefined) heap.f32.set(values, address / 4)
    return address
  }
  const place = (address: number, rows: number, width: number) => ({
    address,
    batch: 0,
    head: rows * width,
    row: width,
  })
  const { width, valueWidth } = definition
  const plan = attentionForward(device.target.machine, definition, sizes)
  const rows = heads * queries
  const found = floats(rows * (valueWidth + 2))
  const launches = plan.launches(
    {
      query: place(floats(inputs.query.length, inputs.query), queries, width),
      key: place(floats(inputs.key.length, inputs.key), keys, width),
      value: place(floats(inputs.value.length, inputs.value), keys, valueWidth),
      output: place(found, queries, valueWidth),
      largest: found + 4 * rows * valueWidth,
      inverseSum: found + 4 * rows * (valueWidth + 1),
      captures: [],
      parameters: inputs.parameters!,
    },
    heap.allocate(plan.workspaceBytes),
  )
  expect(launches.length).toBe(2)
  for (const { kernel, parameters, tasks, scratchBytes } of launches)
    device.launch(kernel, parameters, tasks, scratchBytes)
  return Array.from(heap.f32.subarray(found / 4, found / 4 + rows * (valueWidth + 2)))
}

function repeated(values: ArrayLike<number>, times: number): number[] {
  return Array.from({ length: values.length * times }, (_, i) => values[i % values.length]!)
}
