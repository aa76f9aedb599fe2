import { describe, expect, test } from 'vitest'
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, randomKey, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { everyTarget } from '../kernels/testing/targets.js'
import { attention, cast, normal, slice, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { KeyValueCache } from './cache.js'
import type { Key } from './growing.js'
import { causal } from './mask.js'

describe.each(everyTarget())('a key/value cache of half precision, on %s', (name, target) => {
  const device = new Device(target, { shared: name !== 'interpreter', threads: 1 })

  test.each([
    ['f16', (x: number) => f16ToF32(f32ToF16(x))],
    ['bf16', (x: number) => bf16ToF32(f32ToBf16(x))],
  ] as const)('rounds as base does: %s', (dtype, round) =>
    withDevice(device, () => {
      const special = [0, -0, NaN, Infinity, -Infinity, 65504, 65519, 65520, -65520, 3e38, -1e-45, 2 ** -149]
      const edges = [-24, -25, -26, -14, -15, 0, 15, 16].flatMap((n) =>
        [
          1,
          1 + 2 ** -11,
          1 + 2 ** -10,
          1 + 3 * 2 ** -11,
          1.5,
          1.25,
          2 - 2 ** -12,
          1 + 2 ** -8,
          1 + 3 * 2 ** -8,
        ]
          .flatMap((x) => [x, -x, x + 2 ** -23, x - 2 ** -23])
          .map((x) => Math.fround(x * 2 ** n)),
      )
      const numbers = [...special, ...edges].map(Math.fround)
      const cache = new KeyValueCache({ dtype })
      const given = tensor(numbers, { batch: 1, head: 1, key: 1, width: numbers.length }) as never as Key
      const { key } = cache.layer(0).append(given, given)
      expect(key.dtype).toBe(dtype)
      expect(Array.from((key as AnyKey).values())).toEqual(numbers.map(round))
      cache.dispose()
    }),
  )

  test.each(['f16', 'bf16'] as const)('gives what the rounded keys and values give: %s', (dtype) =>
    withDevice(device, () => {
      // Axes in the order in which a projection leaves them.
      const shape = { batch: 2, key: 90, head: 2, width: 12 }
      const keys = normal(randomKey(1), shape) as unknown as Key
      const values = normal(randomKey(2), shape) as unknown as Key
      const query = normal(randomKey(3), { batch: 2, head: 4, query: 1, width: 12 })
      const cache = new KeyValueCache({ dtype })
      const part = (x: Key, from: number, to: number): Key => slice(x, 'key', from, to) as Key
      const step = (from: number, to: number): void => {
        const { key, value } = cache.layer(0).append(part(keys, from, to), part(values, from, to))
        const found = attention(query, key, value, { mask: causal })
        const rounded = (x: Key): Key => cast(cast(part(x, 0, to), dtype), 'f32')
        expect(found.values()).toEqual(
          attention(query, rounded(keys), rounded(values), { mask: causal }).values(),
        )
      }
      step(0, 5)
      step(5, 6)
      step(6, 63)
      step(63, 70) // moves to more room
      cache.truncate(66)
      step(66, 90)
      cache.dispose()
    }),
  )
})

type AnyKey = Tensor

test('refuses another dtype', () => {
  expect(() => new KeyValueCache({ dtype: 'i8' as never })).toThrow(UsageError)
})
