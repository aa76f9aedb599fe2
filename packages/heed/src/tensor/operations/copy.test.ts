import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copy, scope, tensor, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

const axes = ['a', 'b', 'c', 'd'] as const

/** The plain definition: elements read one by one. */
function plain(numbers: readonly number[], sizes: readonly number[], order: readonly number[]): number[] {
  const strides = sizes.map((_, axis) => sizes.slice(axis + 1).reduce((count, size) => count * size, 1))
  let found = [0]
  for (const axis of order)
    found = found.flatMap((offset) =>
      Array.from({ length: sizes[axis]! }, (_, i) => offset + i * strides[axis]!),
    )
  return found.map((offset) => numbers[offset]!)
}

describe.each(devices)('copies on %s', (_, device) => {
  test('any order of any axes', () =>
    withDevice(device, () =>
      fc.assert(
        fc.property(
          fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 60, max: 70 })), {
            minLength: 1,
            maxLength: 4,
          }),
          fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
          fc.constantFrom('f32' as const, 'i32' as const),
          (given, permutation, dtype) =>
            scope(() => {
              const sizes = given.map((size, i) => (i > 1 ? Math.min(size, 4) : size))
              const order = permutation.filter((axis) => axis < sizes.length)
              const count = sizes.reduce((product, size) => product * size, 1)
              // Integers of 31 bits, which a float of 32 bits does not hold.
              const numbers = Array.from({ length: count }, (_, i) =>
                dtype === 'i32' ? Math.imul(i + 1, 0x9e3779b1) : i,
              )
              const shape = Object.fromEntries(sizes.map((size, axis) => [axes[axis]!, size]))
              const names = order.map((axis) => axes[axis]!)
              const copied = copy(tensor(numbers, shape, { dtype }), dtype, names)
              expect(Array.from(copied.values(names))).toEqual(plain(numbers, sizes, order))
            }),
        ),
        { numRuns: 40 },
      ),
    ))

  test('large ones, of which each side is cut into tiles with a remainder', () =>
    withDevice(device, () => {
      const [a, b] = [193, 321]
      const numbers = Array.from({ length: 2 * a * b }, (_, i) => i)
      const copied = copy(tensor(numbers, { a: 2, b: a, c: b }), 'f32', ['c', 'a', 'b'])
      expect(Array.from(copied.values(['c', 'a', 'b']))).toEqual(plain(numbers, [2, a, b], [2, 0, 1]))
      // Nothing outside a slice is read or written.
      const part = copy(
        tensor(numbers, { a: 2, b: a, c: b }).slice('b', 3, 100).slice('c', 1, 320).at('a', 1),
        'f32',
        ['c', 'b'],
      )
      const expected = Array.from(
        { length: 319 * 97 },
        (_, i) => a * b + (3 + (i % 97)) * b + 1 + Math.floor(i / 97),
      )
      expect(Array.from(part.values(['c', 'b']))).toEqual(expected)
    }))

  test('of nothing, from a slice with gaps', () =>
    withDevice(device, () => {
      const none = tensor([1, 2, 3, 4, 5, 6], { a: 2, b: 3 }).slice('b', 1, 1)
      expect([...none.values(['b', 'a'])]).toEqual([])
      expect(copy(none, 'f32', ['b', 'a']).elements).toBe(0)
    }))
})
