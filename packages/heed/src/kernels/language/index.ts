export * from './builder.js'
export * from './ir.js'
export * from './kernel.js'
export * from './term.js'
