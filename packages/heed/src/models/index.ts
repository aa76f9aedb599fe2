export * from './safetensors.js'
export * from './weights.js'
