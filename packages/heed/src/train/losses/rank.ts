/** Losses of the order in which documents stand for a query. */
import { UsageError } from '../../base/index.js'
import { map, mean, softmax, stopGradient, sum, type Tensor } from '../../tensor/index.js'
import { softCrossEntropy } from './soft-targets.js'

/** Of each query and document. Documents that fill up a query's row have relevance −Infinity. */
type Ranking = Tensor<'query' | 'document'>

/**
 * RankNet (Burges et al. 2005, "Learning to Rank using Gradient Descent", section 3, with P̄ = 1): the mean
 * of ln(1 + e^−(s_i − s_j)) over all pairs of a query's documents where i is more relevant than j; 0 where
 * there is no such pair.
 *
 * @param scores query document
 * @param relevance query document; −Infinity where a row is filled up
 * @throws ShapeError where sizes differ
 */
export function rankNetLoss(scores: Ranking, relevance: Ranking): Tensor<never> {
  const other = { document: 'other' } as const
  const counts = map(
    (more, less) => more.gt(less).and(less.gt(-Infinity)),
    relevance,
    relevance.rename(other),
  )
  const pairs = sum(counts).item()
  const losses = map(
    (own, less, is) => is.gt(0).select(less.sub(own).softplus(), 0),
    scores,
    scores.rename(other),
    counts,
  )
  return sum(losses).mul(1 / Math.max(1, pairs))
}

/**
 * Listwise softmax: the mean over queries of −Σ p ln softmax(scores) along the documents.
 *
 * - `shares`: p is each relevance over their sum, so that one relevant document of 1 among others of 0 gives
 *   the cross-entropy of finding it (Bruch et al. 2019, "An Analysis of the Softmax Cross Entropy Loss for
 *   Learning-to-Rank with Binary Relevance", eq. 3).
 * - `softmax`: p is the softmax of the relevance (ListNet's top one probabilities; Cao et al. 2007, "Learning
 *   to Rank: From Pairwise Approach to Listwise Approach", eq. 4).
 *
 * @param scores query document
 * @param relevance query document; −Infinity where a row is filled up. With `shares` at least 0, and not all
 * of a query 0
 * @throws ShapeError where sizes differ; UsageError for a query without anything relevant
 */
export function listwiseLoss(
  scores: Ranking,
  relevance: Ranking,
  targets: 'shares' | 'softmax' = 'shares',
): Tensor<never> {
  const given = stopGradient(relevance)
  const seen = map((score, relevant) => relevant.gt(-Infinity).select(score, -Infinity), scores, given)
  const shares = targets === 'softmax' ? softmax(given, 'document') : sharesOf(given)
  return mean(softCrossEntropy(seen, shares, 'document'))
}

/** Each relevance over the sum of its query's. */
function sharesOf(relevance: Ranking): Ranking {
  const positive = map((relevant) => relevant.max(0), relevance)
  const sums = sum(positive, 'document')
  const numbers = sums.values(['query'])
  const wrong = numbers.findIndex((total) => !(total > 0 && total < Infinity))
  if (wrong >= 0)
    throw new UsageError({
      operation: 'listwiseLoss',
      expected: 'at least one document of each query with a relevance above 0',
      found: `query ${wrong} without one`,
      hint: 'leave such queries out',
    })
  return positive.div(sums)
}
