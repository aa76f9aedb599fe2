export * from './argmax.js'
export * from './gather.js'
export * from './group.js'
export * from './scatter-add.js'
