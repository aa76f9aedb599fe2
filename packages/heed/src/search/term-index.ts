/** Documents by their terms: the inverted index that word counts and sparse vectors are searched in. */
import { UsageError } from '../base/index.js'

/** Terms as whole numbers from 0, such as token ids, and the weight of each. */
export interface WeighedTerms {
  /** A term may come several times: then each counts. */
  readonly ids: ArrayLike<number>
  /** Default: 1 each. */
  readonly weights?: ArrayLike<number> | undefined
}

/**
 * Scores documents by the product of their terms' weights with those of a query. A query costs as much as
 * there are documents that have one of its terms.
 */
export class TermIndex {
  /** How many documents there are. */
  readonly size: number
  /** Of term t, the documents and weights from starts[t] to starts[t + 1]. */
  readonly #starts: Uint32Array
  readonly #documents: Uint32Array
  readonly #weights: Float64Array

  /** Throws UsageError for ids that are no whole numbers from 0, or weights that are not as many. */
  constructor(documents: readonly WeighedTerms[]) {
    let [terms, count] = [0, 0]
    documents.forEach(({ ids, weights }, i) => {
      if (weights !== undefined && weights.length !== ids.length)
        throw refused(`${ids.length} weights of document ${i}`, String(weights.length))
      for (let at = 0; at < ids.length; at++) {
        const id = ids[at]!
        if (!Number.isInteger(id) || id < 0 || id >= 2 ** 31)
          throw refused('terms that are whole numbers from 0', String(id))
        terms = Math.max(terms, id + 1)
      }
      count += ids.length
    })
    this.size = documents.length
    this.#starts = new Uint32Array(terms + 1)
    for (const { ids } of documents) for (let at = 0; at < ids.length; at++) this.#starts[ids[at]! + 1]!++
    for (let term = 0; term < terms; term++) this.#starts[term + 1]! += this.#starts[term]!
    this.#documents = new Uint32Array(count)
    this.#weights = new Float64Array(count)
    const next = this.#starts.slice()
    documents.forEach(({ ids, weights }, document) => {
      for (let at = 0; at < ids.length; at++) {
        const place = next[ids[at]!]!++
        this.#documents[place] = document
        this.#weights[place] = weights?.[at] ?? 1
      }
    })
  }

  /** The score of each document, in f64; 0 where it has no term of the query. */
  scores({ ids, weights }: WeighedTerms): Float64Array {
    const scores = new Float64Array(this.size)
    for (let at = 0; at < ids.length; at++) {
      const weight = weights?.[at] ?? 1
      // A term that no document has is none of the index.
      const end = this.#starts[ids[at]! + 1] ?? 0
      for (let i = end === 0 ? 0 : this.#starts[ids[at]!]!; i < end; i++)
        scores[this.#documents[i]!]! += weight * this.#weights[i]!
    }
    return scores
  }
}

function refused(expected: string, found: string): UsageError {
  return new UsageError({
    operation: 'TermIndex',
    expected,
    found,
    hint: 'give the ids that a tokenizer makes, or number the words',
  })
}
