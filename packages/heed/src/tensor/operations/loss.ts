import { StateError } from '../../base/index.js'
import type { Tensor } from '../tensor.js'
import { map } from './elementwise.js'
import { mean } from './reduction.js'

export interface CrossEntropyOptions {
  /** Rows with this target count neither in the sum nor in the mean; default −100. */
  readonly ignore?: number
  /** The share s of the target that is spread evenly over all classes, 0 … 1; default 0 (Szegedy et al. 2016). */
  readonly labelSmoothing?: number
}

/**
 * −log softmax(logits)[target] along `axis`: its mean over the rows that count (0 if none does), their sum, or each row's own
 * (0 where the row is ignored).
 */
export function crossEntropy<A extends string, K extends A>(
  logits: Tensor<A>,
  targets: Tensor<Exclude<A, K>>,
  axis: K,
  options?: CrossEntropyOptions & { readonly reduction?: 'mean' | 'sum' },
): Tensor<never>
export function crossEntropy<A extends string, K extends A>(
  logits: Tensor<A>,
  targets: Tensor<Exclude<A, K>>,
  axis: K,
  options: CrossEntropyOptions & { readonly reduction: 'none' },
): Tensor<Exclude<A, K>>
export function crossEntropy(...inputs: unknown[]): never {
  return notYet('crossEntropy', inputs)
}

/** The mean of (x − target)². */
export function meanSquaredError<A extends string>(x: Tensor<A>, target: Tensor<NoInfer<A>>): Tensor<never> {
  return mean(map((a, b) => a.sub(b).square(), x, target) as Tensor)
}

/** The mean of −y log σ(x) − (1 − y) log(1 − σ(x)), from logits x and targets y between 0 and 1. */
export function binaryCrossEntropy<A extends string>(
  logits: Tensor<A>,
  target: Tensor<NoInfer<A>>,
): Tensor<never> {
  return notYet('binaryCrossEntropy', logits, target)
}

/**
 * Contrast of rows (InfoNCE; van den Oord et al. 2018): the cross-entropy of `scores` where the right column of each row is the one of the same
 * number; columns past the rows are further negatives. `symmetric`: the mean with the same over columns (CLIP).
 */
export function contrastiveLoss<A extends string, K extends A>(
  scores: Tensor<A>,
  axis: K,
  options: { readonly symmetric?: boolean } = {},
): Tensor<never> {
  return notYet('contrastiveLoss', scores, axis, options)
}

function notYet(operation: string, ..._inputs: unknown[]): never {
  throw new StateError({ operation, expected: 'an operation', found: 'not yet', hint: 'wait' })
}
