export * from './term-index.js'
export * from './bm25.js'
export * from './vector-index.js'
export * from './rankings.js'
