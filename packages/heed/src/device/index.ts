export * from './device.js'
export * from './heap.js'
export * from './measure.js'
export { availableThreads } from './pool.js'
