import { MergeTable } from '../subword/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'

/** So many are looked up together, so that memory is waited for once. */
const together = 128

/** Makes merges of texts, two tokens with a space between, in UTF-8, the first one first. */
export class MergeLines {
  /** The place of the first merge of a token that the vocabulary lacks; -1: there is none. */
  missing = -1
  readonly #vocabulary: Vocabulary
  readonly #lastCounts: boolean
  /** Left, right and joined token of each merge. */
  #ids = new Int32Array(3 * 1024)
  #count = 0
  #bytes: Uint8Array = new Uint8Array(0)
  readonly #bounds = new Int32Array(4 * together)
  readonly #found = new Int32Array(2 * together)
  #pending = 0
  /** The place in the vocabulary of the token that the last merge made: most make the same or the next. */
  #place = -1
  #joined = new Uint8Array(256)

  /** @param lastCounts of a pair that comes twice the last counts; false: the first */
  constructor(vocabulary: Vocabulary, lastCounts: boolean) {
    this.#vocabulary = vocabulary
    this.#lastCounts = lastCounts
  }

  /** Adds the merge [start, end) of bytes, whose space is at `space`. */
  add(bytes: Uint8Array, start: number, space: number, end: number): void {
    if (bytes !== this.#bytes || this.#pending === together) {
      this.#lookUp()
      this.#bytes = bytes
    }
    if (3 * this.#count === this.#ids.length) {
      const longer = new Int32Array(2 * this.#ids.length)
      longer.set(this.#ids)
      this.#ids = longer
    }
    const to = 4 * this.#pending++
    this.#bounds[to] = start
    this.#bounds[to + 1] = space
    this.#bounds[to + 2] = space + 1
    this.#bounds[to + 3] = end
    this.#ids[3 * this.#count++ + 2] = this.#joinedId(bytes, start, space, end)
  }

  /** The merges, unless `missing` says otherwise. */
  finish(): MergeTable {
    this.#lookUp()
    const merges = MergeTable.of(this.#ids, this.#count)
    if (this.#lastCounts || merges.size === this.#count) return merges
    const first = new MergeTable(merges.size)
    for (let rank = 0, at = 0; rank < this.#count; rank++, at += 3) {
      const [left, right, joined] = this.#ids.subarray(at, at + 3) as unknown as [number, number, number]
      if (first.find(left, right) < 0) first.set(left, right, rank, joined)
    }
    return first
  }

  #joinedId(bytes: Uint8Array, start: number, space: number, end: number): number {
    const vocabulary = this.#vocabulary
    if (vocabulary.isJoinedAt(this.#place + 1, bytes, start, space, space + 1, end)) this.#place++
    else if (!vocabulary.isJoinedAt(this.#place, bytes, start, space, space + 1, end)) {
      const length = end - start - 1
      if (this.#joined.length < length) this.#joined = new Uint8Array(2 * length)
      const joined = this.#joined
      for (let i = start; i < space; i++) joined[i - start] = bytes[i]!
      for (let i = space + 1; i < end; i++) joined[i - start - 1] = bytes[i]!
      const place = vocabulary.placeOfBytes(joined, 0, length)
      if (place < 0) return -1
      this.#place = place
    }
    return vocabulary.idAt(this.#place)
  }

  #lookUp(): void {
    const pending = this.#pending
    const found = this.#found
    this.#pending = 0
    if (pending === 0) return
    this.#vocabulary.idsOfBytes(this.#bytes, this.#bounds, found, 2 * pending)
    const begin = this.#count - pending
    for (let i = 0; i < pending; i++) {
      const to = 3 * (begin + i)
      this.#ids[to] = found[2 * i]!
      this.#ids[to + 1] = found[2 * i + 1]!
      const isMissing = found[2 * i]! < 0 || found[2 * i + 1]! < 0 || this.#ids[to + 2]! < 0
      if (isMissing && this.missing < 0) this.missing = begin + i
    }
  }
}
