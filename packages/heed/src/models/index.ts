export * from './safetensors.js'
export * from './weights.js'
export * from './sampling.js'
