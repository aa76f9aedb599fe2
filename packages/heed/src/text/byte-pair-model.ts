import { FormatError, HeedError, UsageError } from '../base/index.js'
import { characterOfByte, detached, tokenOfBytes, WordBytes } from './byte-alphabet.js'
import { type MergeTable, MergeTableBuilder } from './merge-table.js'
import { PairTable } from './pair-table.js'

/** The model part of a byte-level tokenizer.json: tokens and merges are spelled in the byte alphabet. */
export interface BytePairDefinition {
  readonly vocabulary: ReadonlyMap<string, number>
  /** Pairs of tokens that join, the earlier the sooner. */
  readonly merges: readonly (readonly [left: string, right: string])[]
  /** Stands for bytes without a token of their own; null: there are none. */
  readonly unknownToken: string | null
  /** Neighbouring unknown bytes become one token. */
  readonly fuseUnknown: boolean
  /** A word that is a token becomes that token, merges or not. */
  readonly ignoreMerges: boolean
}

/** Words up to this many UTF-16 code units are remembered, this many of them. */
const longestCachedWord = 128
/** Merging a longer one would take more memory than a text may. */
const longestWord = 2 ** 20
const cachedWords = 1 << 16

/**
 * Byte pair encoding: a word starts as its bytes, and of all neighbours that may merge those of the lowest
 * rank do, the leftmost first, until none may. O(n log n) for a word of n bytes. Source: Sennrich et al.
 * 2016, "Neural Machine Translation of Rare Words with Subword Units".
 */
export class BytePairModel {
  readonly #vocabulary: ReadonlyMap<string, number>
  readonly #tokenOfByte = new Int32Array(256)
  readonly #unknown: number
  readonly #fuseUnknown: boolean
  readonly #ignoreMerges: boolean
  readonly #longestToken: number
  /** Pair of token ids → rank of its merge. */
  readonly #ranks: PairTable
  /** Rank → token id of the merged pair. */
  readonly #merged: Int32Array
  readonly #cache = new Map<string, Int32Array>()
  readonly #bytes = new WordBytes()
  readonly #heap = new RankHeap()

