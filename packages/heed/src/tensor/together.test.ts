import { expect, test } from 'vitest'
import { randomKey, StateError } from '../base/index.js'
import type { Device } from '../device/index.js'
import {
  dispose,
  dot,
  dotQuantized,
  memoryUse,
  normal,
  quantize,
  scope,
  type Tensor,
  together,
  withDevice,
} from './index.js'
import { devices } from './testing/devices.js'

/** What the products give when they run together, and when they don't; and the launches of each. */
function bothWays(
  device: Device,
  products: readonly (() => unknown)[],
): Record<'apart' | 'joint', { values: unknown[]; launches: number }> {
  const count = (work: () => unknown[]): { values: unknown[]; launches: number } => {
    let launches = 0
    device.profile = () => launches++
    const results = work() as Tensor[]
    device.profile = undefined
    return { values: results.map((result) => [...result.values()]), launches }
  }
  // Twice: weights that are used again are packed.
  products.forEach((product) => product())
  products.forEach((product) => product())
  return {
    apart: count(() => products.map((product) => product())),
    joint: count(() => together(() => products.map((product) => product()))),
  }
}

test.each(devices)('%s: products that run together give what each gives alone', (_, device) =>
  withDevice(device, () =>
    scope(() => {
      const key = (n: number) => randomKey(n)
      for (const positions of [1, 5, 40]) {
        const x = normal(key(1), { position: positions, width: 64 })
        const weights = [96, 64, 33].map((out, i) => normal(key(2 + i), { width: 64, out }))
        const bias = normal(key(7), { out: 96 })
        const products = [
          () => dot(x, weights[0]!, 'width', { bias, activation: 'gelu', scale: 0.5 }),
          () => dot(x, weights[1]!, 'width'),
          () => dot(x, weights[2]!, 'width'),
        ]
        const { apart, joint } = bothWays(device, products)
        expect(joint.values).toEqual(apart.values)
        expect(joint.launches).toBeLessThan(apart.launches)
      }
    }),
  ),
)

test.each(devices)('%s: so do quantized ones, and those that copy or add before or after', (_, device) =>
  withDevice(device, () =>
    scope(() => {
      const x = normal(randomKey(1), { position: 3, width: 64 })
      // Not runs of memory along the width: it is copied first.
      const turned = normal(randomKey(2), { width: 64, position: 3 })
      const weights = quantize(normal(randomKey(3), { width: 64, head: 4, out: 8 }), 'width', 'int8')
      // A bias that lies in no order of the kernel's: it is added afterwards.
      const bias = normal(randomKey(4), { out: 8, head: 4 })
      const single = normal(randomKey(5), { width: 64 })
      const { apart, joint } = bothWays(device, [
        () => dotQuantized(x, weights),
        () => dotQuantized(turned, weights),
        () => dotQuantized(x, weights, { bias }),
        () => dot(x, single, 'width'),
        () => dot(x, single, []),
      ])
      expect(joint.values).toEqual(apart.values)
    }),
  ),
)

test.each(devices)('%s: nothing of it is left where the work throws', (_, device) =>
  withDevice(device, () =>
    scope(() => {
      const [x, w] = [normal(randomKey(1), { a: 4, b: 8 }), normal(randomKey(2), { b: 8, c: 4 })]
      const expected = dot(x, w, 'b').values()
      expect(() =>
        together(() => {
          dot(x, w, 'b')
          throw new Error('given up')
        }),
      ).toThrow('given up')
      expect(dot(x, w, 'b').values()).toEqual(expected)
    }),
  ),
)

test.each(devices)('%s: what waits is not read before it has run', (_, device) =>
  withDevice(device, () => {
    const before = [memoryUse().tensors, device.heap.use().blocks]
    scope(() => {
      const x = normal(randomKey(1), { position: 3, width: 8 })
      const u = normal(randomKey(2), { width: 8, out: 8 })
      const v = normal(randomKey(3), { out: 8, last: 4 })
      const expected = dot(x, u, 'width').values()
      const reads: readonly ((y: Tensor<'position' | 'out'>) => unknown)[] = [
        (y) => dot(y, v, 'out'),
        (y) => dot(x, y.rename({ position: 'other', out: 'width' }), 'width'),
        (y) => dot(x, u, 'width', { residual: y }),
        (y) => y.add(1),
        (y) => y.values(),
        (y) => y.slice('out', 0, 2).values(),
        (y) => together(() => dot(y, v, 'out')),
      ]
      let kept: Tensor<'position' | 'out'>
      for (const read of reads) {
        const call = (): unknown => together(() => read((kept = dot(x, u, 'width'))))
        expect(call).toThrow(StateError)
        expect(call).toThrow(
          /together: expected results to be read after together\(\) has run, found one .*\(f32 /,
        )
        expect(() => kept.values()).toThrow(StateError)
      }
      // Names, parts and shape are known before.
      const [half, shape] = together(() => {
        const y = dot(x, u, 'width')
        return [y.split('out', { head: 2, part: 4 }).at('head', 1), y.shape] as const
      })
      expect([...half.values()]).toEqual([...expected].filter((_value, i) => i % 8 >= 4))
      expect(shape).toEqual({ position: 3, out: 8 })
      // What is freed before it has run is not written over something else.
      const other = together(() => {
        dispose(dot(x, u, 'width'))
        const copy = x.mul(1)
        const product = dot(copy, u, 'width')
        dispose(copy)
        const zeros = x.mul(0)
        return { product, zeros }
      })
      expect([...other.product.values()]).toEqual([...expected])
      expect(other.zeros.values().every((value) => value === 0)).toBe(true)
    })
    const packed = 2
    expect(memoryUse().tensors).toBe(before[0])
    expect(device.heap.use().blocks - before[1]!).toBeLessThanOrEqual(packed)
  }),
)
