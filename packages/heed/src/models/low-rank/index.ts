export {
  type Adaptable,
  type Adapted,
  type Adapter,
  type LowRankOptions,
  type LowRankTarget,
  withLowRank,
} from './low-rank.js'
export { mergeLowRank, unmergeLowRank } from './merge.js'
export { type DropContext, type Trainable, trainableOf } from './trainable.js'
