import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { kernel } from '../kernels/index.js'
import { adamw } from '../train/index.js'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import {
  type AnyTensor,
  argmax,
  attention,
  attentionFilter,
  attentionWithStatistics,
  cast,
  causal,
  concat,
  contrastiveLoss,
  dequantize,
  dot,
  dotQuantized,
  gather,
  gatherQuantized,
  mean,
  normal,
  quantize,
  scope,
  sum,
  tensor,
  type Tensor,
  uniform,
  withDevice,
} from '../index.js'
import { valueAndGrad } from './index.js'
import { cases, type Inputs, inputs, weigh } from './testing/cases.js'

// What lies beyond 2 GiB, and near 4, has addresses that are negative as signed numbers. Nothing of this
// fills memory: what lies below the blocks is never touched.

const [around2, below4] = [2 ** 31 - 4096, 2 ** 32 - 96 * 2 ** 20]

const { relaxed } = wasmFeatures()
const targets: readonly (readonly [string, (firstAddress?: number) => Device])[] = [
  ['the interpreter', (firstAddress) => new Device(interpreter, at(firstAddress))],
  ...([4, 8] as const).map(
    (lanes) =>
      [
        `wasm, ${lanes} lanes, 2 threads`,
        (firstAddress?: number) =>
          new Device(wasmTarget({ lanes, relaxed, shared: true }), {
            shared: true,
            threads: 2,
            ...at(firstAddress),
          }),
      ] as const,
  ),
  ...x64Widths().map(
    (width) =>
      [
        `x64, ${width} bits, 2 threads`,
        (firstAddress?: number) =>
          new Device(x64Target({ width }), { shared: true, threads: 2, ...at(firstAddress) }),
      ] as const,
  ),
]

function at(firstAddress: number | undefined): { readonly firstAddress?: number } {
  return firstAddress === undefined ? {} : { firstAddress }
}

/** Writes 5 so many elements further on. */
const far = (steps: number) =>
  kernel(`test far ${steps}`, { x: 'f32*' }, (k, { x }) => k.store(x.at(steps), k.float(5)))
/** Reads it there, and writes the double behind it. */
const near = (steps: number) =>
  kernel(`test near ${steps}`, { x: 'f32*', y: 'f32*' }, (k, { x, y }) =>
    k.store(y.at(1), k.loadScalar(x.at(steps)).mul(2)),
  )

