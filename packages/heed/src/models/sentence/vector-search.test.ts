import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../base/index.js'
import {
  compactVectors,
  type FoundVector,
  hammingDistance,
  nearestVectors,
  quantizeVectors,
  searchCompact,
  type VectorFormat,
  vectorRanges,
  vectorSimilarity,
} from '../index.js'

/** What `vector-search.py` wrote. */
const recorded = JSON.parse(
  readFileSync(new URL('fixtures/vector-search.json', import.meta.url), 'utf8'),
) as {
  readonly top: number
  readonly oversample: number
  readonly corpus: readonly (readonly number[])[]
  readonly calibration: readonly (readonly number[])[]
  readonly queries: readonly (readonly number[])[]
  readonly quantized: Readonly<Record<VectorFormat, readonly (readonly number[])[]>>
  readonly distances: readonly (readonly number[])[]
  readonly semantic_search: readonly (readonly (readonly [number, number])[])[]
  readonly ubinary: readonly (readonly number[])[]
  readonly uint8: readonly (readonly (readonly [number, number])[])[]
}
const float = (vectors: readonly (readonly number[])[]): Float32Array[] =>
  vectors.map((vector) => Float32Array.from(vector))
const corpus = float(recorded.corpus)
const queries = float(recorded.queries)
const ranges = vectorRanges(float(recorded.calibration))
const { top: count, oversample } = recorded

function expectSame(found: readonly FoundVector[], expected: readonly (readonly [number, number])[]): void {
  expect(found.map(({ index }) => index).join()).toBe(expected.map(([index]) => index).join())
  found.forEach(({ score }, i) => expect(score).toBeCloseTo(expected[i]![1], 4))
}

describe('as sentence-transformers has it', () => {
  test.each(Object.keys(recorded.quantized) as VectorFormat[])('vectors as %s', (format) => {
    const found = quantizeVectors(corpus, format, ranges)
    found.forEach((vector, i) => expect(vector.join()).toBe(recorded.quantized[format][i]!.join()))
  })

  test('bits that differ', () => {
    for (const format of ['binary', 'ubinary'] as const) {
      const bits = quantizeVectors(corpus, format)
      quantizeVectors(queries, format).forEach((query, i) =>
        expect(bits.map((one) => hammingDistance(query, one)).join()).toBe(recorded.distances[i]!.join()),
      )
    }
  })

  test('a search among all', () => {
    queries.forEach((query, i) =>
      expectSame(nearestVectors(query, corpus, { count }), recorded.semantic_search[i]!),
    )
  })

  test('a search by bits, scored again by bits', () => {
    const compact = compactVectors(corpus, { codes: false })
    queries.forEach((query, i) => {
      const found = searchCompact(query, compact, { count, oversample })
      expect(found.map(({ index }) => index).join()).toBe(recorded.ubinary[i]!.join())
    })
  })

  test('a search that scores all again by codes', () => {
    const compact = compactVectors(corpus, { ranges })
    queries.forEach((query, i) =>
      expectSame(searchCompact(query, compact, { count, oversample: 100 }), recorded.uint8[i]!),
    )
  })
})

const vectorsOf = (width: number): fc.Arbitrary<Float32Array[]> =>
  fc.array(fc.float32Array({ minLength: width, maxLength: width, noNaN: true, min: -2, max: 2 }), {
    minLength: 1,
    maxLength: 30,
  })

test('a search is what putting all in order gives', () =>
  fc.assert(
    fc.property(vectorsOf(5), fc.integer({ min: 1, max: 40 }), (vectors, most) => {
      const query = vectors[0]!
      const plain = vectors
        .map((vector, index) => ({ index, score: vectorSimilarity(query, vector, 'dot') }))
        .sort((a, b) => b.score - a.score || a.index - b.index)
        .slice(0, most)
      const found = nearestVectors(query, vectors, { count: most, similarity: 'dot' })
      expect(found.map(({ index }) => index).join()).toBe(plain.map(({ index }) => index).join())
    }),
  ))

test('bits: the distance is a metric, and of a vector with itself 0', () =>
  fc.assert(
    fc.property(vectorsOf(19), (vectors) => {
      const bits = quantizeVectors(vectors, 'ubinary')
      const [a, b, c] = [bits[0]!, bits[bits.length >> 1]!, bits.at(-1)!]
      expect(hammingDistance(a, a)).toBe(0)
      expect(hammingDistance(a, b)).toBe(hammingDistance(b, a))
      expect(hammingDistance(a, c)).toBeLessThanOrEqual(hammingDistance(a, b) + hammingDistance(b, c))
    }),
  ))

test('codes stand for numbers that are at most a step off', () =>
  fc.assert(
    fc.property(vectorsOf(7), (vectors) => {
      const own = vectorRanges(vectors)
      const { codes } = compactVectors(vectors)
      vectors.forEach((vector, row) =>
        vector.forEach((value, i) => {
          const step = (own.largest[i]! - own.smallest[i]!) / 255
          const back = own.smallest[i]! + codes![row * 7 + i]! * (step || 1)
          expect(Math.abs(back - value)).toBeLessThanOrEqual(step * 1.01 + 1e-6)
        }),
      )
    }),
  ))

test('nothing is found among nothing', () => {
  expect(nearestVectors([1, 2], [])).toEqual([])
  expect(searchCompact([], compactVectors([]))).toEqual([])
})

test.each([
  ['a count of 0', () => nearestVectors([1], [[1]], { count: 0 })],
  ['half a count', () => searchCompact([1], compactVectors([[1]]), { oversample: 1.5 })],
  ['another width', () => nearestVectors([1], [[1, 2]])],
  ['a query of another width', () => searchCompact([1, 2, 3], compactVectors([[1, 2]]))],
  ['vectors of several widths', () => compactVectors([[1], [1, 2]])],
  ['bits of several widths', () => hammingDistance(new Uint8Array(2), new Uint8Array(3))],
])('refuses %s', (_, use) => expect(use).toThrow(UsageError))
