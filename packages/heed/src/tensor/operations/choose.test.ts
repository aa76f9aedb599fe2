import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { DtypeError, randomKey, ShapeError } from '../../base/index.js'
import { argmax, cast, normal, ones, sum, tensor, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

describe.each(devices)('choose on %s', (_, device) => {
  test('cast rounds to narrow floats and cuts off to integers', () =>
    withDevice(device, () => {
      const x = tensor([1.5, -1.5, 2049, 0.1], { a: 4 })
      expect(cast(x, 'f32')).toBe(x)
      expect([...cast(x, 'i32').values()]).toEqual([1, -1, 2049, 0])
      expect([...cast(x, 'f16').values()]).toEqual([1.5, -1.5, 2048, Math.fround(0.0999755859375)])
      expect([...cast(cast(x, 'bf16'), 'f32').values()]).toEqual([1.5, -1.5, 2048, 0.10009765625])
      expect(cast(cast(x, 'i32'), 'f32').dtype).toBe('f32')
    }))

  test('the gradient passes between floats and ends at integers', () =>
    withDevice(device, () => {
      const x = tensor([1.5, 2.5], { a: 2 })
      expect([...grad((v: typeof x) => sum(cast(cast(v, 'f16'), 'f32').mul(3)))(x).values()]).toEqual([3, 3])
      expect([...grad((v: typeof x) => sum(v.mul(cast(cast(v, 'i32'), 'f32'))))(x).values()]).toEqual([1, 2])
    }))

  test('argmax along any axis, of equals the first', () =>
    withDevice(device, () => {
      const x = normal(randomKey(1), { a: 5, b: 37, c: 6 })
      const plain = x.values()
      for (const axis of ['a', 'b', 'c'] as const) {
        const order = [...(['a', 'b', 'c'] as const).filter((name) => name !== axis), axis]
        const rows = x.values(order)
        const size = x.size(axis)
        const expected = Array.from({ length: plain.length / size }, (_, row) => {
          const part = rows.subarray(row * size, (row + 1) * size)
          return part.indexOf(Math.max(...part))
        })
        const found = argmax(x, axis)
        expect(found.dtype).toBe('i32')
        expect([...found.values(order.slice(0, -1) as never)]).toEqual(expected)
      }
      const equal = [0, 3, 1, 3, 3, -1, 3]
      expect(argmax(tensor(equal, { a: 7 }), 'a').item()).toBe(1)
      expect(argmax(tensor([...equal, 4, 4], { a: 9 }), 'a').item()).toBe(7)
      expect(argmax(tensor([-Infinity, -Infinity], { a: 2 }), 'a').item()).toBe(0)
      // NaN comes before all numbers, the first before the others.
      expect(argmax(tensor([-5, NaN, 9, NaN, Infinity], { a: 5 }), 'a').item()).toBe(1)
      const late = Array.from({ length: 70 }, (_, i) => (i === 41 || i === 58 ? NaN : i % 7))
      expect(argmax(tensor(late, { a: 70 }), 'a').item()).toBe(41)
    }))
})

test('what has no largest element is refused', () =>
  withDevice(devices[0]![1], () => {
    expect(() => argmax(ones({ a: 2, b: 0 }), 'b')).toThrow(ShapeError)
    expect(() => argmax(tensor([1], { a: 1 }, { dtype: 'i32' }), 'a')).toThrow(DtypeError)
  }))
