import type { TokenList } from '../steps/token-list.js'

/** A longer word isn't remembered, in UTF-16 code units. */
export const longestCachedWord = 128

const mostWords = 1 << 18
const mostUnits = 1 << 21
const mostNumbers = 1 << 21
/** A table that somebody made crowded costs no more than this many comparisons a word. */
const longestSearch = 16

/**
 * Words and the tokens that they became: a hash table over the words' UTF-16 code units. It is emptied when
 * it is full.
 */
export class WordCache {
  /** What `find` is asked about: the word's units. */
  readonly word: Uint16Array = new Uint16Array(longestCachedWord)
  /**
   * Two numbers for each token of a word that was found: its id, and its place in the word,
   * start + 256 × end.
   */
  tokens: Int32Array = new Int32Array(1024)
  /** Where the tokens of the word that was found are, [from, to). */
  from: number = 0
  to: number = 0
  /** Four numbers for each place: hash, where units begin, how many, where tokens begin. */
  #slots = new Int32Array(4 * 1024)
  #shift = 22
  #units = new Uint16Array(4096)
  #unitsUsed = 0
  #tokensUsed = 0
  #words = 0

  /** Looks the word [start, end) of a text up; it isn't longer than `longestCachedWord`. */
  find(text: string, start: number, end: number): boolean {
    const { word } = this
    const length = end - start
    let hash = length
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(start + i)
      word[i] = unit
      hash = Math.imul(hash ^ unit, 0x01000193)
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash ^= hash >>> 13
    this.#hash = hash
    const slots = this.#slots
    const units = this.#units
    const mask = slots.length - 1
    let at = 4 * (hash >>> this.#shift)
    for (let searched = 0; searched < longestSearch; searched++, at = (at + 4) & mask) {
      const known = slots[at + 2]! & 0xff
      if (known === 0) break
      if (known !== length || slots[at] !== hash) continue
      const begin = slots[at + 1]!
      let i = 0
      while (i < length && units[begin + i] === word[i]) i++
      if (i < length) continue
      this.from = slots[at + 3]!
      this.to = this.from + 2 * (slots[at + 2]! >>> 8)
      return true
    }
    this.#slot = at
    return false
  }

  /** Of the word that was looked up last, and where in the table it would go. */
  #hash = 0
  #slot = 0

  /**
   * Remembers the word that wasn't found just now, whose tokens are the last `count` of a list. A word that
   * is too long isn't.
   *
   * @param start where the word begins, as the list has it
   */
  add(length: number, list: TokenList, count: number, start: number): void {
    const slots = this.#slots
    const slot = this.#slot
    if (length > longestCachedWord || slots[slot + 2] !== 0) return
    if (
      this.#words === mostWords ||
      this.#unitsUsed + length > mostUnits ||
      this.#tokensUsed + 2 * count > mostNumbers
    ) {
      this.#empty()
      return
    }
    if (this.#unitsUsed + length > this.#units.length) {
      const longer = new Uint16Array(2 * this.#units.length)
      longer.set(this.#units)
      this.#units = longer
    }
    while (this.#tokensUsed + 2 * count > this.tokens.length) {
      const longer = new Int32Array(2 * this.tokens.length)
      longer.set(this.tokens)
      this.tokens = longer
    }
    slots[slot] = this.#hash
    slots[slot + 1] = this.#unitsUsed
    slots[slot + 2] = length | (count << 8)
    slots[slot + 3] = this.#tokensUsed
    for (let i = 0; i < length; i++) this.#units[this.#unitsUsed++] = this.word[i]!
    const { ids, starts, ends } = list
    for (let i = list.length - count; i < list.length; i++) {
      this.tokens[this.#tokensUsed++] = ids[i]!
      this.tokens[this.#tokensUsed++] = (starts[i]! - start) | ((ends[i]! - start) << 8)
    }
    if (8 * ++this.#words >= slots.length) this.#grow()
  }

  #empty(): void {
    this.#slots.fill(0)
    this.#words = this.#unitsUsed = this.#tokensUsed = 0
  }

  #grow(): void {
    const old = this.#slots
    const slots = new Int32Array(2 * old.length)
    const mask = slots.length - 1
    this.#shift--
    for (let from = 0; from < old.length; from += 4) {
      if (old[from + 2] === 0) continue
      let at = 4 * (old[from]! >>> this.#shift)
      while (slots[at + 2] !== 0) at = (at + 4) & mask
      slots.set(old.subarray(from, from + 4), at)
    }
    this.#slots = slots
  }
}
