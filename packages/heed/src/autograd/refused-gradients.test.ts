import { describe, expect, test } from 'vitest'
import { HeedError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { dispose, memoryUse, scope, withDevice } from '../tensor/index.js'
import { failing } from '../tensor/testing/failing.js'
import { valueAndGrad } from './index.js'
import { cases, type Inputs, inputs, weigh } from './testing/cases.js'

// Wherever the memory ends or a launch fails on the way to a gradient, nothing is left of it.

const device = new Device(interpreter)

describe.each(['allocate', 'launch'] as const)('a gradient whose %s fails leaves nothing behind:', (what) => {
  test.each(Object.entries(cases))('%s', (_, work) =>
    withDevice(device, () => {
      const given = inputs()
      const step = valueAndGrad((model: Inputs) => weigh(work(model)))
      for (let i = 0; i < 3; i++) scope(() => step(given))
      const held = (): unknown => [memoryUse(), device.heap.use().used]
      const before = held()
      let reached = 0
      for (let at = 0, ended = false; !ended; at++) {
        try {
          // Every fifth of many: each costs a whole pass.
          scope(() => (ended = !failing(device, what, at < 10 ? at : 5 * at - 40, () => void step(given))))
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
          reached++
        }
        expect(held(), `${what} ${at}`).toEqual(before)
        if (ended) break
        // Outside of any scope as well.
        if (at % 3 === 0) expect(() => failing(device, what, at, () => void step(given))).toThrow(HeedError)
        expect(held(), `${what} ${at}`).toEqual(before)
      }
      expect(reached).toBeGreaterThan(2)
      dispose(given)
    }),
  )
})
