export * from './language/index.js'
export * from './launch.js'
