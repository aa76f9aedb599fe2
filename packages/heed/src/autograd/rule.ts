import type { AnyTensor, Recorded, Tensor } from '../tensor/index.js'

/**
 * The gradient of an operation: given what ran and the gradient of its output, the gradients of its inputs, in their order.
 * `wanted` tells for which inputs one is needed; for the others undefined may stand.
 */
export type GradientRule = (
  entry: Recorded,
  gradient: Tensor,
  wanted: (input: AnyTensor) => boolean,
) => readonly (Tensor | undefined)[]
