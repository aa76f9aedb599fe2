import { readCharacter } from '../steps/character.js'
import type { Component } from '../steps/component.js'
import type { DecodeStep } from './step.js'

/** Tokens without a character at their ends. */
export interface StripDecoderDefinition {
  readonly type: 'Strip'
  /** One character. */
  readonly content: string
  /** How many of it are left out at most at the beginning and at the end. */
  readonly start: number
  readonly stop: number
}

export const strip: Component<StripDecoderDefinition, DecodeStep> = {
  read: (value) => ({
    type: 'Strip',
    content: readCharacter(value.member('content')),
    start: value.member('start').count(),
    stop: value.member('stop').count(),
  }),
  create:
    ({ content, start, stop }) =>
    (tokens) =>
      tokens.map((token) => {
        const size = content.length
        let from = 0
        for (let count = 0; count < start && token.startsWith(content, from); count++) from += size
        let to = token.length
        for (let count = 0; count < stop && to > from && token.endsWith(content, to); count++) to -= size
        return token.slice(from, to)
      }),
}
