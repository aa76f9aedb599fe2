import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { DtypeError, randomKey, ShapeError, UsageError } from '../../base/index.js'
import { concat, normal, ones, range, stack, sum, tensor, type Tensor, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

describe.each(devices)('concat on %s', (_, device) => {
  test('one after the other along any axis, whatever their order', () =>
    withDevice(device, () => {
      const x = tensor([1, 2, 3, 4], { row: 2, column: 2 })
      const y = tensor([5, 6, 7, 8, 9, 10], { column: 3, row: 2 })
      const joined = concat<'row' | 'column'>([x, y, x.slice('column', 1, 2)], 'column')
      expect(joined.shape).toEqual({ row: 2, column: 6 })
      expect([...joined.values()]).toEqual([1, 2, 5, 7, 9, 2, 3, 4, 6, 8, 10, 4])
      const below = concat<'row' | 'column'>([x, x.slice('row', 0, 1), x.slice('row', 0, 0)], 'row')
      expect([...below.values()]).toEqual([1, 2, 3, 4, 1, 2])
    }))

  test('integers and narrow floats stay as they are', () =>
    withDevice(device, () => {
      for (const dtype of ['i32', 'u8', 'i8', 'f16', 'bf16'] as const) {
        const x = tensor([1, 2, 3, 4], { a: 2, b: 2 }, { dtype })
        const y = tensor([5, 6], { b: 2, a: 1 }, { dtype })
        const joined = concat<'a' | 'b'>([x, y], 'a')
        expect(joined.dtype).toBe(dtype)
        expect([...joined.values(['a', 'b'])]).toEqual([1, 2, 3, 4, 5, 6])
      }
      const large = tensor([2 ** 31 - 1, -(2 ** 31)], { a: 2 }, { dtype: 'i32' })
      expect([...concat([large, large], 'a').values()]).toEqual([
        2 ** 31 - 1,
        -(2 ** 31),
        2 ** 31 - 1,
        -(2 ** 31),
      ])
    }))

  test('stack puts tensors along a new axis', () =>
    withDevice(device, () => {
      const rows = [tensor([1, 2], { a: 2 }), tensor([3, 4], { a: 2 }), tensor([5, 6], { a: 2 })]
      expect([...stack(rows, 'b').values(['b', 'a'])]).toEqual([1, 2, 3, 4, 5, 6])
      expect([...stack(rows, 'b').values(['a', 'b'])]).toEqual([1, 3, 5, 2, 4, 6])
    }))

  test('the gradient of each is its part', () =>
    withDevice(device, () => {
      const model = { x: normal(randomKey(1), { a: 2, b: 3 }), y: normal(randomKey(2), { b: 2, a: 2 }) }
      const gradient = grad(({ x, y }: typeof model) =>
        sum(concat<'a' | 'b'>([x, y, x], 'b').mul(range('b', 8)).mul(range('a', 2).add(1))),
      )(model)
      expect([...gradient.x.values(['a', 'b'])]).toEqual([5, 7, 9, 10, 14, 18])
      expect([...gradient.y.values(['a', 'b'])]).toEqual([3, 4, 6, 8])
    }))
})

test('what does not fit is refused', () =>
  withDevice(devices[0]![1], () => {
    const x = ones({ a: 2, b: 2 })
    expect(() => concat<'a'>([], 'a')).toThrow(UsageError)
    expect(() => concat<'a' | 'b'>([x, ones({ a: 2, b: 3 })], 'a')).toThrow(
      /axis 'b' of size 2, as the first tensor has, found 3/,
    )
    expect(() => concat<string>([x, ones({ a: 2 })] as unknown as Tensor<string>[], 'a')).toThrow(ShapeError)
    expect(() => concat<string>([ones({ a: 2 }), x] as unknown as Tensor<string>[], 'a')).toThrow(ShapeError)
    expect(() => concat([x, tensor([1, 2], { a: 1, b: 2 }, { dtype: 'i32' })], 'a')).toThrow(DtypeError)
    expect(() => stack([x], 'b')).toThrow(/an axis that is new/)
  }))
