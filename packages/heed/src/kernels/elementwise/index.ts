export { type CopyPlan, planCopy } from './copy.js'
export * from './map.js'
export type { StridedOperand, Space } from './space.js'
export * from './reduce.js'
