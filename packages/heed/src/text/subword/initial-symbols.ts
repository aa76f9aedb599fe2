import { FormatError, writeCodePoint, writeUtf8 } from '../../base/index.js'
import { characterOfByte, codePointAt } from '../byte-alphabet.js'
import type { Spelling } from '../steps/pieces.js'
import type { Vocabulary } from '../steps/vocabulary.js'

/** How a vocabulary takes a word apart into what merges begin with. */
export interface SymbolSettings {
  /** Stands for characters without a token of their own; null: they are left out. */
  readonly unk_token: string | null
  /** In front of each character of a word but the first. */
  readonly continuing_subword_prefix: string | null
  /** Behind the last character of a word. */
  readonly end_of_word_suffix: string | null
  /** Neighbouring unknown characters become one token. */
  readonly fuse_unk: boolean
  /** An unknown character becomes tokens of its bytes, `<0x0A>`, if there is one for each of them. */
  readonly byte_fallback: boolean
}

/** GPT-2's character of each byte, as a code point. */
const spelledByte: Int32Array = Int32Array.from(characterOfByte, (character) => character.charCodeAt(0))
/** What a character of the table stands for whose token nobody has looked up. */
const notLooked = -2

/**
 * The symbols that a word begins as: `ids`, and in `lengths` the bytes of UTF-8 that each stands for, of the
 * word as it is spelled. The arrays are used again for the next word.
 */
export class InitialSymbols {
  ids: Int32Array = new Int32Array(256)
  lengths: Int32Array = new Int32Array(256)
  count = 0
  /** Whether the lengths come to more or less than the word has: characters were left out. */
  isUneven = false
  /** Whether there are tokens of single bytes, which stand for unknown characters. */
  hasBytes = false
  /** Ids that no character becomes, except as unknown. */
  barred: Uint8Array | undefined
  readonly #vocabulary: Vocabulary
  readonly #prefix: Uint8Array
  readonly #suffix: Uint8Array
  readonly #hasAffixes: boolean
  readonly #fuses: boolean
  readonly #unknown: number
  readonly #hasUnknown: boolean
  readonly #tokenOfByte: Int32Array | undefined
  readonly #spelled: Uint8Array
  /** Tokens of the characters up to U+FFFF, where there are no affixes. */
  #tokenOfCharacter: Int32Array | undefined
  /** Of unknown characters that have no symbol yet. 0: there are none. */
  #unknownLength = 0

