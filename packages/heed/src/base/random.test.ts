import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bitsAt,
  fillNormal,
  fillUniform,
  foldIn,
  integerAt,
  normalAt,
  permutation,
  philox,
  randomKey,
  uniformAt,
  UsageError,
  type RandomKey,
} from './index.js'

const keys = fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)) as fc.Arbitrary<RandomKey>
const indices = fc.oneof(fc.nat(1000), fc.maxSafeNat(), fc.constantFrom(2 ** 34 - 1, 2 ** 34, 2 ** 34 + 1))

/** Philox4x32-10 as the paper states it (section 3.3), in BigInt. */
function plainPhilox(counter: readonly number[], key: readonly number[]): number[] {
  const mask = 0xffffffffn
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint]
  let [k0, k1] = key.map(BigInt) as [bigint, bigint]
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0
    const p1 = 0xcd9e8d57n * c2
    ;[c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask]
    k0 = (k0 + 0x9e3779b9n) & mask
    k1 = (k1 + 0xbb67ae85n) & mask
  }
  return [c0, c1, c2, c3].map(Number)
}

describe('philox', () => {
  // Random123, tests/kat_vectors, the three lines "philox4x32 10".
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the published answer for counter %j, key %j', (counter, key, answer) => {
    expect(philox(counter, key)).toEqual(answer)
  })

  it('is its plain definition for any counter and key', () => {
    const word = fc.nat(0xffffffff)
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), keys, (counter, key) => {
        expect(philox(counter, key)).toEqual(plainPhilox(counter, key))
      }),
      { numRuns: 500 },
    )
  })
})

describe('a stream', () => {
  it('lays its elements out as documented', () => {
    fc.assert(
      fc.property(keys, indices, (key, index) => {
        const counter = BigInt(index) / 4n
        const words = plainPhilox([Number(counter & 0xffffffffn), Number(counter >> 32n), 0, 0], key)
        expect(bitsAt(key, index)).toBe(words[index % 4])
        expect(uniformAt(key, index)).toBe(Math.floor(words[index % 4]! / 256) / 2 ** 24)
        const first = index % 4 < 2 ? 0 : 2
        const radius = Math.sqrt(-2 * Math.log((words[first]! + 0.5) / 2 ** 32))
        const angle = (2 * Math.PI * words[first + 1]!) / 2 ** 32
        expect(normalAt(key, index)).toBeCloseTo(
          radius * (index % 2 === 0 ? Math.cos(angle) : Math.sin(angle)),
          5,
        )
      }),
    )
  })

  it('fills arrays with the same elements, wherever they start', () => {
    fc.assert(
      fc.property(
        keys,
        fc.nat(50),
        indices.filter((i) => i < 2 ** 52),
        (key, length, start) => {
          const target = new Float32Array(length)
          const expected = (at: (key: RandomKey, index: number) => number): Float32Array =>
            target.map((_, i) => at(key, start + i))
          const uniform = expected(uniformAt)
          expect(fillUniform(key, target, start)).toEqual(uniform)
          const normal = expected(normalAt)
          expect(fillNormal(key, target, start)).toEqual(normal)
        },
      ),
    )
  })

  it('is uniform', () => {
    const count = 200_000
    const numbers = fillUniform(randomKey(7), new Float32Array(count))
    const bins = new Float64Array(64)
    for (const number of numbers) bins[Math.floor(number * 64)]!++
    const chiSquare = bins.reduce((sum, seen) => sum + (seen - count / 64) ** 2 / (count / 64), 0)
    expect(bins.length).toBe(64)
    expect(chiSquare).toBeLessThan(103.4) // 63 degrees of freedom, 0.1 %
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true)
  })

  it('is normal', () => {
    const count = 200_000
    const numbers = fillNormal(randomKey(7, 'normal'), new Float32Array(count))
    const moment = (power: number): number =>
      numbers.reduce((sum, number) => sum + number ** power, 0) / count
    // Four standard errors of each moment: 1, sqrt 2, sqrt 15, sqrt 96.
    const standardError = 4 / Math.sqrt(count)
    expect(Math.abs(moment(1))).toBeLessThan(standardError)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(standardError * Math.sqrt(2))
    expect(Math.abs(moment(3))).toBeLessThan(standardError * Math.sqrt(15))
    expect(Math.abs(moment(4) - 3)).toBeLessThan(standardError * Math.sqrt(96))
    let covariance = 0
    for (let i = 0; i < count; i += 2) covariance += numbers[i]! * numbers[i + 1]!
    expect(Math.abs(covariance / (count / 2))).toBeLessThan(4 / Math.sqrt(count / 2))
  })
})

