export * from './activation.js'
export * from './bounds.js'
export * from './differentiate.js'
export * from './emit.js'
export {
  boolean,
  Capture,
  Expression,
  float,
  index,
  input,
  integer,
  type Lifted,
  parameter,
  randomWord,
} from './expression.js'
export * from './graph.js'
export * from './together.js'
export { refuseOr, refusePrimitive, traced } from './tracing.js'
export type { GateName, Kind, Operation } from './operation.js'
