export * from './features.js'
export type { WasmOptions } from './lowering.js'
export * from './wasm.js'
