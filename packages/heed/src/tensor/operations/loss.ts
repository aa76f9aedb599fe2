import { ShapeError } from '../../base/index.js'
import { range } from '../create.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { crossEntropy } from './cross-entropy.js'
import { map, type Scalar } from './elementwise.js'
import { mean } from './reduction.js'

/** The mean of (x − target)². */
export function meanSquaredError<A extends string>(x: Tensor<A>, target: Tensor<NoInfer<A>>): Tensor<never> {
  return mean(map((a: Scalar, b: Scalar) => a.sub(b).square(), x, target))
}

/** The mean of −y ln σ(x) − (1 − y) ln(1 − σ(x)), from logits x and targets y between 0 and 1; no overflow on either side. */
export function binaryCrossEntropy<A extends string>(
  logits: Tensor<A>,
  target: Tensor<NoInfer<A>>,
): Tensor<never> {
  // ln(1 + e^x) − x y. The part that is max(x, 0) is written as (x + |x|) / 2: its gradient at 0 is then the right one.
  const loss = (x: Scalar, y: Scalar): Scalar =>
    x.add(x.abs()).mul(0.5).add(x.abs().neg().exp().add(1).log()).sub(x.mul(y))
  return mean(map(loss, logits, target))
}

/**
 * Contrast of rows with columns (InfoNCE; van den Oord et al. 2018, eq. 4): the mean cross-entropy of `scores` along `axis` where the right column of each
 * row is the one of the same number; columns past the number of rows are further negatives. `symmetric`: its mean with the same over rows (CLIP;
 * Radford et al. 2021, figure 3). `contrastiveLoss(dot(unitLength(anchor, 'width'), unitLength(candidate, 'width'), 'width').mul(20), 'candidate')`
 *
 * @throws ShapeError unless scores have two axes, and as many columns as rows (at least as many where not symmetric)
 */
export function contrastiveLoss<A extends string, K extends A>(
  scores: Tensor<A>,
  axis: K,
  { symmetric = false }: { readonly symmetric?: boolean } = {},
): Tensor<never> {
  const columns = scores.size(axis)
  const other = scores.layout.find(({ name }) => name !== axis)
  if (scores.layout.length !== 2 || other === undefined)
    throw wrongScores(scores, axis, `two axes, '${axis}' and that of the rows`)
  if (columns < other.size || (symmetric && columns !== other.size))
    throw wrongScores(scores, axis, `${symmetric ? '' : 'at least '}${other.size} columns, one for each row`)
  const over = (columnAxis: string, rowAxis: string): Tensor<never> => {
    const targets = range(rowAxis, other.size, { device: scores.device })
    return crossEntropy(scores as AnyTensor as Tensor, targets as never, columnAxis)
  }
  const loss = over(axis, other.name)
  return symmetric ? loss.add(over(other.name, axis)).mul(0.5) : loss
}

function wrongScores<A extends string>(scores: Tensor<A>, axis: string, expected: string): ShapeError {
  return new ShapeError({
    operation: 'contrastiveLoss',
    axis,
    expected,
    found: scores.describe(),
    hint: 'give the scores of each anchor (rows) with each candidate (columns)',
  })
}
