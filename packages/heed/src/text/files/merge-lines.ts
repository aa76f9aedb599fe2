import { MergeTable } from '../subword/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'

/** Makes merges of texts, two tokens with a space between, in UTF-8. */
export class MergeLines {
  readonly merges: MergeTable
  readonly #vocabulary: Vocabulary
  readonly #lastCounts: boolean
  #joined = new Uint8Array(256)

  /**
   * @param expected how many there may be
   * @param lastCounts of a pair that comes twice the last counts; false: the first
   */
  constructor(vocabulary: Vocabulary, expected: number, lastCounts: boolean) {
    this.merges = new MergeTable(expected)
    this.#vocabulary = vocabulary
    this.#lastCounts = lastCounts
  }

  /** Adds the merge [start, end) of bytes, whose space is at `space`; false: the vocabulary lacks a token. */
  add(bytes: Uint8Array, start: number, space: number, end: number, rank: number): boolean {
    const vocabulary = this.#vocabulary
    const left = vocabulary.idOfBytes(bytes, start, space)
    const right = vocabulary.idOfBytes(bytes, space + 1, end)
    if (left < 0 || right < 0) return false
    const length = end - start - 1
    if (this.#joined.length < length) this.#joined = new Uint8Array(2 * length)
    const joined = this.#joined
    for (let i = start; i < space; i++) joined[i - start] = bytes[i]!
    for (let i = space + 1; i < end; i++) joined[i - start - 1] = bytes[i]!
    const merged = vocabulary.idOfBytes(joined, 0, length)
    if (merged < 0) return false
    if (this.#lastCounts || this.merges.find(left, right) < 0) this.merges.set(left, right, rank, merged)
    return true
  }
}
