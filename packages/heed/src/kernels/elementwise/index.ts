export * from './map.js'
export type { StridedOperand, Space } from './space.js'
export * from './reduce.js'
