import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { normal, slice, tensor } from '../tensor/index.js'
import {
  createAttention,
  explicit,
  heavyHitters,
  KeyValueCache,
  rotaryTable,
  selfAttention,
  sinksAndRecent,
} from './index.js'

const made: KeyValueCache[] = []
afterEach(() => {
  for (const cache of made.splice(0)) cache.dispose()
})

test('the first and the last positions', () => {
  expect(sinksAndRecent(10, { sinks: 2, recent: 3 }).join()).toBe('0,1,7,8,9')
  expect(sinksAndRecent(4, { sinks: 2, recent: 3 }).join()).toBe('0,1,2,3')
  expect(sinksAndRecent(0, { sinks: 2, recent: 3 }).join()).toBe('')
  expect(() => sinksAndRecent(4, { sinks: -1, recent: 3 })).toThrow(UsageError)
})

test('those that received most, and the last', () => {
  expect(heavyHitters([5, 1, 9, 2, 0, 0], { heavy: 2, recent: 2 }).join()).toBe('0,2,4,5')
  expect(heavyHitters([1, 1, 1, 1], { heavy: 1, recent: 1 }).join()).toBe('0,3')
  expect(() => heavyHitters([NaN], { heavy: 1, recent: 0 })).toThrow(/a weight for each position/)
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 9, noNaN: true })),
      fc.nat(9),
      fc.nat(9),
      (all, heavy, recent) => {
        const kept = heavyHitters(all, { heavy, recent })
        expect(kept.length).toBe(Math.min(all.length, heavy + Math.min(recent, all.length)))
        expect(kept.every((position, i) => position > (kept[i - 1] ?? -1))).toBe(true)
      },
    ),
  )
})

describe.each(['f32', 'bf16'] as const)('a cache of %s that keeps some positions', (dtype) => {
  const parameters = createAttention(randomKey(1), { width: 16, heads: 2 })
  const x = normal(randomKey(2), { batch: 2, position: 11, width: 16 })
  const options = { rotary: rotaryTable(12, { width: 8 }) }
  const last = slice(x, 'position', 10, 11)
  const filled = (): KeyValueCache => {
    const cache = new KeyValueCache({ dtype })
    made.push(cache)
    selfAttention(parameters, slice(x, 'position', 0, 10), { ...options, cache: cache.layer(0) })
    return cache
  }
  test.each([[[0, 1, 7, 8, 9]], [[3]], [[0, 2, 4, 6, 8]], [[]]])(
    'is attention to these alone: %s',
    (kept) => {
      const cache = filled()
      const whole = filled()
      cache.keepPositions(kept)
      expect(cache.length).toBe(kept.length)
      const allowed = Array.from({ length: 11 }, (_, i) => (i === 10 || kept.includes(i) ? 1 : 0))
      const mask = explicit(tensor(allowed, { key: 11 }, { dtype: 'i32' }))
      const expected = selfAttention(parameters, last, { ...options, cache: whole.layer(0), mask }).values()
      const found = selfAttention(parameters, last, {
        ...options,
        cache: cache.layer(0),
        positions: 10,
      }).values()
      expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5)
    },
  )
  test('leaves forks as they were', () => {
    const cache = filled()
    const fork = cache.fork()
    made.push(fork)
    cache.keepPositions([0, 9])
    expect([cache.length, fork.length].join()).toBe('2,10')
    const given = { ...options, cache: fork.layer(0) }
    const other = filled()
    const expected = selfAttention(parameters, last, { ...options, cache: other.layer(0) }).values()
    expect(selfAttention(parameters, last, given).values().join()).toBe(expected.join())
  })
  test.each([[[1, 0]], [[0, 0]], [[10]], [[0.5]]])('refuses %s', (kept) => {
    const cache = filled()
    expect(() => cache.keepPositions(kept)).toThrow(/in ascending order/)
  })
})
