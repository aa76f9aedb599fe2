import { characterOfByte } from '../byte-alphabet.js'
import { type ByteLevelDefinition, readByteLevel } from '../steps/byte-level.js'
import type { Component } from '../steps/component.js'
import type { DecodeStep } from './step.js'

/** UTF-16 code unit → the byte that it stands for in the byte alphabet, or -1. */
const byteOfUnit = new Int16Array(512).fill(-1)
characterOfByte.forEach((character, byte) => (byteOfUnit[character.charCodeAt(0)] = byte))

/**
 * The bytes that the tokens spell in the byte alphabet, as one text. A token that has another character
 * stands for itself. What is no UTF-8 becomes U+FFFD, one for each beginning of a character (Encoding
 * Standard).
 */
export const byteLevel: Component<ByteLevelDefinition, DecodeStep> = {
  read: readByteLevel,
  create: () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const encoder = new TextEncoder()
    return (tokens) => {
      let units = 0
      for (const token of tokens) units += token.length
      const bytes = new Uint8Array(3 * units)
      let length = 0
      for (const token of tokens) {
        const start = length
        for (let i = 0; i < token.length; i++) {
          const unit = token.charCodeAt(i)
          const byte = unit < 512 ? byteOfUnit[unit]! : -1
          if (byte < 0) {
            length = start + encoder.encodeInto(token, bytes.subarray(start)).written
            break
          }
          bytes[length++] = byte
        }
      }
      return [decoder.decode(bytes.subarray(0, length))]
    }
  },
}
