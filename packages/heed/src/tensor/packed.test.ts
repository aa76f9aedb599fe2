import { expect, test } from 'vitest'
import { dot, memoryUse, normal, scope, withDevice } from './index.js'
import { randomKey } from '../base/index.js'
import { devices } from './testing/devices.js'

test.each(devices)(
  '%s: weights that are used again are kept packed, and give the same product',
  (_, device) => {
    withDevice(device, () =>
      scope(() => {
        const before = memoryUse().bytes
        const weights = normal(randomKey(1), { input: 70, output: 90 })
        const x = normal(randomKey(2), { position: 40, input: 70 })
        const alone = memoryUse().bytes
        const first = dot(x, weights, 'input').values()
        const used = memoryUse().bytes
        const [second, third] = [dot(x, weights, 'input').values(), dot(x, weights, 'input').values()]
        expect(second).toEqual(first)
        expect(third).toEqual(first)
        // The results, and once the weights in whole panels.
        const result = used - alone
        const kept = memoryUse().bytes - used - 2 * result
        expect(kept).toBeGreaterThanOrEqual(70 * 90 * device.floatBytes)
        expect(kept).toBeLessThan(70 * 144 * device.floatBytes)
        x.dispose()
        weights.dispose()
        expect(memoryUse().bytes - before).toBe(3 * result)
      }),
    )
  },
)

test.each(devices)('%s: a copy that could not be written is not kept', (_, device) =>
  withDevice(device, () =>
    scope(() => {
      const { storage } = normal(randomKey(3), { input: 4 })
      const { blocks } = device.heap.use()
      const fail = (): never => {
        throw new Error('not written')
      }
      expect(storage.packed('key', 64, fail)).toBeUndefined()
      expect(() => storage.packed('key', 64, fail)).toThrow('not written')
      expect(device.heap.use().blocks).toBe(blocks)
      let written = 0
      expect(storage.packed('key', 64, (address) => (written = address))).toBe(written)
      expect(device.heap.use().blocks).toBe(blocks + 1)
    }),
  ),
)
