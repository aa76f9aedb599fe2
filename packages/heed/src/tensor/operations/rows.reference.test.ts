import { describe, test } from 'vitest'
import {
  checkReference,
  deviceTitle,
  referenceCases,
  referenceDevices,
  referenceFolder,
  type ReferenceLayer,
} from '../../nn/testing/reference.js'
import { meanSquaredError } from '../index.js'

const layers: Readonly<Record<string, ReferenceLayer>> = {
  'mean-squared-error': {
    axes: { x: ['a', 'b'], target: ['a', 'b'], output: [] },
    run: ({ x, target }) => ({ output: meanSquaredError(x!, target!) }),
  },
}

describe.skipIf(referenceFolder('layers') === undefined)('against PyTorch (set HEED_SHARED to run)', () => {
  const cases = referenceCases('layers').flatMap((reference) =>
    reference.name in layers
      ? referenceDevices.map((device) => [reference.name, deviceTitle(device), reference, device] as const)
      : [],
  )
  test.each(cases)('%s on %s', (name, _, reference, device) => {
    checkReference('layers', reference, layers[name]!, device)
  })
})
