/** How well the tokens of a document answer those of a query. */
import { UsageError } from '../../base/index.js'
import { dot, scope, tensor } from '../../tensor/index.js'

/** A text as vectors of its tokens. */
export interface TokenVectors {
  /** The token of each vector. */
  readonly ids: Int32Array
  /**
   * Where each token stands in the text, begin and end of token i at 2i and 2i + 1, in UTF-16 units; both 0
   * of one that isn't in it.
   */
  readonly spans: Int32Array
  /** token × width, row by row. */
  readonly vectors: Float32Array
  readonly width: number
}

/** A score, and which tokens made it. */
export interface MaxSim {
  /** The sum of the similarities; −Infinity for a document without vectors. */
  readonly score: number
  /** For each token of the query, the place of the document's token that is most like it. */
  readonly met: Int32Array
  /** How alike the two are. */
  readonly similarity: Float32Array
}

type Vectors = Pick<TokenVectors, 'vectors' | 'width'>

/**
 * The products of every token of a query with every token of a document: query × document, row by row. Of
 * vectors of length 1 they are cosines.
 *
 * @throws UsageError for vectors of different widths
 */
export function tokenSimilarities(query: Vectors, document: Vectors): Float32Array {
  if (query.width !== document.width)
    throw new UsageError({
      operation: 'tokenSimilarities',
      expected: `vectors of ${query.width} numbers`,
      found: String(document.width),
      hint: 'compare vectors of the same model',
    })
  const { width } = query
  const [queries, documents] = [query, document].map(({ vectors }) => vectors.length / width)
  if (queries === 0 || documents === 0) return new Float32Array(0)
  return scope(() =>
    Float32Array.from(
      dot(
        tensor(query.vectors, { query: queries!, width }),
        tensor(document.vectors, { key: documents!, width }),
        'width',
      ).values(['query', 'key']),
    ),
  )
}

/**
 * MaxSim: Σ over the query's tokens of the largest product with a token of the document (Khattab and Zaharia
 * 2020, equation 3). Of equal products the first counts.
 *
 * @throws UsageError for vectors of different widths
 */
export function maxSim(query: Vectors, document: Vectors): MaxSim {
  const products = tokenSimilarities(query, document)
  const queries = query.vectors.length / query.width
  const documents = document.vectors.length / document.width
  const met = new Int32Array(queries)
  const similarity = new Float32Array(queries)
  if (documents === 0) return { score: queries === 0 ? 0 : -Infinity, met: met.fill(-1), similarity }
  let score = 0
  for (let row = 0; row < queries; row++) {
    let best = 0
    for (let key = 1; key < documents; key++)
      if (products[row * documents + key]! > products[row * documents + best]!) best = key
    met[row] = best
    score += similarity[row] = products[row * documents + best]!
  }
  return { score, met, similarity }
}
