export * from './target.js'
export * from './interpreter/interpreter.js'
