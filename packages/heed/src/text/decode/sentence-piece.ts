import { readUtf8, utf8Length } from '../../base/index.js'
import type { Component } from '../steps/component.js'
import { byteOfFallback } from './byte-fallback.js'
import type { DecodeStep } from './step.js'

/**
 * What SentencePiece makes of its pieces: `▁` is a space, `<0xE6>` a byte; a space that was put in front
 * goes. Heed's own type: a tokenizer.json of the package `tokenizers` has none like it.
 */
export interface SentencePieceDecoderDefinition {
  readonly type: 'SentencePiece'
  /** Whether `<0xE6>` is a byte. */
  readonly byte_fallback: boolean
  /** The unknown piece, and what it is decoded to. */
  readonly unk_piece: string
  readonly unk_surface: string
  readonly add_dummy_prefix: boolean
  readonly remove_extra_whitespaces: boolean
  /** Pieces that stay as they are: those that mean no text, and those that a user defined. */
  readonly verbatim: readonly string[]
  /**
   * Bytes that are no UTF-8: one U+FFFD for each, or for each beginning of a character as TextDecoder has it.
   */
  readonly replaces: 'bytes' | 'characters'
}

export const sentencePiece: Component<SentencePieceDecoderDefinition, DecodeStep> = {
  read: (value) => ({
    type: 'SentencePiece',
    byte_fallback: value.member('byte_fallback').boolean(),
    unk_piece: value.member('unk_piece').string(),
    unk_surface: value.member('unk_surface').string(),
    add_dummy_prefix: value.member('add_dummy_prefix').boolean(),
    remove_extra_whitespaces: value.member('remove_extra_whitespaces').boolean(),
    verbatim: value
      .member('verbatim')
      .items()
      .map((item) => item.string()),
    replaces: value.member('replaces').choice(['bytes', 'characters']),
  }),
  create(definition) {
    const { byte_fallback, unk_piece, unk_surface, replaces } = definition
    const { add_dummy_prefix: isAdded, remove_extra_whitespaces: removes } = definition
    const verbatim = new Set(definition.verbatim)
    return (tokens) => {
      const parts: string[] = []
      let bytes: number[] = []
      const flush = (): void => {
        if (bytes.length > 0) parts.push(replaces === 'bytes' ? ofBytes(bytes) : ofCharacters(bytes))
        bytes = []
      }
      let isBegun = false
      for (const token of tokens) {
        const byte = byte_fallback ? byteOfFallback(token) : -1
        if (byte >= 0 && !verbatim.has(token)) {
          bytes.push(byte)
          isBegun = true
          continue
        }
        flush()
        if (token === unk_piece) parts.push(unk_surface)
        else if (verbatim.has(token)) {
          parts.push(token)
          continue
        } else {
          const isStripped = !isBegun && (isAdded || removes) && token.startsWith('▁')
          const part = (isStripped ? token.slice(1) : token).replaceAll('▁', ' ')
          parts.push(part)
          // Where spaces in a row are removed, all those at the beginning go.
          if (part === '' && (removes || !isStripped)) continue
        }
        isBegun = true
      }
      flush()
      return parts
    }
  },
}

function ofBytes(bytes: readonly number[]): string {
  const all = Uint8Array.from(bytes)
  let text = ''
  for (let at = 0; at < all.length;) {
    const length = utf8Length(all, at)
    text += length === 0 ? '\ufffd' : readUtf8(all, at, at + length)
    at += Math.max(1, length)
  }
  return text
}

function ofCharacters(bytes: readonly number[]): string {
  return readUtf8(Uint8Array.from(bytes), 0, bytes.length)
}
