/** Losses that make similarities of vectors what they should be, or order them as they should be. */
import { checkNames, checkPositive, UsageError } from '../../base/index.js'
import {
  concat,
  crossEntropy,
  map,
  mean,
  meanSquaredError,
  sum,
  tensor,
  type Tensor,
  zeros,
} from '../../tensor/index.js'
import { cosinesOf, type Vectors } from './vectors.js'

/**
 * CoSENT (Su 2022, "CoSENT: a more effective sentence vector scheme than Sentence-BERT", eq. 7): ln(1 + Σ
 * exp(scale × (s_j − s_i))) over all pairs (i, j) of examples where i should be more alike than j. Only the
 * order of the targets matters.
 *
 * @param similarities batch: the cosine of each example's two vectors
 * @param targets batch: how alike they are
 * @param options `scale`: default 20
 * @throws ShapeError unless there are as many targets; UsageError for a scale not above 0
 */
export function cosentLoss(
  similarities: Tensor<'batch'>,
  targets: Tensor<'batch'>,
  options: { readonly scale?: number | undefined } = {},
): Tensor<never> {
  checkNames('cosentLoss', options, ['scale'])
  const { scale = 20 } = options
  checkPositive('cosentLoss', 'scale', scale)
  const { device } = similarities
  const differences = map(
    (own, other, target, less) => target.gt(less).select(other.sub(own).mul(scale), -Infinity),
    similarities,
    similarities.rename({ batch: 'other' }),
    targets,
    targets.rename({ batch: 'other' }),
  )
  // −ln of the share of a first logit 0 is ln(1 + Σ exp) of the others.
  const logits = concat(
    [zeros({ pair: 1 }, { device }), differences.merge(['batch', 'other'], 'pair')],
    'pair',
  )
  return crossEntropy(logits, tensor([0], {}, { dtype: 'i32', device }), 'pair')
}

/**
 * The mean of (cosine − target)² (Reimers and Gurevych 2019, "Sentence-BERT", section 3, regression
 * objective).
 *
 * @param a batch width
 * @param b batch width
 * @param targets batch, within −1 … 1
 * @throws ShapeError where sizes differ
 */
export function cosineSimilarityLoss(a: Vectors, b: Vectors, targets: Tensor<'batch'>): Tensor<never> {
  return meanSquaredError(cosinesOf(a, b), targets)
}

/** How `tripletLoss` measures. */
export interface TripletOptions {
  /** 'euclidean': |a − b|; 'cosine': 1 − cosine. Default 'euclidean'. */
  readonly distance?: 'euclidean' | 'cosine' | undefined
  /** By how much the negative has to be further away; default 5 of 'euclidean', 0.5 of 'cosine'. */
  readonly margin?: number | undefined
}

/**
 * The mean of max(d(anchor, positive) − d(anchor, negative) + margin, 0) (Reimers and Gurevych 2019, section
 * 3, triplet objective; Schroff et al. 2015, eq. 3, with distances that are not squared). The gradient of a
 * distance of 0 is 0.
 *
 * @param anchors batch width
 * @param positives batch width
 * @param negatives batch width
 * @throws ShapeError where sizes differ; UsageError for a distance that isn't known or a margin not above 0
 */
export function tripletLoss(
  anchors: Vectors,
  positives: Vectors,
  negatives: Vectors,
  options: TripletOptions = {},
): Tensor<never> {
  checkNames('tripletLoss', options, ['distance', 'margin'] satisfies (keyof TripletOptions)[])
  const { distance = 'euclidean', margin = distance === 'cosine' ? 0.5 : 5 } = options
  checkPositive('tripletLoss', 'margin', margin)
  if (distance !== 'euclidean' && distance !== 'cosine')
    throw new UsageError({
      operation: 'tripletLoss',
      expected: "a distance 'euclidean' or 'cosine'",
      found: String(distance),
      hint: "leave it out for 'euclidean'",
    })
  const between = distance === 'cosine' ? cosineDistances : euclideanDistances
  return mean(
    map(
      (near, far) => near.sub(far).add(margin).max(0),
      between(anchors, positives),
      between(anchors, negatives),
    ),
  )
}

function cosineDistances(a: Vectors, b: Vectors): Tensor<'batch'> {
  return map((cosine) => cosine.neg().add(1), cosinesOf(a, b))
}

function euclideanDistances(a: Vectors, b: Vectors): Tensor<'batch'> {
  const squares = sum(
    map((x, y) => x.sub(y).square(), a, b),
    'width',
  )
  return map((square) => square.gt(0).select(square.max(1e-30).sqrt(), 0), squares)
}
