import { writeCodePoint } from '../../base/index.js'
import { characterOfByte, codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter, withAsciiReplaced } from '../steps/rewriter.js'

/** Writes the bytes of every character in GPT-2's byte alphabet. Each has the place of its character. */
export interface ByteLevelNormalizerDefinition {
  readonly type: 'ByteLevel'
}

export const byteLevel: Component<ByteLevelNormalizerDefinition, Normalizer> = {
  read: () => ({ type: 'ByteLevel' }),
  create: () => spelledInBytes,
}

function spelledInBytes(input: NormalizedText): NormalizedText {
  const { text } = input
  // One character for one: everything stays in its place.
  if (!/[^\0-\x7f]/.test(text)) {
    if (!notSpelledAlike.test(text)) return input
    return { ...input, text: withAsciiReplaced(text, letterOfByte) }
  }
  const rewriter = new Rewriter(input)
  let done = 0
  for (let at = 0; at < text.length;) {
    const point = codePointAt(text, at)
    const next = at + (point > 0xffff ? 2 : 1)
    if (point <= 0x20 || point > 0x7e) {
      rewriter.keep(done, at)
      const count = writeCodePoint(point, bytes, 0)
      for (let i = 0; i < count; i++) rewriter.putPoint(letterOfByte[bytes[i]!]!, at, next)
      done = next
    }
    at = next
  }
  rewriter.keep(done, text.length)
  return rewriter.finish()
}

const bytes = new Uint8Array(4)
const letterOfByte = Uint16Array.from(characterOfByte, (character) => character.charCodeAt(0))

const notSpelledAlike = /[^!-~]/
