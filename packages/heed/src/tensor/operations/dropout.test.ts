import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { DtypeError, randomKey, uniformAt, UsageError } from '../../base/index.js'
import { dropout, normal, ones, sum, tensor, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

const key = randomKey(2024, 'dropout', 3)

describe.each(devices)('dropout on %s', (_, device) => {
  test.each([1, 3, 4, 15, 16, 17, 31, 33, 1000, 16384, 50001])(
    'keeps what uniformAt says, of %d elements',
    (size) =>
      withDevice(device, () => {
        for (const rate of [0.1, 0.5, 2 ** -24, 1 - 2 ** -24, 0.3]) {
          const x = normal(randomKey(size), { i: size })
          const found = dropout(x, rate, key).values()
          const scale = device.floatBytes === 8 ? 1 / (1 - rate) : Math.fround(1 / (1 - rate))
          const expected = [...x.values()].map((value, i) => {
            if (uniformAt(key, i) < rate) return 0
            return device.floatBytes === 8 ? value * scale : Math.fround(value * scale)
          })
          expect([...found]).toEqual(expected)
        }
      }),
  )

  test('counts elements in the order of the axes, however they lie', () =>
    withDevice(device, () => {
      const x = ones({ a: 5, b: 7, c: 3 }).slice('b', 1, 6).at('c', 1)
      const found = dropout(x, 0.4, key).values(['a', 'b'])
      expect([...found].map((value) => value !== 0)).toEqual(
        Array.from({ length: 25 }, (_, i) => uniformAt(key, i) >= 0.4),
      )
    }))

  test('the gradient drops the same elements', () =>
    withDevice(device, () => {
      const x = normal(randomKey(5), { a: 10, b: 9 })
      const weight = normal(randomKey(6), { b: 9, a: 10 })
      const gradient = grad((v: typeof x) => sum(dropout(v, 0.25, key).mul(weight)))(x).values(['a', 'b'])
      const plain = weight.values(['a', 'b'])
      gradient.forEach((value, i) => {
        expect(value).toBeCloseTo(uniformAt(key, i) < 0.25 ? 0 : plain[i]! / 0.75, 6)
      })
    }))

  test('a dropped infinity is 0', () =>
    withDevice(device, () => {
      const found = dropout(tensor(new Array(64).fill(Infinity), { i: 64 }), 0.5, key).values()
      expect([...found]).toEqual(
        Array.from({ length: 64 }, (_, i) => (uniformAt(key, i) < 0.5 ? 0 : Infinity)),
      )
    }))
})

test('rate 0 is the tensor itself; rates that make no sense are refused', () =>
  withDevice(devices[0]![1], () => {
    const x = ones({ i: 3 })
    expect(dropout(x, 0, key)).toBe(x)
    for (const rate of [1, -0.1, NaN, 2]) expect(() => dropout(x, rate, key)).toThrow(UsageError)
    expect(() => dropout(tensor([1], { i: 1 }, { dtype: 'i32' }), 0.5, key)).toThrow(DtypeError)
  }))
