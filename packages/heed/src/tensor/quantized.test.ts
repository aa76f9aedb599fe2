import { expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { weightFormats } from '../kernels/index.js'
import {
  add,
  activate,
  dequantize,
  dot,
  dotQuantized,
  gather,
  gatherQuantized,
  memoryUse,
  normal,
  quantize,
  scope,
  tensor,
  type Tensor,
  withDevice,
} from './index.js'
import { devices } from './testing/devices.js'

const key = randomKey(3)

/** Root of the mean square of what two tensors differ by, over that of the first. */
function distance<A extends string>(a: Tensor<A>, b: Tensor<A>): number {
  const [x, y] = [a.values(), b.values(a.axes)]
  const sum = (values: Iterable<number>): number =>
    [...values].reduce((total, value) => total + value ** 2, 0)
  return Math.sqrt(sum(x.map((value, i) => value - y[i]!)) / sum(x))
}

/** Of weights that are normally distributed, and of products with them. */
const errors = { bf16: [0.002, 0.004], int8: [0.009, 0.012], int4: [0.09, 0.1] } as const

test.each(devices)('%s: weights are near what they were, in any order of axes', (_, device) => {
  withDevice(device, () =>
    scope(() => {
      const weights = normal(key, { width: 70, head: 3, headWidth: 11 })
      for (const format of weightFormats) {
        for (const over of [['width'], ['head', 'headWidth'], ['width', 'headWidth']] as const) {
          const quantized = quantize(weights, over, format)
          expect(quantized.describe()).toBe(
            `${format} width 70, head 3, headWidth 11, summed over ${over.join(', ')}`,
          )
          const back = dequantize(quantized)
          expect(back.shape).toEqual(weights.shape)
          expect(distance(weights, back)).toBeLessThan(errors[format][0])
        }
      }
    }),
  )
})

test.each(devices)('%s: products are near those of f32, with bias, activation and residual', (_, device) => {
  withDevice(device, () =>
    scope(() => {
      const x = normal(key, { batch: 2, position: 5, width: 70 })
      const weights = normal(key, { width: 70, head: 3, headWidth: 11 }, 0.1)
      const bias = normal(key, { head: 3, headWidth: 11 })
      const residual = normal(key, { batch: 2, position: 5, head: 3, headWidth: 11 })
      const options = { bias, activation: 'gelu', residual } as const
      const exact = dot(x, weights, 'width', options)
      for (const format of weightFormats) {
        const quantized = quantize(weights, 'width', format)
        const found = dotQuantized(x, quantized, options)
        expect(found.shape).toEqual(exact.shape)
        expect(distance(exact, found)).toBeLessThan(errors[format][1])
        // What follows the product by itself gives the same, and so does a second call.
        const steps = add(activate(dotQuantized(x, quantized).add(bias), 'gelu'), residual)
        expect(distance(steps, found)).toBeLessThan(1e-6)
        expect(dotQuantized(x, quantized, options).values()).toEqual(found.values())
      }
    }),
  )
})

test.each(devices)(
  '%s: sums over two axes, of rows that lie apart, with addends in any order',
  (_, device) => {
    withDevice(device, () =>
      scope(() => {
        // As attention leaves it: heads outside positions.
        const mixed = normal(key, { batch: 2, head: 3, position: 5, headWidth: 16 })
        const weights = normal(key, { head: 3, headWidth: 16, width: 20 }, 0.1)
        const turned = normal(key, { width: 20, position: 5, batch: 2 })
        const perPosition = normal(key, { position: 5 })
        for (const format of weightFormats) {
          const quantized = quantize(weights, ['head', 'headWidth'], format)
          for (const bias of [undefined, perPosition])
            for (const residual of [undefined, turned]) {
              const options = { bias, residual }
              const exact = dot(mixed, dequantize(quantized), ['head', 'headWidth'], options)
              const found = dotQuantized(mixed, quantized, options)
              expect(found.shape).toEqual(exact.shape)
              expect(distance(exact, found)).toBeLessThan(0.012)
            }
          const one = mixed.slice('position', 4, 5).slice('batch', 0, 1)
          expect(
            distance(
              dotQuantized(mixed, quantized).slice('position', 4, 5).slice('batch', 0, 1),
              dotQuantized(one, quantized),
            ),
          ).toBeLessThan(1e-6)
          expect(dotQuantized(mixed.slice('batch', 0, 0), quantized).shape).toEqual({
            batch: 0,
            position: 5,
            width: 20,
          })
        }
      }),
    )
  },
)

test.each(devices)('%s: rows are looked up', (_, device) => {
  withDevice(device, () =>
    scope(() => {
      const table = normal(key, { vocabulary: 37, width: 33 })
      const ids = tensor([3, 36, 0, 3, 17, 16], { batch: 2, position: 3 }, { dtype: 'i32' })
      for (const format of weightFormats) {
        const quantized = quantize(table, 'width', format)
        const found = gatherQuantized(quantized, ids, 'vocabulary')
        expect(found.shape).toEqual({ batch: 2, position: 3, width: 33 })
        expect(found.values()).toEqual(gather(dequantize(quantized), ids, 'vocabulary').values())
        expect(() => gatherQuantized(quantized, ids.add(1) as never, 'vocabulary')).toThrow(/i32|ids from 0/)
      }
    }),
  )
})

test.each(devices)('%s: memory is counted, and freed', (_, device) => {
  withDevice(device, () => {
    const before = memoryUse()
    scope(() => {
      const weights = normal(key, { width: 256, hidden: 96 })
      const sizes = weightFormats.map((format) => {
        const start = memoryUse().bytes
        const quantized = quantize(weights, 'width', format)
        expect(memoryUse().bytes - start).toBe(quantized.bytes)
        quantized.dispose()
        quantized.dispose()
        expect(memoryUse().bytes).toBe(start)
        expect(() => dequantize(quantized)).toThrow(/freed ones/)
        return quantized.bytes / weights.elements
      })
      const [bf16, int8, int4] = sizes as [number, number, number]
      expect(bf16).toBe(2)
      expect(int8).toBe(1 + device.floatBytes / 256)
      expect(int4).toBe(0.5 + 2 / 32)
      quantize(weights, 'width', 'int8')
    })
    expect(memoryUse()).toEqual(before)
  })
})
