export * from './adafactor.js'
export * from './adam.js'
export * from './clip.js'
export * from './lion.js'
export {
  type DecayOptions,
  type Decayed,
  matricesDecay,
  type Moments,
  type Optimizer,
  type OptimizerState,
  type Updated,
  type UpdateOptions,
} from './optimizer.js'
export * from './schedule.js'
export * from './sgd.js'
export * from './checkpoint.js'
export { type Data, exampleBatches, type ExampleOptions } from './data.js'
export * from './encode.js'
export type { Difference } from './differences.js'
export * from './file-layer.js'
export * from './folder-lock.js'
export * from './loop.js'
export * from './losses/index.js'
export * from './few-shot/index.js'
export * from './hard-negatives.js'
export { accuracy, type LossReport, type Metric, type WeightedMean } from './metrics.js'
export * from './options.js'
export * from './records/index.js'
export * from './tensorboard.js'
export * from './tokens.js'
export * from './training-error.js'
export * from './objectives/index.js'
export * from './train.js'
export type { ParameterGroup } from './groups.js'
export { encodeRecords, type EncodeProgress, type Examples, type Records } from './examples.js'
export { likeLengthBatches, type LikeLengths } from './like-lengths.js'
