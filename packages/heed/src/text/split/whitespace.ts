import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { other, plain, removed, splitterByKind } from './kinds.js'
import { whiteSpace, wordCharacter } from '../unicode/index.js'

/** Runs of word characters, and runs of what is neither that nor white space: `\w+|[^\w\s]+`. */
export interface WhitespaceDefinition {
  readonly type: 'Whitespace'
}

export const whitespace: Component<WhitespaceDefinition, Splitter> = {
  read: () => ({ type: 'Whitespace' }),
  create: () =>
    splitterByKind((point) => (wordCharacter.has(point) ? plain : whiteSpace.has(point) ? removed : other)),
}
