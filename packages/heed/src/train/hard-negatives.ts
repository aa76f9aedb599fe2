/** Documents that look like the right one and are not: what a model learns most from. */
import { checkNames, checkWhole, foldIn, permutation, randomKey, UsageError } from '../base/index.js'
import type { SentenceEncoder } from '../models/index.js'
import { bm25Index, termsOf, topOf, VectorIndex } from '../search/index.js'
import type { Tokenizer } from '../text/index.js'

/** A query, and the numbers of the documents that answer it. */
export interface MinedQuery {
  readonly query: string
  readonly positives: readonly number[]
}

/** How well each document of a collection fits each of some queries. */
export type DocumentScorer = (queries: readonly string[]) => readonly ArrayLike<number>[]

/** Which documents are taken. */
export interface HardNegativeOptions {
  /** How many of each query; fewer where there are no more. Default 4. */
  readonly count?: number | undefined
  /** The best documents that are looked at, without the positives. Default 50. */
  readonly among?: number | undefined
  /** How many of the best are passed over, since they may be right, too. Default 0. */
  readonly skip?: number | undefined
  /**
   * A negative scores at most this share of the least of the positives' scores: 0.95 keeps what is as good
   * away (Moreira et al. 2024, "NV-Retriever", section 3.2, TopK-PercPos). Default: no such limit.
   */
  readonly share?: number | undefined
  /** Which are drawn among those. Default 0. */
  readonly seed?: number | undefined
}

/** BM25 over a collection; `tokenizer`: see `termsOf`. */
export function bm25Scorer(documents: readonly string[], tokenizer?: Tokenizer): DocumentScorer {
  const terms = termsOf(tokenizer)
  const index = bm25Index(documents.map(terms))
  return (queries) => queries.map((query) => index.scores({ ids: terms(query) }))
}

/** The cosines of a sentence encoder's vectors (Xiong et al. 2021, "ANCE", with a fixed encoder). */
export function encoderScorer(documents: readonly string[], encoder: SentenceEncoder): DocumentScorer {
  const index = new VectorIndex(encoder.encode(documents))
  return (queries) => index.scores(encoder.encode(queries))
}

/**
 * Hard negatives of queries: numbers of documents, a list for each query, drawn from the best that are no
 * positives (Karpukhin et al. 2020, "Dense Passage Retrieval", section 3.2). What a document says word for
 * word as a positive or the query does is none. Decided by scores and seed alone.
 *
 * @throws UsageError for options that make no sense, or a positive that is no document
 */
export function hardNegatives(
  documents: readonly string[],
  queries: readonly MinedQuery[],
  scorer: DocumentScorer,
  options: HardNegativeOptions = {},
): number[][] {
  const operation = 'hardNegatives'
  const names = ['count', 'among', 'skip', 'share', 'seed'] satisfies (keyof HardNegativeOptions)[]
  checkNames(operation, options, names)
  const { count = 4, among = 50, skip = 0, share, seed = 0 } = options
  checkWhole(operation, 'count', count, 1)
  checkWhole(operation, 'among', among, 1)
  checkWhole(operation, 'skip', skip)
  if (share !== undefined && !(share > 0 && share < Infinity))
    throw new UsageError({
      operation,
      expected: 'share above 0',
      found: String(share),
      hint: '0.95 is usual',
    })
  const key = randomKey(seed, 'hard negatives')
  const together = 256
  return queries.flatMap((_, start) =>
    start % together !== 0
      ? []
      : scorer(queries.slice(start, start + together).map(({ query }) => query)).map((scores, i) => {
          const { query, positives } = queries[start + i]!
          const said = new Set([query, ...positives.map((place) => textAt(documents, place))])
          const limit =
            share === undefined ? Infinity : share * Math.min(...positives.map((place) => scores[place]!))
          const found = topOf(scores, skip + among + positives.length + said.size)
            .filter(({ document, score }) => !said.has(documents[document]!) && score <= limit)
            .slice(skip, skip + among)
          const order = permutation(foldIn(key, start + i), found.length)
          return Array.from(order.subarray(0, count), (place) => found[place]!.document)
        }),
  )
}

function textAt(documents: readonly string[], place: number): string {
  const text = documents[place]
  if (text !== undefined) return text
  throw new UsageError({
    operation: 'hardNegatives',
    expected: `positives that are numbers of the ${documents.length} documents`,
    found: String(place),
    hint: 'count documents from 0',
  })
}
