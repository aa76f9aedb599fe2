/** Losses by which a student learns what a teacher knows. */
import { checkNames, checkPositive, UsageError } from '../../base/index.js'
import {
  type AnyTensor,
  crossEntropy,
  logSoftmax,
  map,
  mean,
  meanSquaredError,
  softmax,
  stopGradient,
  sum,
  type Tensor,
} from '../../tensor/index.js'
import { softCrossEntropy } from './soft-targets.js'
import { cosinesOf, scoresBetween, type Vectors } from './vectors.js'

/** How `distillLogits` mixes what it learns from. */
export interface DistillLogitsOptions<R extends string> {
  /** Both sides' logits are divided by it; default 2. */
  readonly temperature?: number | undefined
  /** i32, the right class of each row, −100 where there is none: cross-entropy with these is mixed in. */
  readonly labels?: Tensor<R> | undefined
  /** The share of the labels' loss, 0 … 1; default 0.5 where there are labels. */
  readonly labelShare?: number | undefined
}

/**
 * Distillation of logits (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2): the
 * mean over rows of T² × KL(softmax(teacher / T) ‖ softmax(student / T)), mixed with the cross-entropy of the
 * labels at T = 1. T² keeps the gradients' size whatever T is. The teacher gets no gradient.
 *
 * @param student any axes, those of the classes among them
 * @param teacher the same axes
 * @param axis that of the classes
 * @throws ShapeError where axes differ; UsageError for options that make no sense
 */
export function distillLogits<A extends string, K extends A>(
  student: Tensor<A>,
  teacher: Tensor<NoInfer<A>>,
  axis: K,
  options: DistillLogitsOptions<Exclude<A, NoInfer<K>>> = {},
): Tensor<never> {
  const operation = 'distillLogits'
  checkNames(operation, options, ['temperature', 'labels', 'labelShare'] satisfies (keyof typeof options)[])
  const { temperature = 2, labels, labelShare = labels === undefined ? 0 : 0.5 } = options
  checkPositive(operation, 'temperature', temperature)
  if (!(labelShare >= 0 && labelShare <= 1) || (labels === undefined && labelShare > 0))
    throw new UsageError({
      operation,
      expected: labels === undefined ? 'labels beside labelShare' : 'labelShare from 0 to 1',
      found: String(labelShare),
      hint: 'leave it out for 0.5',
    })
  const softer = (x: Tensor<A>): Tensor<A> => x.mul(1 / temperature)
  const taught = stopGradient(softer(teacher))
  const shares = softmax(taught, axis)
  const rows = softCrossEntropy(softer(student), shares, axis)
  // Less the teacher's own entropy, which is constant: 0 where the student agrees.
  const own = map(
    (share, likelihood) => share.gt(0).select(share.mul(likelihood), 0),
    shares,
    logSoftmax(taught, axis),
  )
  const entropy = sum(own as AnyTensor as Tensor<A>, axis)
  const soft = mean(map((a, b) => a.add(b), rows, entropy)).mul(temperature ** 2)
  if (labels === undefined) return soft
  const hard = crossEntropy(student, labels, axis)
  return soft.mul(1 - labelShare).add(hard.mul(labelShare))
}

/**
 * What is compared of a student's and a teacher's vectors.
 *
 * - `squares`: the mean of (student − teacher)² over all numbers (Romero et al. 2015, "FitNets", eq. 3).
 * - `cosine`: the mean of 1 − the cosine of each pair (Sanh et al. 2019, "DistilBERT", section 3).
 * - `similarities`: the mean of (cos(student_i, student_j) − cos(teacher_i, teacher_j))² over all pairs of
 *   the batch (Peng et al. 2019, "Correlation Congruence for Knowledge Distillation", eq. 5). The widths may
 *   differ.
 */
export type VectorDistillation = 'squares' | 'cosine' | 'similarities'

/**
 * Distillation of vectors. The teacher gets no gradient.
 *
 * @param student batch width
 * @param teacher batch width
 * @throws ShapeError where sizes differ; UsageError for a kind that isn't known
 */
export function distillVectors(
  student: Vectors,
  teacher: Vectors,
  kind: VectorDistillation = 'squares',
): Tensor<never> {
  const taught = stopGradient(teacher)
  switch (kind) {
    case 'squares':
      return meanSquaredError(student, taught)
    case 'cosine':
      return mean(map((cosine) => cosine.neg().add(1), cosinesOf(student, taught)))
    case 'similarities':
      return meanSquaredError(scoresBetween(student, student), scoresBetween(taught, taught))
    default:
      throw new UsageError({
        operation: 'distillVectors',
        expected: "'squares', 'cosine' or 'similarities'",
        found: String(kind),
        hint: "leave it out for 'squares'",
      })
  }
}
