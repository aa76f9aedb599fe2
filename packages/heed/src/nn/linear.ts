import { type Activation, type AnyTensor, dot, type Tensor } from '../tensor/index.js'

/** A linear map from the axes `I` to the axes `O`. */
export interface Linear<I extends string, O extends string> {
  readonly weight: Tensor<I | O>
  readonly bias?: Tensor<O>
}

export interface LinearOptions<A extends string> {
  /** Applied to the result. */
  readonly activation?: Activation | undefined
  /** Added to the result, after the activation. */
  readonly residual?: Tensor<A> | undefined
}

/**
 * x · weight + bias, summed over the axes in `over`; then the activation, then the residual, in one pass.
 *
 * @throws ShapeError if `x` or the weight lacks an axis of `over`, or sizes differ
 */
export function linear<A extends string, I extends A, O extends string>(
  { weight, bias }: Linear<I, O>,
  x: Tensor<A>,
  over: NoInfer<I> | readonly NoInfer<I>[],
  { activation, residual }: LinearOptions<Exclude<A, I> | O> = {},
): Tensor<Exclude<A, I> | O> {
  const result: AnyTensor = dot(x, weight, over as never, { bias, activation, residual } as never)
  return result as Tensor<Exclude<A, I> | O>
}
