import { codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import { Bounds, type Splitter } from '../steps/pieces.js'
import { scriptNumber, scriptOfUnicode9 } from '../unicode/index.js'
import { CharacterKinds } from './kinds.js'
import { spelledOut } from './spelled-out.js'

/**
 * Cuts where the script changes. Hiragana, Katakana and ー count as Han. A space, and a character that Unicode
 * 9 hasn't, goes with what is before it; at the beginning of a piece it is left out.
 */
export interface UnicodeScriptsDefinition {
  readonly type: 'UnicodeScripts'
}

export const unicodeScripts: Component<UnicodeScriptsDefinition, Splitter> = {
  read: () => ({ type: 'UnicodeScripts' }),
  create() {
    const [han, hiragana, katakana] = ['Han', 'Hiragana', 'Katakana'].map(scriptNumber)
    const scripts = new CharacterKinds((point) => {
      const script = point === 0x20 ? -1 : point === 0x30fc ? han! : scriptOfUnicode9(point)
      return 1 + (script === hiragana || script === katakana ? han! : script)
    })
    return (input) => {
      const pieces = spelledOut(input)
      const { text, bounds } = pieces
      const found = new Bounds(16 + (text.length >> 3))
      for (let i = 0; i < bounds.length; i += 2) {
        const end = bounds[i + 1]!
        let open = end
        let before = 0
        for (let at = bounds[i]!, next = at; at < end; at = next) {
          const point = codePointAt(text, at, end)
          next += point > 0xffff ? 2 : 1
          const script = scripts.of(point)
          if (script === before || script === 0) continue
          found.push(open, at)
          open = at
          before = script
        }
        found.push(open, end)
      }
      return { ...pieces, bounds: found.take() }
    }
  },
}
