import type { WeightFormat } from '../kernels/index.js'
import { type AnyTensor, quantize } from '../tensor/index.js'
import type { AttentionParameters } from './attention.js'
import type { Block } from './block.js'
import type { FeedForward } from './feed-forward.js'
import type { Linear, Quantized } from './linear.js'
import type { Weight } from './weight.js'

/** Whether quantizing a layer frees the f32 weights. Quantized weights have no gradients. */
export interface QuantizeOptions {
  /** Frees each matrix once it is quantized, so that a model need not be held twice; default false. */
  readonly freeing?: boolean
}

/** A linear map whose weight is quantized for sums over `over`; the bias stays, and is shared. */
export function quantizeLinear<I extends string, O extends string>(
  { weight, ...rest }: Linear<I, O>,
  over: readonly NoInfer<I>[],
  format: WeightFormat,
  { freeing = false }: QuantizeOptions = {},
): Linear<I, O, Weight<I | O>> {
  const quantized = quantize<I | O>(weight, over, format)
  if (freeing) (weight as AnyTensor).dispose()
  return { ...rest, weight: quantized }
}

/** Attention with its four projections quantized. */
export function quantizeAttention(
  { query, key, value, output, ...rest }: AttentionParameters,
  format: WeightFormat,
  options?: QuantizeOptions,
): Quantized<AttentionParameters> {
  return {
    ...rest,
    query: quantizeLinear(query, ['width'], format, options),
    key: quantizeLinear(key, ['width'], format, options),
    value: quantizeLinear(value, ['width'], format, options),
    output: quantizeLinear(output, ['head', 'headWidth'], format, options),
  }
}

/** A feed-forward layer with its two or three projections quantized. */
export function quantizeFeedForward(
  { up, gate, down }: FeedForward,
  format: WeightFormat,
  options?: QuantizeOptions,
): Quantized<FeedForward> {
  return {
    up: quantizeLinear(up, ['width'], format, options),
    ...(gate && { gate: quantizeLinear(gate, ['width'], format, options) }),
    down: quantizeLinear(down, ['hidden'], format, options),
  }
}

/** A block with its matrices quantized; its norms stay, and are shared. */
export function quantizeBlock(
  { attention, feedForward, ...norms }: Block,
  format: WeightFormat,
  options?: QuantizeOptions,
): Quantized<Block> {
  return {
    ...norms,
    attention: quantizeAttention(attention, format, options),
    feedForward: quantizeFeedForward(feedForward, format, options),
  }
}
