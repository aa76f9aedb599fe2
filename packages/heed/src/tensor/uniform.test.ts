import { describe, expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { normal, scope, uniform, withDevice } from './index.js'
import { devices } from './testing/devices.js'

const largest = 3.4028234663852886e38

describe.each(devices.slice(0, 2))('uniform on %s', (_, device) => {
  test.each([
    [1000, 1001],
    [0, 1],
    [-1001, -1000],
    [16777216, 16777218],
    [1, 1 + 2 ** -23],
    [-1, -1 + 2 ** -24],
    [0.1, 0.3],
    [-0.3, -0.1],
    [1e-45, 3e-45],
    [-1e-45, 1e-45],
    [-1e-40, 1e-40],
    [-3e38, 3e38],
    [-largest, largest],
    [largest / 2, largest],
    [-1, 0],
    [-1e-30, 0],
  ])('[%d, %d): never below, never the end', (low, high) =>
    withDevice(device, () =>
      scope(() => {
        const numbers = uniform(randomKey(7), { i: 30_000 }, low, high).values()
        expect(numbers.every((value) => value >= low && value < high)).toBe(true)
        const mean = numbers.reduce((sum, value) => sum + value / numbers.length, 0)
        const [from, width] = [low, high - low]
        // Where floats are dense enough the mean is in the middle.
        if (width > Math.abs(low) * 1e-4) expect(Math.abs((mean - from) / width - 0.5)).toBeLessThan(0.34)
      }),
    ),
  )

  test('of one number', () =>
    withDevice(device, () =>
      scope(() => expect([...uniform(randomKey(1), { i: 3 }, 2.5, 2.5).values()]).toEqual([2.5, 2.5, 2.5])),
    ))

  test.each([
    [NaN, 1],
    [0, NaN],
    [0, Infinity],
    [-Infinity, 0],
    [1, 0],
    [0, 1e39],
    [1 + 1e-12, 1 + 2e-12],
  ])('from %d to %d is refused', (low, high) =>
    withDevice(device, () => {
      expect(() => uniform(randomKey(1), { i: 3 }, low, high)).toThrow(UsageError)
    }),
  )

  test.each([NaN, -1, Infinity])('a deviation of %d is refused', (deviation) =>
    withDevice(device, () => {
      expect(() => normal(randomKey(1), { i: 3 }, deviation)).toThrow(UsageError)
    }),
  )
})
