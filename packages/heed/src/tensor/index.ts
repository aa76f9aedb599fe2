import './bind.js'

export * from './context.js'
export * from './precision.js'
export * from './create.js'
export * from './default-device.js'
export { equalTensors } from './equality.js'
export * from './execute.js'
export * from './layout.js'
export * from './map-into.js'
export * from './operations/index.js'
export { alone, together } from './prepared.js'
export { type AnyQuantizedWeights, isQuantizedWeights, QuantizedWeights } from './quantized-weights.js'
export { disposeOwned, dispose, keep, scope } from './scope.js'
export { memoryUse, type MemoryUse, storedBytes } from './storage.js'
export * from './tape.js'
export {
  type AnyTensor,
  type Axis,
  axisOf,
  hasAxis,
  isTensor,
  Tensor,
  type TensorJson,
  type Renamed,
  type Values,
} from './tensor.js'
export { viewOver } from './view.js'