describe('keys', () => {
  it('are the seed itself, then folded in one part at a time', () => {
    expect(randomKey(5)).toEqual([5, 0])
    expect(randomKey(2 ** 53 - 1)).toEqual([0xffffffff, 0x1fffff])
    expect(randomKey(5, 'dropout', 3)).toEqual(foldIn(foldIn(randomKey(5), 'dropout'), 3))
    expect(foldIn([1, 2], 2 ** 32 + 7)).toEqual(plainPhilox([7, 1, 0, 1], [1, 2]).slice(0, 2))
    const length = plainPhilox([3, 0, 0, 2], [1, 2])
    expect(foldIn([1, 2], 'abc')).toEqual(plainPhilox([0x620061, 0x63, 0, 3], length).slice(0, 2))
  })

  it('differ from path to path', () => {
    const paths = [
      [],
      [''],
      ['a'],
      ['b'],
      ['a\0'],
      ['a', 'b'],
      ['ab'],
      ['b', 'a'],
      [0],
      [1],
      ['0'],
      ['1'],
      [0, 0],
      ['abcdef'],
      ['abcdefg'],
      ['abcdef', 'g'],
    ]
    const seen = new Set(paths.map((path) => randomKey(1, ...path).join(' ')))
    expect(seen.size).toBe(paths.length)
  })

  it('refuse seeds, parts and indices that are no whole numbers', () => {
    for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => randomKey(wrong)).toThrow(UsageError)
      expect(() => randomKey(1, wrong)).toThrow(UsageError)
      expect(() => uniformAt([1, 2], wrong)).toThrow(UsageError)
      expect(() => fillUniform([1, 2], new Float32Array(1), wrong)).toThrow(UsageError)
      expect(() => permutation([1, 2], wrong)).toThrow(UsageError)
    }
  })
})

describe('whole numbers below a limit', () => {
  it('are what Lemire defines, for any limit', () => {
    fc.assert(
      fc.property(
        keys,
        indices,
        fc.oneof(fc.integer({ min: 1, max: 2 ** 32 }), fc.integer({ min: 1, max: 100 })),
        (key, index, limit) => {
          const counter = BigInt(index) / 4n
          const wide = BigInt(limit)
          for (let attempt = 0; ; attempt++) {
            const word = plainPhilox(
              [Number(counter & 0xffffffffn), Number(counter >> 32n), attempt, 0],
              key,
            )[index % 4]!
            const product = BigInt(word) * wide
            if ((product & 0xffffffffn) < 2n ** 32n % wide) continue
            expect(integerAt(key, index, limit)).toBe(Number(product >> 32n))
            break
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('favour none, even where a third of the attempts is thrown away', () => {
    const limit = 3 * 2 ** 30
    const thirds = [0, 0, 0]
    const count = 30_000
    for (let i = 0; i < count; i++) thirds[Math.floor(integerAt([3, 4], i, limit) / 2 ** 30)]!++
    const chiSquare = thirds.reduce((sum, seen) => sum + (seen - count / 3) ** 2 / (count / 3), 0)
    expect(chiSquare).toBeLessThan(13.8) // 2 degrees of freedom, 0.1 %
  })

  it('refuse other limits', () => {
    for (const wrong of [0, -1, 1.5, NaN, 2 ** 32 + 1])
      expect(() => integerAt([1, 2], 0, wrong)).toThrow(UsageError)
  })
})

describe('permutation', () => {
  it('holds every number once, and depends on the key', () => {
    fc.assert(
      fc.property(keys, fc.nat(300), (key, length) => {
        const order = permutation(key, length)
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i))
        expect(permutation(key, length)).toEqual(order)
        if (length > 20) expect(permutation(foldIn(key, 1), length)).not.toEqual(order)
      }),
    )
  })

  it('gives every order of four equally often', () => {
    const seen = new Map<string, number>()
    const count = 24_000
    for (let i = 0; i < count; i++) {
      const order = permutation(randomKey(11, i), 4).join('')
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    const chiSquare = [...seen.values()].reduce(
      (sum, times) => sum + (times - count / 24) ** 2 / (count / 24),
      0,
    )
    expect(seen.size).toBe(24)
    expect(chiSquare).toBeLessThan(49.7) // 23 degrees of freedom, 0.1 %
  })
})
