import { describe, expect, test } from 'vitest'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { checkCase, makerOf } from './testing/check-case.js'
import { referenceFolder, trainingCases } from './testing/reference.js'

const device = new Device(interpreter)
const ours = trainingCases('model').filter((reference) => makerOf(reference) !== undefined)

describe.skipIf(referenceFolder === undefined)(
  'training in f64 against PyTorch (set HEED_SHARED to run)',
  () => {
    test.each(ours.map((reference) => [reference.name, reference] as const))(
      '%s: every step',
      (_name, reference) => {
        expect.hasAssertions()
        checkCase(device, reference, reference.steps)
      },
      300_000,
    )
  },
)
