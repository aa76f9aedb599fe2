import { describe, expect, test } from 'vitest'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { scope, withDevice } from '../tensor/index.js'
import { checkGradient, gradients } from './index.js'
import { cases, type Inputs, inputs, weigh } from './testing/cases.js'

const device = new Device(interpreter)

test('every row of the table has a case here', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(gradients).sort())
})

describe('every row of the table equals central differences in f64', () => {
  test.each(Object.entries(cases))('%s', (name, work) =>
    withDevice(device, () =>
      scope(() => {
        const rule = gradients[name]!
        let used = 0
        gradients[name] = (...given) => {
          used++
          return rule(...given)
        }
        try {
          const { error, at } = checkGradient((given: Inputs) => weigh(work(given)), inputs())
          expect(error, at).toBeLessThan(1e-7)
        } finally {
          gradients[name] = rule
        }
        expect(used).toBeGreaterThan(0)
      }),
    ),
  )
})