  constructor(vocabulary: Vocabulary, settings: SymbolSettings) {
    const { unk_token: unknown, continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = settings
    this.#vocabulary = vocabulary
    this.#prefix = new TextEncoder().encode(prefix ?? '')
    this.#suffix = new TextEncoder().encode(suffix ?? '')
    this.#hasAffixes = this.#prefix.length + this.#suffix.length > 0
    this.#spelled = new Uint8Array(this.#prefix.length + 4 + this.#suffix.length)
    this.#fuses = settings.fuse_unk
    this.#hasUnknown = unknown !== null
    this.#unknown = unknown === null ? -1 : (vocabulary.id(unknown) ?? -1)
    if (settings.byte_fallback)
      this.#tokenOfByte = Int32Array.from({ length: 256 }, (_, byte) => {
        const digits = byte.toString(16).toUpperCase().padStart(2, '0')
        return vocabulary.id(`<0x${digits}>`) ?? -1
      })
  }

  get hasAffixes(): boolean {
    return this.#hasAffixes
  }

  /** Takes [start, end) of a text apart. */
  read(text: string, start: number, end: number, spelling: Spelling): void {
    this.count = 0
    this.isUneven = false
    this.#unknownLength = 0
    for (let at = start; at < end;) {
      const point = codePointAt(text, at, end)
      const isFirst = at === start
      at += point > 0xffff ? 2 : 1
      this.#add(point, spelling, isFirst, at === end)
    }
    this.#addUnknown()
  }

  /**
   * Takes a character in the middle of a word apart. Answers false where what it becomes depends on its
   * neighbours, as it does for unknown ones.
   */
  readInside(point: number, spelling: Spelling): boolean {
    this.count = 0
    this.isUneven = false
    this.hasBytes = false
    this.#unknownLength = 0
    this.#add(point, spelling, false, false)
    return this.#unknownLength === 0 && this.count > 0 && !this.isUneven
  }

  /** Lets the memory go that a long word took. */
  release(): void {
    if (this.ids.length <= 1 << 14) return
    this.ids = new Int32Array(256)
    this.lengths = new Int32Array(256)
  }

  #add(point: number, spelling: Spelling, isFirst: boolean, isLast: boolean): void {
    if (spelling === 'characters') {
      this.#addCharacter(point, isFirst, isLast)
      return
    }
    if (point < 0x80) {
      this.#addCharacter(spelledByte[point]!, isFirst, isLast)
      return
    }
    const length = writeCodePoint(point, utf8, 0)
    for (let i = 0; i < length; i++)
      this.#addCharacter(spelledByte[utf8[i]!]!, isFirst && i === 0, isLast && i === length - 1)
  }

  /** A character of the word as it is spelled. */
  #addCharacter(point: number, isFirst: boolean, isLast: boolean): void {
    const length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    const id = this.#tokenOf(point, isFirst, isLast)
    if (id >= 0) {
      this.#addUnknown()
      this.#push(id, length)
    } else if (this.#tokenOfByte === undefined || !this.#addBytes(point, isFirst, isLast, length)) {
      if (!this.#hasUnknown) this.isUneven = true
      else {
        if (!this.#fuses) this.#addUnknown()
        this.#unknownLength += length
      }
    }
  }

  #tokenOf(point: number, isFirst: boolean, isLast: boolean): number {
    let id: number
    if (this.#hasAffixes || point > 0xffff) {
      id = this.#vocabulary.idOfBytes(this.#spelled, 0, this.#spell(point, isFirst, isLast))
    } else {
      const tokens = (this.#tokenOfCharacter ??= new Int32Array(0x10000).fill(notLooked))
      id = tokens[point]!
      if (id === notLooked) {
        id = this.#vocabulary.idOfBytes(this.#spelled, 0, this.#spell(point, isFirst, isLast))
        tokens[point] = id
      }
    }
    return id >= 0 && this.barred !== undefined && this.barred[id] !== 0 ? -1 : id
  }

  /** Writes a character with its affixes to `#spelled`; answers how many bytes there are. */
  #spell(point: number, isFirst: boolean, isLast: boolean): number {
    let length = 0
    if (!isFirst) {
      this.#spelled.set(this.#prefix)
      length = this.#prefix.length
    }
    length = writeCodePoint(point, this.#spelled, length)
    if (!isLast) return length
    this.#spelled.set(this.#suffix, length)
    return length + this.#suffix.length
  }

  /** Adds the tokens of an unknown character's bytes, if there is one for each. */
  #addBytes(point: number, isFirst: boolean, isLast: boolean, length: number): boolean {
    const count = this.#spell(point, isFirst, isLast)
    const tokens = this.#tokenOfByte!
    for (let i = 0; i < count; i++) {
      const id = tokens[this.#spelled[i]!]!
      if (id < 0 || (this.barred !== undefined && this.barred[id] !== 0)) return false
    }
    this.hasBytes = true
    // Unknown characters before it come behind it, as in the original.
    for (let i = 0; i < count; i++) this.#push(tokens[this.#spelled[i]!]!, 1)
    if (count !== length) this.isUneven = true
    return true
  }

  #addUnknown(): void {
    if (this.#unknownLength === 0) return
    if (this.#unknown < 0)
      throw new FormatError({
        operation: 'encode',
        expected: 'a vocabulary with the unk_token',
        found: 'none',
        hint: 'add it to the vocabulary, or set unk_token to null',
      })
    this.#push(this.#unknown, this.#unknownLength)
    this.#unknownLength = 0
  }

  #push(id: number, length: number): void {
    if (this.count === this.ids.length) {
      this.ids = doubled(this.ids)
      this.lengths = doubled(this.lengths)
    }
    this.ids[this.count] = id
    this.lengths[this.count++] = length
  }
}

const utf8 = new Uint8Array(4)

function doubled(array: Int32Array): Int32Array {
  const longer = new Int32Array(2 * array.length)
  longer.set(array)
  return longer
}

/** How many bytes of UTF-8 a character takes as it is spelled. */
export function spelledLength(point: number, spelling: Spelling): number {
  if (spelling === 'bytes')
    // Printable ASCII is spelled as it is, each other byte as a character of two bytes.
    return point > 0x20 && point < 0x7f ? 1 : point < 0x80 ? 2 : point < 0x800 ? 4 : point < 0x10000 ? 6 : 8
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
}

/** Writes [start, end) of a text in UTF-8 as it is spelled; answers how many bytes there are. */
export function writeSpelled(
  text: string,
  start: number,
  end: number,
  spelling: Spelling,
  into: Uint8Array,
): number {
  if (spelling === 'characters') return writeUtf8(text, start, end, into, 0)
  let length = 0
  for (let at = start; at < end;) {
    const point = codePointAt(text, at, end)
    at += point > 0xffff ? 2 : 1
    const count = writeCodePoint(point, utf8, 0)
    for (let i = 0; i < count; i++) length = writeCodePoint(spelledByte[utf8[i]!]!, into, length)
  }
  return length
}
