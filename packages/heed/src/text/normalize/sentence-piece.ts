import { type JsonValue, utf8Length, writeUtf8 } from '../../base/index.js'
import { codePointAt, unitsBefore } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import { type NormalizedText, sliceOf } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter } from '../steps/rewriter.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { PieceTrie } from '../subword/piece-trie.js'
import { Charsmap } from './charsmap.js'

/**
 * What SentencePiece itself does with a text, where `Precompiled` is what the package `tokenizers` makes of
 * it. The longest rule counts, wherever it begins; user-defined pieces stay; spaces at the ends and several
 * in a row go; a space is put in front, or behind. Heed's own type: a tokenizer.json of the package has none
 * like it.
 */
export interface SentencePieceNormalizerDefinition {
  readonly type: 'SentencePiece'
  /** In Base64; null: without rules. */
  readonly precompiled_charsmap: string | null
  readonly add_dummy_prefix: boolean
  readonly remove_extra_whitespaces: boolean
  /** A space becomes `▁`. */
  readonly escape_whitespaces: boolean
  /** Of spaces at the end `▁` that stands in the text is one, too. */
  readonly removes_escaped: boolean
  /** The dummy prefix goes to the end. */
  readonly treat_whitespace_as_suffix: boolean
  readonly user_defined: readonly string[]
}

export const sentencePiece: Component<SentencePieceNormalizerDefinition, Normalizer> = {
  read(value) {
    const charsmap = value.member('precompiled_charsmap')
    if (!charsmap.isNull) Charsmap.read(charsmap.string())
    const flag = (name: string): boolean => value.member(name).boolean()
    return {
      type: 'SentencePiece',
      precompiled_charsmap: charsmap.isNull ? null : charsmap.string(),
      add_dummy_prefix: flag('add_dummy_prefix'),
      remove_extra_whitespaces: flag('remove_extra_whitespaces'),
      escape_whitespaces: flag('escape_whitespaces'),
      removes_escaped: flag('removes_escaped'),
      treat_whitespace_as_suffix: flag('treat_whitespace_as_suffix'),
      user_defined: readUserDefined(value.member('user_defined')),
    }
  },
  create(definition) {
    const writer = new SentencePieceWriter(definition)
    return (input) => writer.apply(input)
  },
}

function readUserDefined(value: JsonValue): readonly string[] {
  return value.items().map((item) => (item.string() === '' ? item.refuse('a text') : item.string()))
}

/** A longer text lets its memory go. */
const kept = 1 << 18

class SentencePieceWriter {
  readonly #definition: SentencePieceNormalizerDefinition
  readonly #charsmap: Charsmap | undefined
  readonly #userDefined: PieceTrie | undefined
  readonly #space: string
  #bytes = new Uint8Array(1024)
  #length = 0
  /** Where the next part ends, in bytes, and what it becomes; undefined: it stays. */
  #end = 0
  #text: string | undefined

  constructor(definition: SentencePieceNormalizerDefinition) {
    const { precompiled_charsmap: charsmap, user_defined: pieces, escape_whitespaces: escapes } = definition
    this.#definition = definition
    this.#charsmap = charsmap === null ? undefined : Charsmap.read(charsmap)
    if (pieces.length > 0)
      this.#userDefined = PieceTrie.of(
        Vocabulary.of(pieces.map((piece, i) => [piece, i])),
        new Uint8Array(0),
        Infinity,
      )
    this.#space = escapes ? '▁' : ' '
  }

  apply(input: NormalizedText): NormalizedText {
    const { text } = input
    const { add_dummy_prefix: isAdded, remove_extra_whitespaces: removes } = this.#definition
    const isSuffix = this.#definition.treat_whitespace_as_suffix
    this.#read(text)
    const rewriter = new Rewriter(input)
    const length = this.#length
    const bytes = this.#bytes
    let at = 0
    let unit = 0
    if (removes)
      while (at < length) {
        this.#next(at)
        if (this.#text !== ' ' && !(this.#text === undefined && bytes[at] === 0x20)) break
        unit += unitsIn(bytes, at, this.#end)
        at = this.#end
      }
    if (at === length) {
      rewriter.put('', 0, text.length)
      return text === '' ? input : rewriter.finish()
    }
    const space = this.#space
    if (isAdded && !isSuffix) rewriter.put(space, unit, unit + (codePointAt(text, unit) > 0xffff ? 2 : 1))
    let isAfterSpace = removes
    /** From where on the text stays as it is, or -1. */
    let from = -1
    for (let to = unit; at < length; at = this.#end, unit = to) {
      this.#next(at)
      to = unit + unitsIn(bytes, at, this.#end)
      let part = this.#text
      const isSpace = part === undefined && bytes[at] === 0x20 && this.#end === at + 1
      if (part === undefined && !isSpace && !this.#hasSpace(at)) {
        if (from < 0) from = unit
        isAfterSpace = false
        continue
      }
      part ??= text.slice(unit, to)
      if (from >= 0) rewriter.keep(from, unit)
      from = -1
      if (isAfterSpace) part = part.replace(/^ +/, '')
      if (part !== '') {
        rewriter.put(part.replaceAll(' ', space), unit, to)
        isAfterSpace = removes && part.endsWith(' ')
      } else rewriter.put('', unit, to)
    }
    if (from >= 0) rewriter.keep(from, unit)
    let output = rewriter.finish()
    if (removes && this.#definition.removes_escaped) output = withoutEnd(output, space)
    else if (removes && isAfterSpace) output = sliceOf(output, 0, output.text.length - 1)
    return isAdded && isSuffix ? withSuffix(output, space, input) : output
  }

  /** Whether a part that stays, a user-defined piece, has a space in it. */
  #hasSpace(at: number): boolean {
    for (let i = at; i < this.#end; i++) if (this.#bytes[i] === 0x20) return true
    return false
  }

  #read(text: string): void {
    const room = 3 * text.length
    if (room > this.#bytes.length || this.#bytes.length > kept)
      this.#bytes = new Uint8Array(Math.max(1024, room))
    this.#length = writeUtf8(text, 0, text.length, this.#bytes, 0)
  }

  /** Finds the part that begins at a byte. */
  #next(at: number): void {
    this.#text = undefined
    const trie = this.#userDefined
    if (trie !== undefined && trie.findLongest(this.#bytes, at, this.#length, undefined) >= 0) {
      this.#end = trie.end
      return
    }
    const charsmap = this.#charsmap
    const place = charsmap === undefined ? -1 : charsmap.findLongest(this.#bytes, at, this.#length)
    if (place >= 0) {
      this.#end = charsmap!.end
      this.#text = charsmap!.textAt(place)
    } else this.#end = at + utf8Length(this.#bytes, at)
  }
}

/** How many UTF-16 code units some bytes take; keys may end within a character, which then counts here. */
function unitsIn(bytes: Uint8Array, start: number, end: number): number {
  let units = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1
  }
  return units
}

function withoutEnd(text: NormalizedText, space: string): NormalizedText {
  let end = text.text.length
  while (end > 0 && text.text[end - 1] === space) end--
  return sliceOf(text, 0, end)
}

/** Puts a space behind. It has the place of the last character, or of all where none is left. */
function withSuffix(text: NormalizedText, space: string, input: NormalizedText): NormalizedText {
  const { length } = text.text
  const rewriter = new Rewriter(length > 0 ? text : input)
  rewriter.keep(0, length)
  const from = length > 0 ? length - unitsBefore(text.text, length) : 0
  rewriter.put(space, from, length > 0 ? length : input.text.length)
  return rewriter.finish()
}
