import { type JsonReader, utf8Length } from '../../base/index.js'
import { Vocabulary } from '../steps/vocabulary.js'

/** Of a file: the largest that were published have a third of each, or less. */
export const mostTokens: number = 3 * 2 ** 18
export const largestId: number = 2 ** 31 - 2

/**
 * Reads a vocabulary `{ "token": id, … }`, of which no token comes twice. Two tokens may have one id, and ids
 * may have gaps.
 */
export function readVocabulary(reader: JsonReader): Vocabulary {
  const place = reader.place()
  const plain = new PlainTokens(reader)
  if (plain.readAll()) return plain.vocabulary
  // What is wrong is found again one by one.
  reader.goTo(place)
  const vocabulary = new Vocabulary()
  if (!reader.enter('{')) return vocabulary
  do {
    const { at } = reader
    addNext(reader, at, vocabulary)
  } while (reader.next('}'))
  return vocabulary
}

/** Adds the token that comes next. */
function addNext(reader: JsonReader, at: number, vocabulary: Vocabulary): void {
  reader.name(true)
  if (vocabulary.size === mostTokens) reader.refuse(`one of at most ${mostTokens} tokens`, { found: 'more' })
  const { source, from, to } = reader
  // The id stands behind the name: nothing of the name is written over.
  if (!vocabulary.addBytes(source, from, to, reader.count(largestId)))
    reader.refuse('there once', { found: 'it again', at })
}

const space = 0x20
const quote = 0x22
const comma = 0x2c
const zero = 0x30
const colon = 0x3a
const backslash = 0x5c
/** So many tokens are added together. */
const mostPending = 256

/** Reads tokens as most files write them faster than any. */
class PlainTokens {
  readonly vocabulary: Vocabulary
  readonly #reader: JsonReader
  /** Tokens that were read and not added. */
  readonly #bounds = new Int32Array(2 * mostPending)
  readonly #ids = new Int32Array(mostPending)
  #pending = 0

  constructor(reader: JsonReader) {
    this.#reader = reader
    // A large file is mostly vocabulary and merges.
    this.vocabulary = new Vocabulary(Math.min(mostTokens, reader.text.length >> 7))
  }

  /** Answers false where a token comes twice. */
  readAll(): boolean {
    const reader = this.#reader
    const { vocabulary } = this
    if (!reader.enter('{')) return true
    do {
      const { at } = reader
      const end = this.#read(reader.text, at)
      if (end >= 0) reader.resume(end)
      else {
        if (!this.#add()) return false
        addNext(reader, at, vocabulary)
      }
      if (this.#pending === mostPending && !this.#add()) return false
    } while (reader.next('}'))
    return this.#add()
  }

  #add(): boolean {
    const count = this.#pending
    this.#pending = 0
    if (this.vocabulary.size + count > mostTokens) return false
    return this.vocabulary.addAll(this.#reader.text, this.#bounds, this.#ids, count)
  }

  /**
   * Reads a token that stands at `at` and has no escapes, if a comma follows its id at once. Answers where
   * the id ends; -1 for any other, which is not read.
   */
  #read(text: Uint8Array, at: number): number {
    if (text[at] !== quote) return -1
    const start = at + 1
    let end = start
    for (;;) {
      const byte = text[end]!
      if (byte === quote) break
      if (byte >= 0x80) {
        const length = utf8Length(text, end)
        if (length === 0) return -1
        end += length
      } else if (byte === backslash || !(byte >= space)) return -1
      else end++
    }
    let i = end + 1
    if (text[i++] !== colon) return -1
    if (text[i] === space) i++
    const digits = i
    let id = 0
    for (; ; i++) {
      const digit = text[i]! - zero
      if (!(digit >= 0 && digit <= 9)) break
      id = 10 * id + digit
    }
    if (text[i] !== comma || i === digits || i > digits + 9 || (text[digits] === zero && i > digits + 1))
      return -1
    this.#bounds[2 * this.#pending] = start
    this.#bounds[2 * this.#pending + 1] = end
    this.#ids[this.#pending++] = id
    return i
  }
}
