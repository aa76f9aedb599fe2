import { afterAll, describe, expect, test } from 'vitest'
import { checkCase, makerOf } from './testing/check-case.js'
import { devices } from './testing/devices.js'
import { referenceFolder, trainingCases } from './testing/reference.js'

// Models trained by heed's layers, optimizer and loop, step by step against PyTorch in f64. On the
// interpreter, which is slow, the first two steps; the long suite (reference.long.test.ts) makes them all.

afterAll(() => devices.forEach(([, device]) => device.close()))

const cases = trainingCases('model')
const ours = cases.filter((reference) => makerOf(reference) !== undefined)

describe.skipIf(referenceFolder === undefined)('training against PyTorch (set HEED_SHARED to run)', () => {
  test('every case has a model', () => {
    const unknown = cases.filter((reference) => makerOf(reference) === undefined)
    expect(unknown.map(({ name }) => name)).toEqual([])
    expect(ours.length).toBeGreaterThanOrEqual(4)
  })

  describe.each(devices)('on %s', (_, device) => {
    test.each(ours.map((reference) => [reference.name, reference] as const))(
      '%s: logits, losses, gradients, weights',
      (_name, reference) => {
        expect.hasAssertions()
        checkCase(device, reference, device.floatBytes === 8 ? 2 : reference.steps)
      },
      120_000,
    )
  })
})
