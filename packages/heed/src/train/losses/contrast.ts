/** Losses that tell what belongs together from the rest of the batch. */
import { checkNames, checkPositive, ShapeError } from '../../base/index.js'
import {
  axisOf,
  concat,
  contrastiveLoss,
  isTensor,
  map,
  range,
  type Scalar,
  sum,
  type Tensor,
} from '../../tensor/index.js'
import { type VectorComparison, scoresBetween, type Vectors } from './vectors.js'

/** How `inBatchNegativesLoss` compares vectors. */
export interface InBatchOptions {
  /** What similarities are multiplied by: 1 / temperature. A learned one is a scalar. Default 20. */
  readonly scale?: number | Tensor<never> | undefined
  /** Default 'cosine'. */
  readonly comparison?: VectorComparison | undefined
  /** The mean with the same from each positive to all anchors. Default false. */
  readonly symmetric?: boolean | undefined
  /** Vectors that no anchor belongs to, any number of them: hard negatives. Default none. */
  readonly negatives?: Vectors | undefined
  /**
   * 1 where a candidate is no negative of an anchor, since it says the same: it takes no part there. The
   * candidates are the positives and then the hard negatives. Default: all others are negatives.
   */
  readonly excluded?: Tensor<'batch' | 'candidate'> | undefined
}

const optionNames: readonly (keyof InBatchOptions)[] = [
  'scale',
  'comparison',
  'symmetric',
  'negatives',
  'excluded',
]

/**
 * InfoNCE with the other positives of a batch as negatives (van den Oord et al. 2018, eq. 4; Henderson et al.
 * 2017, section 4.4, as "multiple negatives ranking"): the mean over anchors i of −ln of the share of
 * exp(scale × s(i, i)) in Σ_j exp(scale × s(i, j)), where j runs over all positives and hard negatives. It is
 * `contrastiveLoss` of these scores; symmetric as in Gao et al. 2021 ("SimCSE") and CLIP.
 *
 * @param anchors batch width
 * @param positives batch width: that of each anchor has its number
 * @throws ShapeError unless there are as many positives as anchors, all of one width; UsageError for options
 * that make no sense
 */
export function inBatchNegativesLoss(
  anchors: Vectors,
  positives: Vectors,
  options: InBatchOptions = {},
): Tensor<never> {
  const operation = 'inBatchNegativesLoss'
  checkNames(operation, options, optionNames)
  const { scale = 20, comparison, symmetric = false, negatives, excluded } = options
  if (typeof scale === 'number') checkPositive(operation, 'scale', scale)
  checkPairs(operation, anchors, positives)
  const candidates = negatives === undefined ? positives : concat([positives, negatives], 'batch')
  const all = scoresBetween(anchors, candidates, comparison).mul(scale)
  const scores =
    excluded === undefined ? all : map((score, is) => is.ne(0).select(-Infinity, score), all, excluded)
  return contrastiveLoss(scores, 'candidate', { symmetric })
}

/** What `clipLoss` and `siglipLoss` leave out. */
export interface PairLossOptions {
  /**
   * 1 where a text (candidate) is no negative of a picture (batch), since it fits that one as well: the pair
   * takes no part. Default: all others are negatives.
   */
  readonly excluded?: Tensor<'batch' | 'candidate'> | undefined
}

/** e^logScale is at most this (Radford et al. 2021, section 2.5). */
const largestScale = 100

/**
 * CLIP's loss (Radford et al. 2021, figure 3 and section 2.5): `inBatchNegativesLoss` in both directions of
 * pictures and texts, scaled by a learned e^logScale of at most 100, whose gradient is 0 beyond.
 *
 * @param images batch width
 * @param texts batch width: that of each image has its number
 * @param logScale begins at ln(1 / 0.07)
 * @throws ShapeError unless there are as many texts as images, of one width
 */
export function clipLoss(
  images: Vectors,
  texts: Vectors,
  logScale: Tensor<never>,
  options: PairLossOptions = {},
): Tensor<never> {
  checkNames('clipLoss', options, ['excluded'] satisfies (keyof typeof options)[])
  const { excluded } = options
  const scale = map((x: Scalar) => x.min(Math.log(largestScale)).exp(), logScale)
  return inBatchNegativesLoss(images, texts, { scale, symmetric: true, excluded })
}

/**
 * SigLIP's loss (Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", eq. 1 and algorithm 1):
 * each pair of an image and a text is a decision of its own, −1/n Σ_ij ln σ(z_ij (e^logScale cos_ij + bias)),
 * with z 1 for what belongs together and −1 else.
 *
 * @param images batch width
 * @param texts batch width: that of each image has its number
 * @param logScale begins at ln 10
 * @param bias begins at −10
 * @throws ShapeError unless there are as many texts as images, of one width
 */
export function siglipLoss(
  images: Vectors,
  texts: Vectors,
  logScale: Tensor<never>,
  bias: Tensor<never>,
  options: PairLossOptions = {},
): Tensor<never> {
  checkPairs('siglipLoss', images, texts)
  checkNames('siglipLoss', options, ['excluded'] satisfies (keyof typeof options)[])
  const { excluded } = options
  const scores = scoresBetween(images, texts)
  const count = images.size('batch')
  const { device } = scores
  const losses = map(
    (score, row, column, t, b) => {
      const logit = score.mul(t.exp()).add(b)
      return row.eq(column).select(logit.neg(), logit).softplus()
    },
    scores,
    range('batch', count, { device }),
    range('candidate', count, { device }),
    logScale,
    bias,
  )
  const kept = excluded === undefined ? losses : map((loss, is) => is.ne(0).select(0, loss), losses, excluded)
  return sum(kept).mul(1 / Math.max(1, count))
}

function checkPairs(operation: string, a: Vectors, b: Vectors): void {
  const wanted = axisOf(operation, a, 'batch').size
  const found = isTensor(b) ? axisOf(operation, b, 'batch').size : 0
  if (wanted !== found)
    throw new ShapeError({
      operation,
      axis: 'batch',
      expected: `${wanted} vectors, one for each of the others`,
      found: String(found),
      hint: 'hard negatives are given as options.negatives',
    })
}
