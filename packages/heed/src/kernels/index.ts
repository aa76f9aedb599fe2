export * from './language/index.js'
export * from './launch.js'
export * from './expression/index.js'
export * from './attention/index.js'
