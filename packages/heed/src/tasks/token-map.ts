/** Which tokens of a query met which of a document, in late interaction. */
import { maxSim, tokenSimilarities, type TokenVectors } from '../models/index.js'
import { tensor } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import type { Attention } from './attention.js'
import { labelsOf } from './decoder-attention.js'

/** A token of a text, as pictures label it, and its place there; both 0 where it is in no text. */
export interface PlacedToken {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** A token of a query and the token of a document that is most like it. */
export interface Meeting {
  readonly query: PlacedToken
  readonly document: PlacedToken
  readonly similarity: number
}

/** For each token of the query, what it met. */
export function meetingsOf(
  tokenizer: Tokenizer,
  [query, asked]: readonly [text: string, vectors: TokenVectors],
  [document, answering]: readonly [text: string, vectors: TokenVectors],
): Meeting[] {
  const { met, similarity } = maxSim(asked, answering)
  const [queries, documents] = [placed(tokenizer, query, asked), placed(tokenizer, document, answering)]
  return queries.flatMap((token, i) =>
    met[i]! < 0 ? [] : [{ query: token, document: documents[met[i]!]!, similarity: similarity[i]! }],
  )
}

function placed(tokenizer: Tokenizer, text: string, { ids, spans }: TokenVectors): PlacedToken[] {
  return labelsOf(tokenizer, ids).map((label, i) => ({
    text: label,
    start: Math.min(text.length, spans[2 * i]!),
    end: Math.min(text.length, spans[2 * i + 1]!),
  }))
}

/** How alike each token of the query is to each of the document, as a filter: cosines, negative ones as 0. */
export function tokenMap(tokenizer: Tokenizer, query: TokenVectors, document: TokenVectors): Attention {
  const products = tokenSimilarities(query, document)
  const numbers = Float32Array.from(products, (product) => Math.min(1, Math.max(0, product)))
  const shape = { head: 1, query: query.ids.length, key: document.ids.length }
  return {
    filters: { lateInteraction: tensor(numbers, shape) },
    labels: { query: labelsOf(tokenizer, query.ids), key: labelsOf(tokenizer, document.ids) },
  }
}
