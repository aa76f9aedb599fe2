export * from './mask.js'
export * from './score.js'
