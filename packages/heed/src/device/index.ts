export * from './device.js'
export * from './guarded-heap.js'
export * from './heap.js'
export * from './measure.js'
