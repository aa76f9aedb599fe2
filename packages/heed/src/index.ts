export * from './base/index.js'
export * from './kernels/index.js'
export * from './targets/index.js'
export * from './device/index.js'
export * from './tensor/index.js'
export * from './autograd/index.js'
export * from './observe/index.js'
export * from './nn/index.js'
export * from './text/index.js'
export * from './models/index.js'
export * from './train/index.js'

// Of two things of this name the one that users write: who may attend to whom. The kernels' is `Term<'mask'>`.
export type { Mask } from './tensor/index.js'
