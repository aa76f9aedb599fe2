import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { kindOfFound, readBehavior, type SplitBehavior } from './behavior.js'
import { plain, splitterByKind } from './kinds.js'
import { punctuation as marks } from '../unicode/index.js'

/** Cuts at punctuation marks: those of Unicode's category P, and all signs of ASCII. */
export interface PunctuationDefinition {
  readonly type: 'Punctuation'
  readonly behavior: SplitBehavior
}

export const punctuation: Component<PunctuationDefinition, Splitter> = {
  read(value) {
    const behavior = value.member('behavior')
    return {
      type: 'Punctuation',
      behavior: behavior.value === undefined ? 'Isolated' : readBehavior(behavior),
    }
  },
  create({ behavior }) {
    const kind = kindOfFound(behavior)
    return splitterByKind((point) => (marks.has(point) ? kind : plain))
  },
}
