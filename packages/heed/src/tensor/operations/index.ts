export * from './attention-filter.js'
export { adjustable, capture, Captured, checkTensor } from './attention-capture.js'
export { type FilterFunction, type Mask, type Score, type Similarity } from './attention-function.js'
export { type BatchAxes, type Condition, type Integer, type Positions } from './attention-positions.js'
export {
  attention,
  type AttentionAttributes,
  attentionGradient,
  type AttentionOptions,
  attentionWithStatistics,
  type AttentionWithStatistics,
  type ScoreOptions,
} from './attention.js'
export { attentionRagged, type Stretch } from './attention-ragged.js'
export * from './choose.js'
export * from './concat.js'
export {
  addendGradient,
  contract,
  contractGradient,
  dot,
  type DotAttributes,
  type DotOptions,
} from './contraction.js'
export * from './copy.js'
export { countOf } from './count.js'
export * from './cross-entropy.js'
export * from './dropout.js'
export * from './elementwise.js'
export { gather, type GatherAttributes, scatterAdd } from './gather.js'
export * from './gru-reset.js'
export * from './loss.js'
export * from './movement.js'
export * from './normalization.js'
export { dequantize, gatherQuantized, quantize } from './quantized.js'
export { type BlockBytes, quantizedFrom, type QuantizedFromOptions } from './quantized-blocks.js'
export { dotQuantized, type DotQuantizedAttributes } from './quantized-product.js'
export * from './reduction.js'
export * from './rotary.js'
export * from './softmax.js'
export * from './recurrent.js'
export { maskedProductsGradients, weightedSumGradients } from './weighted-sum.js'
