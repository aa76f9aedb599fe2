export * from './adafactor.js'
export * from './adam.js'
export * from './clip.js'
export * from './files.js'
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
