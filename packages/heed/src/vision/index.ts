export * from './patches.js'
export * from './positions.js'
