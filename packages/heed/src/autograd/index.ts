export * from './check.js'
export * from './grad.js'
export * from './table.js'
