export * from './weights.js'
