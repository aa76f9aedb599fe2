/** Rankings of documents: from scores, and from other rankings. */
import { checkWhole, UsageError } from '../base/index.js'
import type { CrossEncoder, PairOptions, Ranked } from '../models/index.js'

/** The k documents with the highest scores, the best first; of equals the earlier one. */
export function topOf(scores: ArrayLike<number>, k: number = scores.length): Ranked[] {
  checkWhole('topOf', 'k', k)
  // A heap of the k best so far, the worst of them at its top, as numbers of documents.
  const heap: number[] = []
  const isWorse = (a: number, b: number): boolean =>
    scores[a]! < scores[b]! || (scores[a] === scores[b] && a > b)
  const sink = (place: number): void => {
    for (;;) {
      let least = place
      for (const child of [2 * place + 1, 2 * place + 2])
        if (child < heap.length && isWorse(heap[child]!, heap[least]!)) least = child
      if (least === place) return
      ;[heap[place], heap[least]] = [heap[least]!, heap[place]!]
      place = least
    }
  }
  const size = Math.min(k, scores.length)
  for (let document = 0; document < size; document++) heap.push(document)
  for (let place = size >> 1; place >= 0; place--) sink(place)
  for (let document = size; size > 0 && document < scores.length; document++) {
    if (!isWorse(heap[0]!, document)) continue
    heap[0] = document
    sink(0)
  }
  return heap
    .sort((a, b) => (isWorse(b, a) ? -1 : 1))
    .map((document) => ({ document, score: scores[document]! }))
}

/**
 * The place of a document among all, from 1 on: one more than those that score higher, or as high before it.
 */
export function rankOf(scores: ArrayLike<number>, document: number): number {
  const own = scores[document]!
  let rank = 1
  for (let i = 0; i < scores.length; i++) if (scores[i]! > own || (scores[i] === own && i < document)) rank++
  return rank
}

/**
 * One ranking from several (Cormack, Clarke and Büttcher 2009): each document's score is Σ weight / (60 +
 * place), places from 1 on. A ranking that lacks a document brings nothing.
 *
 * @param options `weights`: one for each ranking, default 1; `constant`: in place of 60
 */
export function reciprocalRankFusion(
  rankings: readonly (readonly Pick<Ranked, 'document'>[])[],
  options: { readonly weights?: readonly number[] | undefined; readonly constant?: number | undefined } = {},
): Ranked[] {
  const { weights, constant = 60 } = options
  checkCount('reciprocalRankFusion', weights, rankings.length)
  const scores = new Map<number, number>()
  rankings.forEach((ranking, i) =>
    ranking.forEach(({ document }, place) => {
      const part = (weights?.[i] ?? 1) / (constant + place + 1)
      scores.set(document, (scores.get(document) ?? 0) + part)
    }),
  )
  return sorted([...scores].map(([document, score]) => ({ document, score })))
}

/**
 * The sum of several scores of the same documents, each first brought to 0 … 1 by its own range, since scores
 * of different methods are of different size.
 *
 * @param weights one for each; default 1
 */
export function weightedScores(
  scores: readonly ArrayLike<number>[],
  weights?: readonly number[],
): Float64Array {
  checkCount('weightedScores', weights, scores.length)
  const sums = new Float64Array(scores[0]?.length ?? 0)
  scores.forEach((own, i) => {
    let [low, high] = [Infinity, -Infinity]
    for (let at = 0; at < own.length; at++) {
      low = Math.min(low, own[at]!)
      high = Math.max(high, own[at]!)
    }
    const scale = high > low ? (weights?.[i] ?? 1) / (high - low) : 0
    for (let at = 0; at < sums.length; at++) sums[at]! += scale * (own[at]! - low)
  })
  return sums
}

/**
 * A ranking whose first `k` documents a cross-encoder puts in order anew; the others follow as they were.
 *
 * @param texts of all documents, by their numbers
 */
export function reranked(
  encoder: CrossEncoder,
  query: string,
  ranking: readonly Ranked[],
  texts: readonly string[],
  k: number,
  options: PairOptions = {},
): Ranked[] {
  checkWhole('reranked', 'k', k, 1)
  const first = ranking.slice(0, k)
  const found = encoder.rank(
    query,
    first.map(({ document }) => texts[document]!),
    options,
  )
  const again = found.map(({ document, score }) => ({ document: first[document]!.document, score }))
  return [...again, ...ranking.slice(k)]
}

function sorted(ranking: Ranked[]): Ranked[] {
  return ranking.sort((a, b) => b.score - a.score || a.document - b.document)
}

function checkCount(operation: string, weights: readonly number[] | undefined, count: number): void {
  if (weights === undefined || weights.length === count) return
  throw new UsageError({
    operation,
    expected: `${count} weights`,
    found: String(weights.length),
    hint: 'give one for each ranking, or leave them out',
  })
}
