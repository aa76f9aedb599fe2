export * from './safetensors.js'
