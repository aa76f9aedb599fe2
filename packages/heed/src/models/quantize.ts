import type { WeightFormat } from '../kernels/index.js'
import { type Quantized, quantizeBlock, quantizeLinear, type QuantizeOptions } from '../nn/index.js'
import { quantize } from '../tensor/index.js'
import type { Decoder } from './decoder/index.js'

/** The format of a quantized decoder's tables, and whether its f32 matrices are freed. */
export interface QuantizeDecoderOptions extends QuantizeOptions {
  /**
   * Of the embedding and of the output: what `int4` does to them shows most in the logits. Default: `int8`
   * for `int4`, else the same.
   */
  readonly table?: WeightFormat
}

/**
 * A decoder for inference with its matrices in fewer bits; see `quantize` for what each format does. Norms,
 * biases and learned positions stay as they are, and are shared with the model. The embedding's rows are
 * looked up in the quantized table.
 */
export function quantizeDecoder(
  model: Decoder,
  format: WeightFormat,
  { table = format === 'int4' ? 'int8' : format, ...options }: QuantizeDecoderOptions = {},
): Quantized<Decoder> {
  const { embedding, blocks, head, ...rest } = model
  const quantized = quantize(embedding.weight, 'width', table)
  if (options.freeing) embedding.weight.dispose()
  return {
    ...rest,
    embedding: { weight: quantized },
    blocks: blocks.map((block) => quantizeBlock(block, format, options)),
    ...(head && { head: quantizeLinear(head, ['width'], table, options) }),
  }
}
