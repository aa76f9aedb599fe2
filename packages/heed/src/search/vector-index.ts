import { UsageError } from '../base/index.js'
import { dot, scope, tensor, type Tensor } from '../tensor/index.js'

/** Queries, and documents, whose products are computed at once. */
const [queriesTogether, documentsTogether] = [256, 8192]

/** Documents by their vectors: each query is compared with all of them. */
export class VectorIndex {
  /** How many documents there are. */
  readonly size: number
  readonly #width: number
  readonly #numbers: Float32Array
  readonly #cosine: boolean

  /**
   * @param vectors all of one length
   * @param similarity `cosine`, or `dot`, the product of vectors as they are; default `cosine`
   * @throws UsageError for vectors of different lengths
   */
  constructor(vectors: readonly ArrayLike<number>[], similarity: 'cosine' | 'dot' = 'cosine') {
    this.size = vectors.length
    this.#width = vectors[0]?.length ?? 0
    this.#cosine = similarity === 'cosine'
    this.#numbers = this.#rows(vectors)
  }

  /** The similarity of each query with each document, in f32: a list for each query. */
  scores(queries: readonly ArrayLike<number>[]): Float32Array[] {
    const found = queries.map(() => new Float32Array(this.size))
    for (let first = 0; first < queries.length; first += queriesTogether) {
      const some = queries.slice(first, first + queriesTogether)
      const rows = this.#rows(some)
      for (let start = 0; start < this.size; start += documentsTogether) {
        const count = Math.min(documentsTogether, this.size - start)
        const products = scope(() => {
          const asked: Tensor<'query' | 'width'> = tensor(rows, { query: some.length, width: this.#width })
          const part = this.#numbers.subarray(start * this.#width, (start + count) * this.#width)
          const there: Tensor<'key' | 'width'> = tensor(part, { key: count, width: this.#width })
          return dot(asked, there, 'width').values(['query', 'key'])
        })
        some.forEach((_, i) =>
          found[first + i]!.set(products.subarray(i * count, (i + 1) * count) as Float32Array, start),
        )
      }
    }
    return found
  }

  #rows(vectors: readonly ArrayLike<number>[]): Float32Array {
    const width = this.#width
    const rows = new Float32Array(vectors.length * width)
    vectors.forEach((vector, i) => {
      if (vector.length !== width)
        throw new UsageError({
          operation: 'VectorIndex',
          expected: `vectors of ${width} numbers`,
          found: `one of ${vector.length}`,
          hint: 'encode queries and documents with the same model and options',
        })
      let squares = 0
      for (let at = 0; at < width; at++) squares += vector[at]! ** 2
      const scale = this.#cosine && squares > 0 ? 1 / Math.sqrt(squares) : 1
      for (let at = 0; at < width; at++) rows[i * width + at] = vector[at]! * scale
    })
    return rows
  }
}
