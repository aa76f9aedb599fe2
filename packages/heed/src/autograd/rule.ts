import type { AnyTensor, Recorded, Tensor } from '../tensor/index.js'

/**
 * The gradient of an operation: given what ran and the gradient of its output, the gradients of its inputs,
 * in their order. `wanted` tells for which inputs one is needed; for the others undefined may stand.
 */
export type GradientRule = (
  entry: Recorded,
  gradient: Tensor,
  wanted: (input: AnyTensor) => boolean,
) => readonly (Tensor | Placed | undefined)[]

/**
 * The gradient of some positions of an input, the others' being 0: it is added where it belongs, so that many
 * slices cost no more than the whole.
 */
export interface Placed {
  readonly part: Tensor
  readonly axis: string
  /** The position of the input that the part begins with. */
  readonly start: number
}
