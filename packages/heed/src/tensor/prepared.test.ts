import { expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { dot, normal, scope, tensor, withDevice } from './index.js'
import { mostPlans, plansKept } from './prepared.js'

test('a device keeps so many plans, and what was forgotten is planned again', () => {
  const device = new Device(interpreter, { maximumBytes: 2 ** 24 })
  withDevice(device, () =>
    scope(() => {
      const all = normal(randomKey(1), { row: 70, width: 70 })
      const cube = normal(randomKey(2), { a: 26, b: 26, c: 26 })
      const right = dot(all, all.rename({ row: 'other' }), 'width').values()
      let most = 0
      // Another layout at each call: more of them than plans are kept.
      expect(26 ** 3).toBeGreaterThan(mostPlans)
      for (let a = 1; a <= 26; a++)
        for (let b = 1; b <= 26; b++)
          for (let c = 1; c <= 26; c++) {
            scope(() => void cube.slice('a', 0, a).slice('b', 0, b).slice('c', 0, c).add(1))
            most = Math.max(most, plansKept(device))
          }
      expect(most).toBeGreaterThan(2_000)
      expect(plansKept(device)).toBeLessThanOrEqual(mostPlans)
      const first = all.slice('row', 0, 1).slice('width', 0, 2)
      expect(first.add(1).values()).toEqual(first.values().map((number) => number + 1))
      expect(dot(all, all.rename({ row: 'other' }), 'width').values()).toEqual(right)
      expect(tensor([1, 2], { a: 2 }).add(1).values()).toEqual(Float64Array.of(2, 3))
      expect(plansKept(device)).toBeLessThanOrEqual(mostPlans)
    }),
  )
  expect(device.heap.use().used).toBeLessThan(2 ** 20)
})
