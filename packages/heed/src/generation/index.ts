export type { Decoding, Writable } from './decoding.js'
export * from './sampling.js'
export * from './generate.js'