/** Operations without a gradient, and others large enough for several tasks, tiles and parts. */
const more: Readonly<Record<string, () => readonly AnyTensor[]>> = {
  'numbers of every format': () => {
    const x = normal(randomKey(11), { row: 5, column: 7 })
    return (['f16', 'bf16', 'i32', 'u8', 'i8'] as const).flatMap((dtype) => {
      const narrow = cast(cast(x.mul(3), 'i32'), dtype === 'u8' || dtype === 'i8' ? 'i32' : dtype)
      const written = tensor([1, 2, 3, 4, 5, 6], { row: 2, column: 3 }, { dtype })
      return [cast(narrow, 'f32'), cast(written, 'f32'), argmax(x, 'column')]
    })
  },
  'a product in many tiles, packed when it is used again': () => {
    const x = normal(randomKey(12), { row: 130, width: 150 })
    const y = normal(randomKey(13), { width: 150, column: 140 })
    return [dot(x, y, 'width'), dot(x.slice('row', 0, 3), y, 'width'), dot(x, y, 'width')]
  },
  'sums in parts': () => {
    const x = uniform(randomKey(14), { row: 3, width: 90_000 })
    return [sum(x), mean(x, 'width'), sum(x, 'row').slice('width', 0, 1000), argmax(x, 'width')]
  },
  'look-ups of many rows': () => {
    const table = normal(randomKey(15), { vocabulary: 3000, width: 40 })
    const ids = tensor(
      Int32Array.from({ length: 900 }, (_, i) => (i * 7919) % 3000),
      { position: 900 },
      { dtype: 'i32' },
    )
    const { value, gradient } = valueAndGrad((t: typeof table) =>
      weigh(gather(t, ids, 'vocabulary') as never),
    )(table)
    const elements = gather(
      table,
      tensor(
        Int32Array.from({ length: 3000 }, (_, i) => i % 40),
        { vocabulary: 3000 },
        { dtype: 'i32' },
      ),
      'width',
    )
    return [value, gradient, elements]
  },
  'attention over many keys, and few queries': () => {
    const heads = { head: 2, width: 16 }
    const key = normal(randomKey(16), { ...heads, key: 300 })
    const value = normal(randomKey(17), { ...heads, key: 300 })
    const query = normal(randomKey(18), { ...heads, query: 300 })
    const one = normal(randomKey(19), { ...heads, query: 1 })
    const { output, logSumExp } = attentionWithStatistics(query, key, value, { mask: causal })
    const { gradient } = valueAndGrad((m: { q: typeof query; k: typeof key; v: typeof value }) =>
      weigh(attention(m.q, m.k, m.v, { mask: causal }) as never),
    )({ q: query, k: key, v: value })
    return [
      output,
      logSumExp,
      attention(one, key, value),
      attentionFilter(one, key),
      gradient.q,
      gradient.k,
      gradient.v,
    ]
  },
  'weights in fewer bits': () => {
    const weights = normal(randomKey(20), { width: 70, column: 50 })
    const x = normal(randomKey(21), { row: 9, width: 70 })
    const ids = tensor([3, 49, 0], { row: 3 }, { dtype: 'i32' })
    return (['bf16', 'int8', 'int4'] as const).flatMap((format) => {
      const packed = quantize(weights, 'width', format)
      return [dequantize(packed), dotQuantized(x, packed), gatherQuantized(packed, ids, 'column')]
    })
  },
  'a step of an optimizer': () => {
    const model = { weight: normal(randomKey(22), { row: 20, column: 30 }) }
    const gradient = { weight: normal(randomKey(23), { row: 20, column: 30 }) }
    const optimizer = adamw({ decay: 0.1 })
    const first = optimizer.update(model, gradient, optimizer.init(model), { rate: 0.01 })
    return [optimizer.update(first.model, gradient, first.state, { rate: 0.01 }).model.weight]
  },
  'whole numbers joined, a contrastive loss': () => {
    const ids = tensor([1, 2, 3], { row: 3 }, { dtype: 'i32' })
    const x = normal(randomKey(24), { row: 4, column: 4 })
    return [concat([ids, ids], 'row'), contrastiveLoss(x, 'column')]
  },
}

/** The bits of everything; of the interpreter, whose time goes into large operands, without those. */
function everything(device: Device): Record<string, string> {
  const larger = device.target === interpreter ? {} : more
  const bits = (tensors: readonly AnyTensor[]): string =>
    tensors
      .map((each) =>
        Buffer.from(new Uint8Array(Float64Array.from((each as Tensor).values()).buffer)).toString('base64'),
      )
      .join()
  return withDevice(device, () => ({
    ...Object.fromEntries(
      Object.entries(cases).map(([name, work]) => [
        name,
        scope(() => {
          const { value, gradient } = valueAndGrad((given: Inputs) => weigh(work(given)))(inputs())
          return bits([value, ...Object.values(gradient as unknown as Record<string, Tensor<string>>)])
        }),
      ]),
    ),
    ...Object.fromEntries(Object.entries(larger).map(([name, work]) => [name, scope(() => bits(work()))])),
  }))
}

describe.each(targets)('the same bits wherever operands lie: %s', (_, make) => {
  const on = (firstAddress?: number): Record<string, string> => {
    const device = make(firstAddress)
    const found = everything(device)
    const { heap } = device
    if (firstAddress !== undefined) expect(heap.use().reserved).toBeGreaterThan(2 ** 31)
    device.close()
    return found
  }
  const low = on()

  test('steps of more than 2 GiB that a kernel knows beforehand', () => {
    const device = make(around2 + 65536)
    const { heap, floatBytes } = device
    const [steps, place] = [2 ** 31 / floatBytes + 7, heap.allocate(64)]
    heap.u8.fill(0, place, place + 64)
    const from = place - steps * floatBytes
    device.launch(far(steps), [from], 1)
    device.launch(near(steps), [from, place], 1)
    const written = floatBytes === 8 ? heap.f64[place / 8 + 1] : heap.f32[place / 4 + 1]
    expect(written).toBe(10)
    device.close()
  })
  test('from below 2 GiB to above', () => expect(on(around2)).toEqual(low))
  test('near 4 GiB', () => expect(on(below4)).toEqual(low))
})
