export { type SplitBehavior } from './behavior.js'
export { createPreTokenizer, type PreTokenizerDefinition, readPreTokenizer } from './pre-tokenizer.js'
export { spelledOut } from './spelled-out.js'
export { createSearch, readSearched, type SearchedDefinition } from './split.js'
