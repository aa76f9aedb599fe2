import { type ByteLevelDefinition, readByteLevel } from '../steps/byte-level.js'
import type { Component } from '../steps/component.js'
import type { Pieces, Splitter } from '../steps/pieces.js'
import { withPrefix } from './prefix.js'
import { spelledOut } from './spelled-out.js'
import { splitterByPattern } from './split.js'

/**
 * GPT-2's words: contractions, letters, digits and other marks, each with a space before, and white space.
 * Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", `encoder.py`.
 */
const words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** Only cuts the text, and says that its characters stand for bytes. */
export const byteLevel: Component<ByteLevelDefinition, Splitter> = {
  read: readByteLevel,
  create({ add_prefix_space: hasPrefix, use_regex: cuts }) {
    const split = cuts ? splitterByPattern({ Regex: words }, 'Isolated', false) : undefined
    return (input) => {
      const characters = spelledOut(input)
      const prefixed = hasPrefix ? withPrefix(characters, ' ', withoutSpace(characters)) : characters
      const pieces = split === undefined ? prefixed : split(prefixed)
      return { ...pieces, spelling: 'bytes' }
    }
  },
}

/** Of each piece, whether it has no space in front. */
function withoutSpace({ text, bounds }: Pieces): Uint8Array {
  return Uint8Array.from({ length: bounds.length / 2 }, (_, i) =>
    text.charCodeAt(bounds[2 * i]!) === 0x20 ? 0 : 1,
  )
}
