import { codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import { Bounds, type Splitter } from '../steps/pieces.js'
import { spelledOut } from './spelled-out.js'

/** Pieces of so many characters. The last one may be shorter. */
export interface FixedLengthDefinition {
  readonly type: 'FixedLength'
  /** In code points, at least 1. */
  readonly length: number
}

export const fixedLength: Component<FixedLengthDefinition, Splitter> = {
  read(value) {
    const length = value.member('length')
    if (length.value === undefined) return { type: 'FixedLength', length: 5 }
    return { type: 'FixedLength', length: length.count() || length.refuse('a whole number from 1 on') }
  },
  create: ({ length }) => {
    return (input) => {
      const pieces = spelledOut(input)
      const { text, bounds } = pieces
      const found = new Bounds(16 + Math.ceil(text.length / length))
      for (let i = 0; i < bounds.length; i += 2) {
        const end = bounds[i + 1]!
        for (let at = bounds[i]!; at < end;) {
          const start = at
          for (let count = 0; count < length && at < end; count++)
            at += codePointAt(text, at, end) > 0xffff ? 2 : 1
          found.push(start, at)
        }
      }
      return { ...pieces, bounds: found.take() }
    }
  },
}
