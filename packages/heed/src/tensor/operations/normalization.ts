import { StateError } from '../../base/index.js'
import type { Tensor } from '../tensor.js'

/** What a layer norm may multiply by and add, each along the axis that it normalizes. */
export interface LayerNormOptions<K extends string> {
  readonly weight?: Tensor<K> | undefined
  readonly bias?: Tensor<K> | undefined
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number
}

export interface RmsNormOptions<K extends string> {
  readonly weight?: Tensor<K> | undefined
  /** Added to the mean square; default 1e-6. */
  readonly epsilon?: number
  /** Multiplies by 1 + weight (Gemma). */
  readonly onePlus?: boolean
}

/**
 * exp(x) over its sum along an axis: between 0 and 1, summing to 1. −Infinity gives 0; where the whole row is −Infinity, all of it is 0.
 *
 * @throws ShapeError if the tensor lacks the axis
 */
export function softmax<A extends string>(x: Tensor<A>, axis: NoInfer<A>): Tensor<A> {
  return notYet('softmax', x, axis)
}

/** The logarithm of `softmax`, without its underflow. */
export function logSoftmax<A extends string>(x: Tensor<A>, axis: NoInfer<A>): Tensor<A> {
  return notYet('logSoftmax', x, axis)
}

/** (x − mean) / sqrt(variance + epsilon) × weight + bias along an axis (Ba et al. 2016, "Layer Normalization"). */
export function layerNorm<A extends string, K extends A>(
  x: Tensor<A>,
  axis: K,
  options: LayerNormOptions<K> = {},
): Tensor<A> {
  return notYet('layerNorm', x, axis, options)
}

/** x / sqrt(mean(x²) + epsilon) × weight along an axis (Zhang and Sennrich 2019). */
export function rmsNorm<A extends string, K extends A>(
  x: Tensor<A>,
  axis: K,
  options: RmsNormOptions<K> = {},
): Tensor<A> {
  return notYet('rmsNorm', x, axis, options)
}

/** x / max(|x|, 1e-12) along an axis: rows of length 1. */
export function unitLength<A extends string>(x: Tensor<A>, axis: NoInfer<A>): Tensor<A> {
  return notYet('unitLength', x, axis)
}

function notYet(operation: string, ..._inputs: unknown[]): never {
  throw new StateError({ operation, expected: 'an operation', found: 'not yet', hint: 'wait' })
}
