import { describe, expect, test } from 'vitest'
import { ShapeError } from '../base/index.js'
import { tensor, type Tensor, withDevice, zeros } from '../tensor/index.js'
import { poolFirst, poolLast, poolMax, poolMean } from './index.js'
import { deviceTitle, referenceDevices } from './testing/reference.js'

describe.each(referenceDevices.map((device) => [deviceTitle(device), device] as const))(
  'pooling on %s',
  (_, device) => {
    const x = () => tensor([1, -1, 2, -2, 3, -3, -4, -5, -6, -7, -8, -9], { batch: 2, position: 3, width: 2 })
    const realOf = (numbers: readonly number[]): Tensor<'batch' | 'position'> =>
      tensor(numbers, { batch: 2, position: 3 }, { dtype: 'i32' })

    test('over all positions', () =>
      withDevice(device, () => {
        expect([...poolFirst(x()).values()]).toEqual([1, -1, -4, -5])
        expect([...poolLast(x()).values()]).toEqual([3, -3, -8, -9])
        expect([...poolMax(x()).values()]).toEqual([3, -1, -4, -5])
        expect([...poolMean(x()).values()].map((value) => Math.round(value * 1e5) / 1e5)).toEqual([
          2, -2, -6, -7,
        ])
      }))

    test('padding on either side', () =>
      withDevice(device, () => {
        const real = realOf([1, 1, 0, 0, 1, 1])
        expect([...poolLast(x(), real).values(['batch', 'width'])]).toEqual([2, -2, -8, -9])
        expect([...poolMax(x(), real).values(['batch', 'width'])]).toEqual([2, -1, -6, -7])
        expect([...poolMean(x(), real).values(['batch', 'width'])]).toEqual([1.5, -1.5, -7, -8])
      }))

    test('padding alone gives zeros', () =>
      withDevice(device, () => {
        const real = realOf([0, 0, 0, 1, 0, 0])
        for (const pool of [poolLast, poolMax, poolMean])
          expect([...pool(x(), real).values(['batch', 'width'])]).toEqual([0, 0, -4, -5])
      }))
  },
)

test('no position is refused', () =>
  withDevice(referenceDevices[0]!, () => {
    const x = zeros({ batch: 2, position: 0, width: 3 })
    for (const pool of [poolFirst, poolLast, poolMax, poolMean]) expect(() => pool(x)).toThrow(ShapeError)
  }))
