export * from './objective.js'
export * from './text-classification.js'
export type { TextOptions, TokenExample, TokenRows } from './texts.js'
