import { ShapeError } from '../base/index.js'
import {
  type Activation,
  type AnyTensor,
  dot,
  type QuantizedWeights,
  type Tensor,
  together,
} from '../tensor/index.js'

/** A weight as it is trained, or quantized for inference. */
export type Weight<A extends string> = Tensor<A> | QuantizedWeights<A>

/** A linear map from the axes `I` to the axes `O`. */
export interface Linear<I extends string, O extends string, W extends Weight<I | O> = Tensor<I | O>> {
  readonly weight: W
  readonly bias?: Tensor<O>
}

/**
 * `T` with any matrix quantized: each `weight` of a linear map or an embedding may be `QuantizedWeights`. A
 * `T` as it is trained is one, too.
 */
export type Quantized<T> = T extends AnyTensor
  ? T
  : T extends { readonly weight: Tensor<infer A> }
    ? QuantizedLayer<T, A>
    : T extends object
      ? { readonly [K in keyof T]: Quantized<T[K]> }
      : T

/** A linear map, or an embedding, which has no bias. */
type QuantizedLayer<T, A extends string> = 'bias' extends keyof T
  ? T extends { readonly bias?: Tensor<infer O> }
    ? Linear<Exclude<A, O>, O, Weight<Exclude<A, O> | O>>
    : never
  : { readonly weight: Weight<A> }

/** What follows the product of `linear` in the same pass over memory. */
export interface LinearOptions<A extends string> {
  /** Applied to the result. */
  readonly activation?: Activation | undefined
  /** Added to the result, after the activation. */
  readonly residual?: Tensor<A> | undefined
}

/**
 * x · weight + bias, summed over the axes in `over`; then the activation, then the residual, in one pass.
 *
 * @throws ShapeError if `x` or the weight lacks an axis of `over`, or sizes differ; or a quantized weight
 * sums over other axes
 */
export function linear<A extends string, I extends A, O extends string>(
  { weight, bias }: Linear<I, O, Weight<I | O>>,
  x: Tensor<A>,
  over: NoInfer<I> | readonly NoInfer<I>[],
  { activation, residual }: LinearOptions<Exclude<A, I> | O> = {},
): Tensor<Exclude<A, I> | O> {
  const options = { bias, activation, residual }
  const result: AnyTensor = isQuantized(weight)
    ? weight.operations.dot(x, summedOver(weight, over), options as never)
    : dot(x, weight, over as never, { ...options, steady: true } as never)
  return result as Tensor<Exclude<A, I> | O>
}

/** `linear` of several maps from the same `x`, computed together. Throws as `linear` does. */
export function linears<
  A extends string,
  I extends A,
  O extends string,
  const M extends readonly Linear<I, O, Weight<I | O>>[],
>(
  maps: M & readonly Linear<I, O, Weight<I | O>>[],
  x: Tensor<A>,
  over: NoInfer<I> | readonly NoInfer<I>[],
): { readonly [K in keyof M]: Tensor<Exclude<A, I> | O> } {
  return together(() => maps.map((map) => linear<A, I, O>(map, x, over))) as never
}

/** The weight as a tensor, for what products alone can't do; a quantized one is written out anew. */
export function plainWeight<A extends string>(weight: Weight<A>): Tensor<A> {
  return isQuantized(weight) ? weight.operations.dequantize(weight) : weight
}

/** Quantized weights whose products sum over these axes. */
export function summedOver<A extends string>(
  weights: QuantizedWeights<A>,
  over: string | readonly string[],
): QuantizedWeights<A> {
  const wanted = typeof over === 'string' ? [over] : over
  const own: readonly string[] = weights.over
  if (wanted.length === own.length && wanted.every((name) => own.includes(name))) return weights
  throw new ShapeError({
    operation: 'linear',
    expected: `weights quantized for sums over ${wanted.join(', ')}`,
    found: weights.describe(),
    hint: 'quantize them over these axes',
  })
}

export function isQuantized<A extends string>(weight: Weight<A>): weight is QuantizedWeights<A> {
  return 'format' in weight
}
