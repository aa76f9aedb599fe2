import type { JsonReader } from '../../base/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { MergeTable } from './merge-table.js'

/** Of a file: the largest that were published have two thirds. */
export const mostMerges: number = 3 * 2 ** 18

const space = 0x20
const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const version = new TextEncoder().encode('#version')

/**
 * Reads merges: pairs of tokens, or in older files strings with a space between. Where a pair comes twice,
 * the last counts.
 *
 * @param prefix what the joined token lacks of the right one, if anything
 * @throws FormatError for merges of tokens that the vocabulary lacks
 */
export function readMerges(reader: JsonReader, vocabulary: Vocabulary, prefix: string | null): MergeTable {
  return new MergeReader(reader, vocabulary, new TextEncoder().encode(prefix ?? '').length).read()
}

/** So many merges are looked up together. */
const mostPending = 256

class MergeReader {
  readonly #reader: JsonReader
  readonly #vocabulary: Vocabulary
  readonly #prefix: number
  /** The left token's bytes and the right one's behind them. */
  #pair = new Uint8Array(256)
  #length = 0
  /** The place in the vocabulary of the token that the last merge made: most make the same or the next. */
  #place = -1
  /** Left, right and joined token of each merge, so that the table is made once, as large as it has to be. */
  #ids: Int32Array
  #count = 0
  /** Where left and right tokens are that nobody has looked up: of the last merges. */
  readonly #pending = new Int32Array(4 * mostPending)
  #pendingCount = 0
  readonly #found = new Int32Array(2 * mostPending)

  constructor(reader: JsonReader, vocabulary: Vocabulary, prefix: number) {
    this.#reader = reader
    this.#vocabulary = vocabulary
    this.#prefix = prefix
    this.#ids = new Int32Array(3 * Math.min(mostMerges, 1 + (reader.text.length >> 5)))
  }

