export * from './target.js'
export * from './interpreter/interpreter.js'
export * from './wasm/index.js'
export * from '#x64'
