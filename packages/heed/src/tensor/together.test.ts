import { expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import type { Device } from '../device/index.js'
import { dot, dotQuantized, normal, quantize, scope, type Tensor, together, withDevice } from './index.js'
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
