import type { Component } from '../steps/component.js'
import { cleanedUp } from './cleanup.js'
import type { DecodeStep } from './step.js'

/** A space before each token but the first, unless it goes on with the word. */
export interface WordPieceDecoderDefinition {
  readonly type: 'WordPiece'
  /** What a token begins with that goes on with a word; it is left out. */
  readonly prefix: string
  /** Whether spaces before marks and contractions are left out, within each token. */
  readonly cleanup: boolean
}

export const wordPiece: Component<WordPieceDecoderDefinition, DecodeStep> = {
  read: (value) => ({
    type: 'WordPiece',
    prefix: value.member('prefix').string(),
    cleanup: value.member('cleanup').boolean(),
  }),
  create:
    ({ prefix, cleanup }) =>
    (tokens) =>
      tokens.map((token, i) => {
        const spaced = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
        return cleanup ? cleanedUp(spaced) : spaced
      }),
}
