import { describe, expect, test } from 'vitest'
import { randomKey, ShapeError, UsageError } from '../base/index.js'
import { normal, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import {
  addPositions,
  alibiSlopes,
  debertaBucketOf,
  type RotaryOptions,
  type RotaryScaling,
  rotaryFrequencies,
  rotaryTable,
  sinusoidalTable,
  t5BucketOf,
} from './index.js'
import { referenceDevices } from './testing/reference.js'

const on = <T>(work: () => T): T => withDevice(referenceDevices[0]!, () => scope(work))

describe('tables that are added', () => {
  test('from a start on, or by number', () =>
    on(() => {
      const table = sinusoidalTable(10, 4)
      const x = normal(randomKey(1), { batch: 2, position: 3, width: 4 })
      const ids = (...numbers: number[]): Tensor<'batch' | 'position'> =>
        tensor(numbers, { batch: 2, position: 3 }, { dtype: 'i32' })
      const at7 = addPositions(x, table, 7).values()
      expect(addPositions(x, table, ids(7, 8, 9, 7, 8, 9)).values()).toEqual(at7)
      const shifted = addPositions(x, table, ids(0, 0, 1, 7, 8, 9))
      expect(shifted.at('batch', 1).values()).toEqual(addPositions(x, table, 7).at('batch', 1).values())
      const third = shifted.at('batch', 0).at('position', 2)
      const expected = x.at('batch', 0).at('position', 2).add(table.at('position', 1))
      expect(third.values()).toEqual(expected.values())
    }))

  test('not beyond their end', () =>
    on(() => {
      const x = normal(randomKey(1), { batch: 1, position: 3, width: 4 })
      const table = sinusoidalTable(4, 4)
      expect(() => addPositions(x, table, 2)).toThrow(UsageError)
      expect(() => addPositions(x, table, 2)).toThrow(
        'position: expected positions below 4, the length of the table, found positions up to 4',
      )
      expect(() => addPositions(x, table, -1)).toThrow(UsageError)
    }))

  test('sinusoidal ones need pairs', () =>
    on(() => {
      expect(() => sinusoidalTable(3, 5)).toThrow(ShapeError)
      expect(() => sinusoidalTable(3, 2, { frequencies: 'endpoint' })).toThrow(ShapeError)
      expect(() => sinusoidalTable(-1, 4)).toThrow(UsageError)
      expect(() => sinusoidalTable(1.5, 4)).toThrow(UsageError)
      expect([...sinusoidalTable(1, 4).values()]).toEqual([0, 1, 0, 1])
    }))
})

describe('rotary frequencies', () => {
  test('long positions keep their angle: table and frequencies in f64', () =>
    on(() => {
      const { radiansPerPosition } = rotaryFrequencies({ width: 8 })
      const table = rotaryTable(5001, { width: 8 })
      radiansPerPosition.forEach((radians, pair) => {
        const found = table.cosine.at('position', 5000).at('pair', pair).item()
        expect(found).toBeCloseTo(Math.cos(5000 * radians), 12)
      })
    }))

  test('by a factor of 1, every scaling is none', () => {
    const plain = rotaryFrequencies({ width: 16 }).radiansPerPosition
    const scalings: RotaryScaling[] = [
      { type: 'linear', factor: 1 },
      { type: 'ntk', factor: 1 },
      { type: 'dynamic', factor: 1, trained: 64, length: 64 },
      { type: 'yarn', factor: 1, trained: 64 },
      { type: 'llama3', factor: 1, trained: 64, low: 1, high: 4 },
    ]
    for (const scaling of scalings) {
      const { radiansPerPosition, magnitude } = rotaryFrequencies({ width: 16, scaling })
      radiansPerPosition.forEach((radians, pair) => expect(radians).toBeCloseTo(plain[pair]!, 12))
      expect(magnitude).toBe(1)
    }
  })

  test('NTK-aware scaling slows the slowest pair by its factor and leaves the fastest', () => {
    const [plain, scaled] = [{}, { scaling: { type: 'ntk', factor: 8 } as const }].map(
      (options) => rotaryFrequencies({ width: 16, ...options }).radiansPerPosition,
    )
    expect(scaled![0]).toBe(1)
    expect(scaled![7]! * 8).toBeCloseTo(plain![7]!, 12)
    for (let i = 1; i < 7; i++) {
      expect(scaled![i]).toBeLessThan(plain![i]!)
      expect(scaled![i]! * 8).toBeGreaterThan(plain![i]!)
    }
  })

  test('dynamic scaling leaves texts of the trained length alone', () => {
    const plain = rotaryFrequencies({ width: 16 }).radiansPerPosition
    const scaling: RotaryScaling = { type: 'dynamic', factor: 4, trained: 64, length: 10 }
    expect(rotaryFrequencies({ width: 16, scaling }).radiansPerPosition[3]).toBeCloseTo(plain[3]!, 12)
  })

  test.each<[string, RotaryOptions]>([
    ['an odd width', { width: 7 }],
    ['no width', { width: 0 }],
    ['a negative width', { width: -2 }],
    ['half a width', { width: 2.5 }],
    ['base 0', { width: 4, base: 0 }],
    ['an infinite base', { width: 4, base: Infinity }],
    ['factor 0', { width: 4, scaling: { type: 'linear', factor: 0 } }],
    ['a factor that is no number', { width: 4, scaling: { type: 'linear', factor: '2' as never } }],
    ['an unknown scaling', { width: 4, scaling: { type: 'other' as 'linear', factor: 2 } }],
    [
      'too few factors',
      { width: 4, scaling: { type: 'longrope', short: [1, 2], long: [1], trained: 8, length: 8 } },
    ],
    ['low above high', { width: 4, scaling: { type: 'llama3', factor: 2, trained: 8, low: 4, high: 1 } }],
    ['no trained length', { width: 4, scaling: { type: 'yarn', factor: 2, trained: NaN } }],
  ])('%s is refused', (_, options) => {
    expect(() => rotaryFrequencies(options)).toThrow(UsageError)
  })
})

describe('distances', () => {
  test('buckets rise with the distance', () => {
    let last = 0
    for (let distance = 0; distance < 300; distance++) {
      const bucket = t5BucketOf(-distance, { bidirectional: false })
      expect(bucket).toBeGreaterThanOrEqual(last)
      last = bucket
    }
    expect(last).toBe(31)
    expect(t5BucketOf(5, { bidirectional: false })).toBe(0)
    expect(t5BucketOf(5, { bidirectional: true })).toBe(21)
    expect(debertaBucketOf(-3, { buckets: 32, maximumDistance: 128 })).toBe(-3)
  })

  test('what makes no sense is refused', () => {
    expect(() => t5BucketOf(1, { bidirectional: true, buckets: 2 })).toThrow(UsageError)
    expect(() => debertaBucketOf(1, { buckets: 2, maximumDistance: 128 })).toThrow(UsageError)
    expect(() => debertaBucketOf(1, { buckets: 32, maximumDistance: 16 })).toThrow(UsageError)
    expect(() => alibiSlopes(0)).toThrow(UsageError)
    expect(() => alibiSlopes(2.5)).toThrow(
      'alibiSlopes: expected heads to be a whole number of at least 1, found 2.5',
    )
  })
})
