export * from './binding.js'
export * from './config.js'
export * from './load-tree.js'
export * from './weights.js'
