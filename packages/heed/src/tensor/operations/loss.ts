import { checkNames, ShapeError, UsageError } from '../../base/index.js'
import { float } from '../../kernels/index.js'
import { range } from '../create.js'
import { allOrNothing } from '../scope.js'
import { tracked } from '../tape.js'
import { type AnyTensor, axisOf, type Tensor, isTensor, notTensor } from '../tensor.js'
import { crossEntropy } from './cross-entropy.js'
import { map, type Scalar } from './elementwise.js'
import { slice } from './movement.js'
import { mean } from './reduction.js'

/** The mean of (x − target)². */
export function meanSquaredError<A extends string>(x: Tensor<A>, target: Tensor<NoInfer<A>>): Tensor<never> {
  return allOrNothing(() => {
    return mean(map((a: Scalar, b: Scalar) => a.sub(b).square(), x, target))
  })
}

/** What `binaryCrossEntropy` may be told beside logits and targets. */
export interface BinaryCrossEntropyOptions<A extends string> {
  /**
   * How much the positive part of each target weighs: one number, or a tensor with some of the axes of the
   * logits, such as one for each label. At least 0; above 1 where positives are rare. A constant: it gets no
   * gradient. The mean is over all elements, as PyTorch's pos_weight has it. Default 1.
   */
  readonly positiveWeight?: number | Tensor<A> | undefined
}

/**
 * The mean of −w y ln σ(x) − (1 − y) ln σ(−x), from logits x, targets y between 0 and 1 and positive weights
 * w. No overflow on either side, and the small losses of confident logits keep their digits, as do their
 * gradients.
 *
 * @throws ShapeError if axes or sizes do not fit
 * @throws UsageError for a weight below 0 or without end, or where a gradient of the weights is wanted
 */
export function binaryCrossEntropy<A extends string, B extends A = never>(
  logits: Tensor<A>,
  target: Tensor<NoInfer<A>>,
  options: BinaryCrossEntropyOptions<B> = {},
): Tensor<never> {
  checkNames('binaryCrossEntropy', options, ['positiveWeight'] satisfies (keyof typeof options)[])
  const { positiveWeight } = options
  return allOrNothing(() => {
    if (positiveWeight !== undefined)
      return weightedBinary(logits, target, positiveWeight as number | Tensor<NoInfer<A>>)
    const loss = (x: Scalar, y: Scalar): Scalar =>
      x
        .neg()
        .softplus()
        .mul(y)
        .add(x.softplus().mul(y.neg().add(1)))
    return mean(map(loss, logits, target))
  })
}

function weightedBinary<A extends string>(
  logits: Tensor<A>,
  target: Tensor<A>,
  weight: number | Tensor<A>,
): Tensor<never> {
  checkPositiveWeight(logits, weight)
  const loss = (x: Scalar, y: Scalar, w: Scalar): Scalar =>
    x
      .neg()
      .softplus()
      .mul(y.mul(w))
      .add(x.softplus().mul(y.neg().add(1)))
  return mean(
    typeof weight === 'number'
      ? map((x: Scalar, y: Scalar) => loss(x, y, float(weight)), logits, target)
      : map(loss, logits, target, weight),
  )
}

function checkPositiveWeight(logits: AnyTensor, weight: number | AnyTensor): void {
  if (typeof weight !== 'number' && !isTensor(weight))
    throw notTensor('binaryCrossEntropy', weight, 'positiveWeight as a number or a tensor')
  const numbers = typeof weight === 'number' ? [weight] : weight.values()
  const wrong = numbers.find((number) => !(number >= 0 && number < Infinity))
  if (wrong !== undefined)
    throw new UsageError({
      operation: 'binaryCrossEntropy',
      expected: 'a positiveWeight of at least 0',
      found: String(wrong),
      hint: 'negatives over positives is usual',
    })
  if (typeof weight === 'number') return
  for (const { name } of weight.layout) axisOf('binaryCrossEntropy', logits, name)
  if (tracked([weight]))
    throw new UsageError({
      operation: 'binaryCrossEntropy',
      expected: 'a positiveWeight that no gradient is wanted of',
      found: 'a part of what is differentiated',
      hint: 'give stopGradient(positiveWeight)',
    })
}

/**
 * Contrast of rows with columns (InfoNCE; van den Oord et al. 2018, eq. 4): the mean cross-entropy of
 * `scores` along `axis`. The right column of each row is the one of the same number. Columns past the number
 * of rows are further negatives. With `symmetric`, it is the mean of that and of the same from each right
 * column to all rows (CLIP; Radford et al. 2021, figure 3).
 *
 *     const scores = dot(unitLength(anchor, 'width'), unitLength(candidate, 'width'), 'width').mul(20)
 *     contrastiveLoss(scores, 'candidate')
 *
 * @throws ShapeError unless scores have two axes, and at least as many columns as rows
 */
export function contrastiveLoss<A extends string, K extends A>(
  scores: Tensor<A>,
  axis: K,
  { symmetric = false }: { readonly symmetric?: boolean } = {},
): Tensor<never> {
  return allOrNothing(() => {
    const columns = scores.size(axis)
    const other = scores.layout.find(({ name }) => name !== axis)
    if (scores.layout.length !== 2 || other === undefined)
      throw wrongScores(scores, axis, `two axes, '${axis}' and that of the rows`)
    if (columns < other.size)
      throw wrongScores(scores, axis, `at least ${other.size} columns, one for each row`)
    const over = (given: AnyTensor, columnAxis: string, rowAxis: string): Tensor<never> => {
      const targets = range(rowAxis, other.size, { device: scores.device })
      return crossEntropy(given as Tensor, targets as never, columnAxis)
    }
    const loss = over(scores, axis, other.name)
    if (!symmetric) return loss
    const right = columns === other.size ? scores : slice(scores, axis, 0, other.size)
    return loss.add(over(right, other.name, axis)).mul(0.5)
  })
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
