// heed/internals: everything that the folders offer each other, the kernel language included. For tools
// around heed, and for those who extend it. No promise of stability: any release may change or remove what
// only stands here.

export * from './base/index.js'
export * from './kernels/index.js'
export { guestKernel as kernel } from './kernels/index.js'
export * from './targets/index.js'
export * from './device/index.js'
export * from './tensor/index.js'
export * from './autograd/index.js'
export * from './observe/index.js'
export * from './nn/index.js'
export * from './text/index.js'
export * from './formats/index.js'
export * from './checkpoint/index.js'
export * from './vision/index.js'
export * from './models/index.js'
export * from './search/index.js'
export * from './generation/index.js'
export * from './train/index.js'
export * from './tasks/index.js'

// Of two things of one name the one that users meet: who may attend to whom, and a transformer's block. The
// kernels' are `Term<'mask'>` and `Program['body']`.
export type { Mask } from './tensor/index.js'
export type { Block } from './nn/index.js'