  /**
   * @param table the definition's merges, where they are known as ids
   * @throws FormatError where a merge names a token that the vocabulary lacks
   */
  constructor(definition: BytePairDefinition, table?: MergeTable) {
    const { vocabulary } = definition
    this.#vocabulary = vocabulary
    this.#fuseUnknown = definition.fuseUnknown
    this.#ignoreMerges = definition.ignoreMerges
    const idOf = (token: string): number => {
      const id = vocabulary.get(token)
      if (id !== undefined) return id
      throw new FormatError({
        operation: 'loadTokenizer',
        expected: 'a vocabulary with every token that merges and unk_token name',
        found: `no '${token.slice(0, 100)}'`,
        hint: 'check that vocabulary and merges belong together',
      })
    }
    this.#unknown = definition.unknownToken === null ? -1 : idOf(definition.unknownToken)
    for (let byte = 0; byte < 256; byte++) {
      this.#tokenOfByte[byte] = vocabulary.get(characterOfByte[byte]!) ?? -1
    }
    let longest = 0
    for (const token of vocabulary.keys()) longest = Math.max(longest, token.length)
    this.#longestToken = longest
    if (table === undefined) {
      const builder = new MergeTableBuilder()
      for (const [left, right] of definition.merges) builder.push(idOf(left), idOf(right), idOf(left + right))
      table = builder.build()
    }
    const { lefts, rights, merged } = table
    this.#merged = merged
    this.#ranks = new PairTable(lefts.length)
    lefts.forEach((left, rank) => this.#ranks.set(left, rights[rank]!, rank))
  }

  /**
   * A word's tokens as triples: id, and the place [start, end) in the word of the characters that it has
   * bytes of, in UTF-16 code units. The array is shared: don't change it.
   */
  encodeWord(word: string): Int32Array {
    const known = this.#cache.get(word)
    if (known !== undefined) return known
    const tokens = this.#computeWord(word)
    if (word.length <= longestCachedWord) {
      if (this.#cache.size >= cachedWords) this.#cache.clear()
      this.#cache.set(detached(word), tokens)
    }
    return tokens
  }

  /** Which of some ids words can become. */
  made(ids: Iterable<number>): Set<number> {
    const asked = new Set(ids)
    if (asked.size === 0 || this.#ignoreMerges) return asked
    const found = new Set<number>()
    for (const list of [this.#tokenOfByte, this.#merged])
      for (const id of list) if (asked.has(id)) found.add(id)
    return found
  }

  #computeWord(word: string): Int32Array {
    if (word.length > longestWord) refuseLong(word.length)
    this.#bytes.read(word)
    const { bytes, starts, ends, length } = this.#bytes
    if (this.#ignoreMerges && length <= this.#longestToken) {
      const id = this.#vocabulary.get(tokenOfBytes(bytes, 0, length))
      if (id !== undefined) return Int32Array.of(id, 0, word.length)
    }
    // A list of symbols, linked both ways: symbol i begins with byte first[i], and next[i] is -1 at the end.
    const ids = new Int32Array(length)
    const first = new Int32Array(length + 1)
    let count = 0
    let wasUnknown = false
    for (let at = 0; at < length; at++) {
      const id = this.#tokenOfByte[bytes[at]!]!
      if (id < 0 && this.#unknown < 0) this.#refuseByte(bytes[at]!)
      if (id < 0 && wasUnknown && this.#fuseUnknown) continue
      wasUnknown = id < 0
      first[count] = at
      ids[count++] = id < 0 ? this.#unknown : id
    }
    first[count] = length
    const next = this.#merge(ids, count)
    let tokens = 0
    for (let i = 0; i >= 0 && i < count; i = next[i]!) tokens++
    const result = new Int32Array(3 * tokens)
    for (let i = 0, out = 0; i >= 0 && i < count; i = next[i]!) {
      const after = next[i]! < 0 ? length : first[next[i]!]!
      result[out++] = ids[i]!
      result[out++] = starts[first[i]!]!
      result[out++] = ends[after - 1]!
    }
    return result
  }

  /** Merges the symbols `ids` in place; answers each symbol's follower, -1 for the last. */
  #merge(ids: Int32Array, count: number): Int32Array {
    const ranks = this.#ranks
    const heap = this.#heap
    const next = new Int32Array(count)
    const previous = new Int32Array(count)
    heap.reset(count)
    for (let i = 0; i < count; i++) {
      next[i] = i + 1 < count ? i + 1 : -1
      previous[i] = i - 1
      if (i + 1 < count) heap.push(ranks.get(ids[i]!, ids[i + 1]!), i)
    }
    while (heap.pop()) {
      const { rank, position } = heap
      const right = next[position]!
      // What has changed since it was pushed is stale: a symbol that was merged away has id -1, which has no
      // merges.
      if (right < 0 || ranks.get(ids[position]!, ids[right]!) !== rank) continue
      ids[position] = this.#merged[rank]!
      ids[right] = -1
      const after = next[right]!
      const before = previous[position]!
      next[position] = after
      next[right] = -1
      if (after >= 0) {
        previous[after] = position
        heap.push(ranks.get(ids[position]!, ids[after]!), position)
      }
      if (before >= 0) heap.push(ranks.get(ids[before]!, ids[position]!), before)
    }
    return next
  }

  #refuseByte(byte: number): never {
    throw new HeedError({
      operation: 'encode',
      expected: 'a vocabulary with a token for every byte, or an unk_token',
      found: `none for byte 0x${byte.toString(16)}`,
      hint: `add the token '${characterOfByte[byte]}', or train with trainByteLevel, which has all 256`,
    })
  }
}

function refuseLong(length: number): never {
  throw new UsageError({
    operation: 'encode',
    expected: `words of at most ${longestWord} UTF-16 code units`,
    found: `one of ${length}, as the tokenizer splits the text`,
    hint: 'split the text before; merges need some fifty bytes of memory for each',
  })
}

/** Places by rank, then position: the lowest first. */
class RankHeap {
  rank: number = 0
  position: number = 0
  #keys = new Float64Array(128)
  #size = 0
  #places = 1

  reset(places: number): void {
    this.#size = 0
    this.#places = Math.max(1, places)
    const room = 2 * places + 2
    if (room > this.#keys.length || this.#keys.length > 1 << 16)
      this.#keys = new Float64Array(Math.max(128, room))
  }

  push(rank: number, position: number): void {
    if (rank < 0) return
    const keys = this.#keys
    // Exact: rank × places stays below 2^53 for any file and word that fit in memory.
    const key = rank * this.#places + position
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (keys[parent]! <= key) break
      keys[at] = keys[parent]!
      at = parent
    }
    keys[at] = key
  }

  /** Takes the lowest away and leaves it in `rank` and `position`; false where there is none. */
  pop(): boolean {
    if (this.#size === 0) return false
    const keys = this.#keys
    const top = keys[0]!
    const last = keys[--this.#size]!
    let at = 0
    for (let child = 1; child < this.#size; child = 2 * at + 1) {
      if (child + 1 < this.#size && keys[child + 1]! < keys[child]!) child++
      if (keys[child]! >= last) break
      keys[at] = keys[child]!
      at = child
    }
    keys[at] = last
    this.rank = Math.floor(top / this.#places)
    this.position = top - this.rank * this.#places
    return true
  }
}
