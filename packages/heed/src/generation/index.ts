export * from './sampling.js'
export * from './generate.js'
