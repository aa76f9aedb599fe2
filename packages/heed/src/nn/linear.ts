import type { Activation, AnyQuantizedWeights, AnyTensor, Tensor } from '../tensor/index.js'
import { type LowRank, type Weight, weightProducts } from './weight.js'

/** A linear map from the axes `I` to the axes `O`. */
export interface Linear<I extends string, O extends string, W extends Weight<I | O> = Tensor<I | O>> {
  readonly weight: W
  readonly bias?: Tensor<O>
}

/**
 * `T` with any matrix quantized or changed by low rank: each `weight` of a linear map or an embedding may be
 * any `Weight`. A `T` as it is trained is one, too.
 */
export type Quantized<T> = T extends AnyTensor | AnyQuantizedWeights | AnyLowRank
  ? T
  : T extends { readonly weight: Tensor<infer A> }
    ? QuantizedLayer<T, A>
    : T extends object
      ? { readonly [K in keyof T]: Quantized<T[K]> }
      : T

type AnyLowRank = Pick<LowRank, 'down' | 'up'> & { readonly base: unknown }

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
  const [result] = weightProducts([{ weight, bias }], x, over, { activation, residual })
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
  return weightProducts(maps, x, over) as never
}