  read(): MergeTable {
    const place = this.#reader.place()
    if (!this.#readAll(true)) {
      // A token is missing: it is found again one by one.
      this.#reader.goTo(place)
      this.#readAll(false)
    }
    return MergeTable.of(this.#ids, this.#count)
  }

  /**
   * @param isFast whether plain pairs are looked up many at a time; false comes of it where one is missing
   */
  #readAll(isFast: boolean): boolean {
    const reader = this.#reader
    this.#count = this.#pendingCount = 0
    if (!reader.enter('[')) return true
    do {
      if (this.#count === mostMerges) reader.refuse(`one of at most ${mostMerges} merges`, { found: 'more' })
      const { at } = reader
      if (3 * this.#count === this.#ids.length) {
        const longer = new Int32Array(2 * this.#ids.length)
        longer.set(this.#ids)
        this.#ids = longer
      }
      const end = isFast ? this.#readPlain(at) : -1
      if (end >= 0) {
        reader.resume(end)
        if (this.#pendingCount === mostPending && !this.#lookUp()) return false
        continue
      }
      if (!this.#lookUp()) return false
      const middle = reader.sees('"') ? this.#spacedPair(at) : this.#listedPair(at)
      if (middle < 0) continue
      const to = 3 * this.#count++
      this.#ids[to] = this.#id(0, middle)
      this.#ids[to + 1] = this.#id(middle, this.#length)
      this.#ids[to + 2] = this.#joinedId(middle, at)
    } while (reader.next(']'))
    return this.#lookUp()
  }

  /** Looks the pending tokens up. */
  #lookUp(): boolean {
    const pending = this.#pendingCount
    if (pending === 0) return true
    const found = this.#found
    this.#pendingCount = 0
    this.#vocabulary.idsOfBytes(this.#reader.text, this.#pending, found, 2 * pending)
    const begin = 3 * (this.#count - pending)
    for (let i = 0; i < pending; i++) {
      if (found[2 * i]! < 0 || found[2 * i + 1]! < 0) return false
      this.#ids[begin + 3 * i] = found[2 * i]!
      this.#ids[begin + 3 * i + 1] = found[2 * i + 1]!
    }
    return true
  }

  /**
   * Reads a pair that stands at `at`, whose tokens have no escapes and become the same token as the pair
   * before or the next one. Answers where the pair ends; -1 for any other pair.
   */
  #readPlain(at: number): number {
    const { text } = this.#reader
    const vocabulary = this.#vocabulary
    const isList = text[at] === openBracket
    const left = (isList ? pastSpace(text, at + 1) : at) + 1
    if (text[left - 1] !== quote) return -1
    // Whether it is UTF-8 need not be asked: the vocabulary's tokens are.
    const leftEnd = pastToken(text, left)
    let right: number
    if (isList) {
      if (text[leftEnd] !== quote) return -1
      right = pastSpace(text, leftEnd + 1)
      if (text[right] !== comma) return -1
      right = pastSpace(text, right + 1)
      if (text[right] !== quote) return -1
    } else {
      if (text[leftEnd] !== space) return -1
      right = leftEnd
    }
    right++
    const rightEnd = pastToken(text, right)
    if (text[rightEnd] !== quote || left === leftEnd || right === rightEnd || this.#prefix > 0) return -1
    let end = rightEnd + 1
    if (isList) {
      end = pastSpace(text, end) + 1
      if (text[end - 1] !== closeBracket) return -1
    }
    if (vocabulary.isJoinedAt(this.#place + 1, text, left, leftEnd, right, rightEnd)) this.#place++
    else if (!vocabulary.isJoinedAt(this.#place, text, left, leftEnd, right, rightEnd)) return -1
    const to = 4 * this.#pendingCount++
    this.#pending[to] = left
    this.#pending[to + 1] = leftEnd
    this.#pending[to + 2] = right
    this.#pending[to + 3] = rightEnd
    this.#ids[3 * this.#count++ + 2] = vocabulary.idAt(this.#place)
    return end
  }

  /** Reads `["a", "b"]`, and answers where the right token begins. */
  #listedPair(at: number): number {
    const reader = this.#reader
    let middle = 0
    this.#length = 0
    if (!reader.enter('[')) return reader.refuse('two tokens', { at })
    this.#addString()
    middle = this.#length
    if (!reader.next(']')) return reader.refuse('two tokens', { at })
    this.#addString()
    if (reader.next(']')) return reader.refuse('two tokens')
    if (middle === 0 || middle === this.#length) return reader.refuse('two tokens', { at })
    return middle
  }

  /** Reads `"a b"`, and answers where the right token begins; -1 for a line that says the version. */
  #spacedPair(at: number): number {
    this.#length = 0
    this.#addString()
    const pair = this.#pair
    if (pair[0] === version[0] && version.every((byte, i) => i < this.#length && pair[i] === byte)) return -1
    let middle = 0
    while (middle < this.#length && pair[middle] !== space) middle++
    if (middle === 0 || middle + 1 >= this.#length) return this.#reader.refuse('two tokens', { at })
    this.#length--
    for (let i = middle; i < this.#length; i++) {
      pair[i] = pair[i + 1]!
      if (pair[i] === space) return this.#reader.refuse('two tokens', { at })
    }
    return middle
  }

  /** Reads a string, whose bytes come behind those that are there. */
  #addString(): void {
    const reader = this.#reader
    reader.span()
    const { source, from, to } = reader
    const begin = this.#length
    const end = begin + to - from
    if (end > this.#pair.length) {
      const longer = new Uint8Array(2 * end)
      longer.set(this.#pair)
      this.#pair = longer
    }
    const pair = this.#pair
    for (let i = from, at = begin; i < to; i++, at++) pair[at] = source[i]!
    this.#length = end
  }

  #id(start: number, end: number): number {
    const id = this.#vocabulary.idOfBytes(this.#pair, start, end)
    return id < 0 ? this.#refuseToken(start, end) : id
  }

  #joinedId(middle: number, at: number): number {
    const vocabulary = this.#vocabulary
    const pair = this.#pair
    if (this.#prefix > 0) {
      if (this.#length - middle < this.#prefix)
        this.#reader.refuse(`a right token of ${this.#prefix} bytes or more`, { at })
      pair.copyWithin(middle, middle + this.#prefix, this.#length)
      this.#length -= this.#prefix
    }
    const length = this.#length
    if (vocabulary.isAt(this.#place + 1, pair, 0, length)) this.#place++
    else if (!vocabulary.isAt(this.#place, pair, 0, length)) {
      this.#place = vocabulary.placeOfBytes(pair, 0, length)
      if (this.#place < 0) return this.#refuseToken(0, length)
    }
    return vocabulary.idAt(this.#place)
  }

  #refuseToken(start: number, end: number): never {
    const token = new TextDecoder().decode(this.#pair.subarray(start, end))
    return this.#reader.refuse('a merge of tokens that the vocabulary has', {
      found: `no '${token.slice(0, 100)}'`,
    })
  }
}

function pastSpace(text: Uint8Array, at: number): number {
  for (;;) {
    const byte = text[at]!
    if (byte !== space && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

/** Where a token ends: at a space, a quote, or what no plain token has. */
function pastToken(text: Uint8Array, at: number): number {
  for (;;) {
    const byte = text[at]!
    if (!(byte > quote) || byte === backslash) if (byte !== 0x21) return at
    at++
  }
}
