import { afterAll, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { blockFormats, blockSize } from '../kernels/index.js'
import {
  dequantize,
  dot,
  dotQuantized,
  memoryUse,
  normal,
  quantize,
  quantizedFrom,
  type QuantizedWeights,
  scope,
  sum,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import { randomBlocks } from '../tensor/testing/random-blocks.js'
import { grad } from './index.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

const x = (depth: number): Tensor<'row' | 'width'> => normal(randomKey(1), { row: 3, width: depth })
/** How far the gradients of x and of the bias are from those of the weights in f32, over their size. */
function error(weights: QuantizedWeights<'width' | 'head' | 'made'>, depth: number): number {
  const plain = dequantize(weights)
  const { head, made } = weights.shape as { readonly head: number; readonly made: number }
  const weighing = normal(randomKey(2), { row: 3, head, made })
  const inputs = { x: x(depth), bias: normal(randomKey(3), { head, made }) }
  const found = grad((own: typeof inputs) =>
    sum(dotQuantized(own.x, weights, { scale: 0.5, bias: own.bias }).mul(weighing)),
  )(inputs)
  const expected = grad((own: typeof inputs) =>
    sum(dot(own.x, plain, 'width', { scale: 0.5, bias: own.bias }).mul(weighing)),
  )(inputs)
  const parts = (['x', 'bias'] as const).map((name) => {
    const [one, other] = [found[name] as Tensor, expected[name] as Tensor]
    const [a, b] = [one.values(), other.values(one.axes)]
    const size = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / size
  })
  return Math.max(...parts)
}

test.each(devices)('%s: gradients through a product are those of what the weights stand for', (_, device) => {
  withDevice(device, () => {
    for (const format of ['bf16', 'int8', 'int4'] as const) {
      scope(() => {
        const weights = quantize(normal(randomKey(4), { width: 70, head: 2, made: 5 }), 'width', format)
        expect(error(weights, 70), format).toBeLessThan(device.floatBytes === 8 ? 1e-12 : 2e-6)
      })
    }
    for (const format of blockFormats) {
      scope(() => {
        const depth = Math.max(64, blockSize(format).weights)
        const blocks = randomBlocks(format, 10 * depth, 7)
        const weights = quantizedFrom(format, blocks, { head: 2, made: 5, width: depth }, 'width')
        expect(error(weights, depth), format).toBeLessThan(device.floatBytes === 8 ? 1e-12 : 2e-6)
      })
    }
  })
})

test('weights of which a part is written out at a time', () => {
  withDevice(devices.at(-1)![1], () =>
    scope(() => {
      const weights = quantize(normal(randomKey(4), { width: 512, head: 9, made: 256 }), 'width', 'int8')
      expect(error(weights, 512)).toBeLessThan(2e-6)
      const before = memoryUse().bytes
      const gradient = weights.operations.gradient(
        weights,
        normal(randomKey(2), { row: 3, head: 9, made: 256 }) as never,
      )
      expect(gradient.shape).toEqual({ row: 3, width: 512 })
      gradient.dispose()
      // What is left is what the gradient was taken of.
      expect(memoryUse().bytes - before).toBeLessThan(2 ** 16)
    }),
  )
})
