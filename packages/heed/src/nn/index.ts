export * from './mask.js'
export * from './score.js'
export * from './filter.js'
export * from './adaptive-span.js'
export * from './linear-attention.js'
export * from './sparse-filter.js'
export * from './eviction.js'
export * from './attention.js'
export * from './block.js'
export * from './cache.js'
export type { Key } from './growing.js'
export * from './embedding.js'
export * from './feed-forward.js'
export * from './initialize.js'
export * from './linear.js'
export {
  isLowRank,
  isQuantized,
  type LowRank,
  plainWeight,
  summedOver,
  type UnchangedWeight,
  type Weight,
} from './weight.js'
export * from './norm.js'
export * from './rotary.js'
export { layerRows, type ModelRows, RowCaches, rowPositions, type Rows, rowStarts } from './rows.js'
export * from './sequence.js'
export * from './position.js'
export * from './quantize.js'
export * from './recurrent.js'
export * from './alignment.js'
export * from './pooling.js'
export * from './disentangled.js'
export * from './simple-recurrent.js'
