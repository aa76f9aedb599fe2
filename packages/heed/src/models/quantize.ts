import type { WeightFormat } from '../kernels/index.js'
import { quantizeTree, type QuantizeTreeOptions } from '../checkpoint/index.js'
import type { Quantized } from '../nn/index.js'
import { type Decoder, llamaLeaves } from './decoder/index.js'

/** `quantizeTree` of a decoder. Every decoder's matrices stand at the same paths. */
export function quantizeDecoder(
  model: Decoder,
  format: WeightFormat,
  options?: QuantizeTreeOptions,
): Quantized<Decoder> {
  return quantizeTree(model, { leaves: llamaLeaves() }, format, options)
}
