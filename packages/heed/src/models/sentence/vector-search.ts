/** Which vectors are most like another one: among vectors as they are, and among vectors of fewer bits. */
import { checkWhole, UsageError } from '../../base/index.js'
import type { SimilarityName } from './settings.js'
import { quantizeVectors, type VectorRanges, vectorRanges, vectorSimilarity } from './similarity.js'

type Vector = ArrayLike<number>

/** A vector that a search found. */
export interface FoundVector {
  /** Its number in the list that was searched. */
  readonly index: number
  readonly score: number
}

/** How vectors are searched. */
export interface VectorSearchOptions {
  /** How many are given, the best first; default 10. */
  readonly count?: number | undefined
  /** Default: the cosine. */
  readonly similarity?: SimilarityName | undefined
}

/**
 * The vectors most like a query, the best first; of equals the first. Every vector is looked at.
 *
 * @throws UsageError for a count below 1, or vectors of different lengths
 */
export function nearestVectors(
  query: Vector,
  vectors: readonly Vector[],
  { count = 10, similarity = 'cosine' }: VectorSearchOptions = {},
): FoundVector[] {
  checkWhole('nearestVectors', 'count', count, 1)
  return best(vectors.length, count, (index) => vectorSimilarity(query, vectors[index]!, similarity))
}

/**
 * How many bits of two vectors differ, which `quantizeVectors` made as `binary` or `ubinary`.
 *
 * @throws UsageError for vectors of different lengths
 */
export function hammingDistance(a: Int8Array | Uint8Array, b: Int8Array | Uint8Array): number {
  checkLength('hammingDistance', 'bytes', a.length, b.length)
  let distance = 0
  for (let i = 0; i < a.length; i++) distance += ones[(a[i]! ^ b[i]!) & 0xff]!
  return distance
}

/** How many bits of each byte are 1. */
const ones = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1
  return count
})

/**
 * Vectors that take a bit for each number, and 8 more where they are scored again: with the codes of `int8`.
 */
export interface CompactVectors {
  readonly width: number
  /** As `ubinary`, a vector after the other. */
  readonly bits: Uint8Array
  /** As `uint8`, a vector after the other; without them, candidates are scored by their bits. */
  readonly codes?: Uint8Array | undefined
  /** The ranges of the codes. */
  readonly ranges?: VectorRanges | undefined
}

/** What is kept of each vector. */
export interface CompactOptions {
  /** Whether 8 bits a number are kept beside the one; default true. */
  readonly codes?: boolean | undefined
  /** What the codes are calibrated by: the ranges of many vectors. Default: those of the vectors. */
  readonly ranges?: VectorRanges | undefined
}

/**
 * Packs vectors for `searchCompact`.
 *
 * @throws UsageError for vectors of different lengths
 */
export function compactVectors(
  vectors: readonly Vector[],
  { codes = true, ranges }: CompactOptions = {},
): CompactVectors {
  const width = vectors[0]?.length ?? 0
  for (const vector of vectors) checkLength('compactVectors', 'numbers', width, vector.length)
  const bits = joined(quantizeVectors(vectors, 'ubinary'))
  if (!codes) return { width, bits }
  const own = ranges ?? vectorRanges(vectors)
  return { width, bits, codes: joined(quantizeVectors(vectors, 'uint8', own)), ranges: own }
}

function joined(rows: readonly (Int8Array | Uint8Array)[]): Uint8Array {
  const length = rows[0]?.length ?? 0
  const all = new Uint8Array(rows.length * length)
  rows.forEach((row, i) => all.set(row, i * length))
  return all
}

/** How packed vectors are searched. */
export interface CompactSearchOptions {
  /** How many are given, the best first; default 10. */
  readonly count?: number | undefined
  /** So many times `count` candidates are scored again; default 4. */
  readonly oversample?: number | undefined
}

/**
 * The vectors most like a query, in two steps: `count` × `oversample` candidates of the fewest bits that
 * differ from the query's, then those of the largest product of the query with what their codes stand for
 * (smallest + code × step), or with their bits as 0 and 1 where there are no codes.
 *
 * @throws UsageError for a query of another length, or counts below 1
 */
export function searchCompact(
  query: Vector,
  { width, bits, codes, ranges }: CompactVectors,
  { count = 10, oversample = 4 }: CompactSearchOptions = {},
): FoundVector[] {
  checkWhole('searchCompact', 'count', count, 1)
  checkWhole('searchCompact', 'oversample', oversample, 1)
  checkLength('searchCompact', 'numbers', width, query.length)
  const [asked] = quantizeVectors([query], 'ubinary')
  const length = asked!.length
  const total = length === 0 ? 0 : bits.length / length
  const candidates = best(total, count * oversample, (index) => {
    let distance = 0
    for (let i = 0; i < length; i++) distance += ones[asked![i]! ^ bits[index * length + i]!]!
    return -distance
  })
  const numberOf =
    codes === undefined || ranges === undefined
      ? (index: number, i: number) => (bits[index * length + (i >> 3)]! >> (7 - (i & 7))) & 1
      : (index: number, i: number) => ranges.smallest[i]! + codes[index * width + i]! * stepOf(ranges, i)
  const found = best(candidates.length, count, (place) => {
    const { index } = candidates[place]!
    let product = 0
    for (let i = 0; i < width; i++) product += query[i]! * numberOf(index, i)
    return product
  })
  return found.map(({ index, score }) => ({ index: candidates[index]!.index, score }))
}

function stepOf({ smallest, largest }: VectorRanges, i: number): number {
  return Math.fround((largest[i]! - smallest[i]!) / 255) || 1
}

/** The `count` best of `total`, the best first; of equals the first. */
function best(total: number, count: number, scoreOf: (index: number) => number): FoundVector[] {
  const found: FoundVector[] = []
  for (let index = 0; index < total; index++) {
    const score = scoreOf(index)
    if (found.length === count && !(score > found[count - 1]!.score)) continue
    let [low, high] = [0, found.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (found[middle]!.score >= score) low = middle + 1
      else high = middle
    }
    if (found.length === count) found.pop()
    found.splice(low, 0, { index, score })
  }
  return found
}

function checkLength(operation: string, what: string, expected: number, found: number): void {
  if (expected === found) return
  throw new UsageError({
    operation,
    expected: `vectors of ${expected} ${what}`,
    found: `one of ${found}`,
    hint: 'compare vectors of the same model',
  })
}
