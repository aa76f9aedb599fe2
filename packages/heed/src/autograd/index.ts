export * from './check.js'
export { checkpoint } from './checkpoint.js'
export * from './grad.js'
export * from './table.js'
