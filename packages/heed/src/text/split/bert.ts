import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { isolated, plain, removed, splitterByKind } from './kinds.js'
import { punctuation, whiteSpace } from '../unicode/index.js'

/** Words of BERT: white space is left out, and each punctuation mark stands alone. */
export interface BertPreTokenizerDefinition {
  readonly type: 'BertPreTokenizer'
}

export const bertPreTokenizer: Component<BertPreTokenizerDefinition, Splitter> = {
  read: () => ({ type: 'BertPreTokenizer' }),
  create: () =>
    splitterByKind((point) => (whiteSpace.has(point) ? removed : punctuation.has(point) ? isolated : plain)),
}
