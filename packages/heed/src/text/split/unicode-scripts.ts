import { codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import { Bounds, type Splitter } from '../steps/pieces.js'
import { scriptOf } from './scripts.js'
import { spelledOut } from './spelled-out.js'

/**
 * Cuts where the script changes. Hiragana, Katakana and ー count as Han. A space, and what belongs to no
 * script, goes with what is before it; at the beginning of a piece it is left out.
 */
export interface UnicodeScriptsDefinition {
  readonly type: 'UnicodeScripts'
}

export const unicodeScripts: Component<UnicodeScriptsDefinition, Splitter> = {
  read: () => ({ type: 'UnicodeScripts' }),
  create: () => (input) => {
    const pieces = spelledOut(input)
    const { text, bounds } = pieces
    const found = new Bounds(16 + (text.length >> 3))
    for (let i = 0; i < bounds.length; i += 2) {
      const end = bounds[i + 1]!
      let open = end
      let before = 0
      for (let at = bounds[i]!; at < end;) {
        const point = codePointAt(text, at, end)
        const script = scriptOf(point)
        if (script !== 0 && script !== before) {
          found.push(open, at)
          open = at
          before = script
        }
        at += point > 0xffff ? 2 : 1
      }
      found.push(open, end)
    }
    return { ...pieces, bounds: found.take() }
  },
}
