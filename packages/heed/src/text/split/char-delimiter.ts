import { readCharacter } from '../steps/character.js'
import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { plain, removed, splitterByKind } from './kinds.js'

/** What stands between two delimiters. */
export interface CharDelimiterSplitDefinition {
  readonly type: 'CharDelimiterSplit'
  /** One character. */
  readonly delimiter: string
}

export const charDelimiterSplit: Component<CharDelimiterSplitDefinition, Splitter> = {
  read: (value) => ({ type: 'CharDelimiterSplit', delimiter: readCharacter(value.member('delimiter')) }),
  create({ delimiter }) {
    const searched = delimiter.codePointAt(0)
    return splitterByKind((point) => (point === searched ? removed : plain))
  },
}
