/** How alike vectors are, and vectors of fewer bits. */
import { UsageError } from '../../base/index.js'
import type { SimilarityName } from './settings.js'

type Vector = ArrayLike<number>

/**
 * How alike two vectors are; larger is more alike. `cosine` and `dot` are products, `euclidean` and
 * `manhattan` distances with a minus. In f64. The cosine with a vector of zeros is 0.
 *
 * @throws UsageError for vectors of different lengths
 */
export function vectorSimilarity(a: Vector, b: Vector, name: SimilarityName = 'cosine'): number {
  if (a.length !== b.length)
    throw new UsageError({
      operation: 'vectorSimilarity',
      expected: `two vectors of ${a.length} numbers`,
      found: `one of ${b.length}`,
      hint: 'compare vectors of the same model',
    })
  let [products, squaresA, squaresB, distance] = [0, 0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!]
    products += x * y
    squaresA += x * x
    squaresB += y * y
    distance += name === 'manhattan' ? Math.abs(x - y) : (x - y) ** 2
  }
  switch (name) {
    case 'dot':
      return products
    case 'cosine':
      return products === 0 ? 0 : products / Math.sqrt(squaresA * squaresB)
    case 'euclidean':
      return -Math.sqrt(distance)
    case 'manhattan':
      return -distance
  }
}

/** What vectors may be made of fewer bits as. */
export type VectorFormat = 'int8' | 'uint8' | 'binary' | 'ubinary'

/** The smallest and the largest number of each dimension. */
export interface VectorRanges {
  readonly smallest: Float32Array
  readonly largest: Float32Array
}

/** The ranges of these vectors, which should be many. */
export function vectorRanges(vectors: readonly Vector[]): VectorRanges {
  const width = vectors[0]?.length ?? 0
  const over = (start: number, of: (a: number, b: number) => number): Float32Array =>
    Float32Array.from({ length: width }, (_, i) =>
      vectors.reduce((found, vector) => of(found, vector[i]!), start),
    )
  return { smallest: over(Infinity, Math.min), largest: over(-Infinity, Math.max) }
}

/**
 * Vectors in 8 bits or 1 bit a number. `uint8`: ⌊(x − smallest) / step⌋ with step (largest − smallest) / 255,
 * within 0 … 255; `int8`: the same less 128. `ubinary`: a bit for each number, 1 where it is above 0, the
 * first the highest of its byte; `binary`: the same bytes less 128.
 *
 * @param ranges of `uint8` and `int8`; default: those of the vectors
 */
export function quantizeVectors(
  vectors: readonly Vector[],
  format: VectorFormat,
  ranges: VectorRanges = vectorRanges(vectors),
): (Int8Array | Uint8Array)[] {
  return vectors.map((vector) => {
    const bytes = format === 'int8' || format === 'uint8' ? inRanges(vector, ranges) : bitsOf(vector)
    return format === 'int8' || format === 'binary' ? Int8Array.from(bytes, (byte) => byte - 128) : bytes
  })
}

function inRanges(vector: Vector, { smallest, largest }: VectorRanges): Uint8Array {
  return Uint8Array.from(vector, (value, i) => {
    const step = Math.fround((largest[i]! - smallest[i]!) / 255) || 1
    return Math.min(255, Math.max(0, Math.floor(Math.fround((value - smallest[i]!) / step))))
  })
}

function bitsOf(vector: Vector): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(vector.length / 8))
  for (let i = 0; i < vector.length; i++) if (vector[i]! > 0) bytes[i >> 3]! |= 0x80 >> (i & 7)
  return bytes
}
