import { codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter } from '../steps/rewriter.js'

/** Puts a text in front, unless there is nothing. It has the place of the first character. */
export interface PrependDefinition {
  readonly type: 'Prepend'
  readonly prepend: string
}

export const prepend: Component<PrependDefinition, Normalizer> = {
  read: (value) => ({ type: 'Prepend', prepend: value.member('prepend').string() }),
  create:
    ({ prepend: front }) =>
    (input) => {
      const { text } = input
      if (text === '') return input
      const rewriter = new Rewriter(input)
      const units = codePointAt(text, 0) > 0xffff ? 2 : 1
      // After nothing the package finds no place for the first character either.
      if (front === '') rewriter.putAt(text.slice(0, units), input.offset, input.offset)
      else rewriter.put(front, 0, units)
      rewriter.keep(front === '' ? units : 0, text.length)
      return rewriter.finish()
    },
}
