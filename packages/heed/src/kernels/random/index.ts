export * from './dropout.js'
export { philoxVectors } from './philox.js'
