export {
  type Adaptable,
  type Adapted,
  type Adapter,
  changedModel,
  type LowRankOptions,
  type LowRankTarget,
  withLowRank,
} from './low-rank.js'
export { mergedTree, mergeLowRank, unmergeLowRank } from './merge.js'
export { type DropContext, type Trainable, trainableOf } from './trainable.js'
export {
  beginWithAdapter,
  checkAdapter,
  loadAdapter,
  readAdapter,
  type StoredAdapter,
} from './load-adapter.js'
export { baseOfAdapter } from './adapter-base.js'
export { headOfAdapter } from './adapter-head.js'
export { saveAdapter, type SaveAdapterOptions } from './save-adapter.js'
