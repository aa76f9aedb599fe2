import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { withPrefix } from './prefix.js'
import { spelledOut } from './spelled-out.js'

/** Puts a text in front of every piece, also where it stands there already. Heed's own type. */
export interface PrependPreTokenizerDefinition {
  readonly type: 'Prepend'
  readonly prepend: string
}

export const prepend: Component<PrependPreTokenizerDefinition, Splitter> = {
  read: (value) => ({ type: 'Prepend', prepend: value.member('prepend').string() }),
  create: ({ prepend: front }) => {
    return (input) => {
      if (front === '') return input
      const pieces = spelledOut(input)
      return withPrefix(pieces, front, new Uint8Array(pieces.bounds.length / 2).fill(1))
    }
  },
}
