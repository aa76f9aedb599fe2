export * from './device.js'
export * from './heap.js'
export { availableThreads } from './pool.js'
