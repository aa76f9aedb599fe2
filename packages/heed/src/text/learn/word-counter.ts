import { codePointAt } from '../byte-alphabet.js'

/** Different words, in the order in which they were met: word i is units[starts[i], starts[i + 1]). */
export interface WordCounts {
  /** UTF-16 code units without lone surrogates. */
  readonly units: Uint16Array
  readonly starts: Float64Array
  /** How often each occurs. */
  readonly counts: Float64Array
}

/** Another one in each process, so that no text can be made for long searches. It changes no result. */
const multiplier = (Math.random() * 2 ** 32) | 0x01000193

/**
 * Counts words, which are parts of texts. No string is made for a word: its code units are hashed where they
 * stand, and kept once for each different word. Memory grows with the different words alone.
 */
export class WordCounter {
  #units = new Uint16Array(1 << 12)
  #starts = new Float64Array(1 << 9)
  #counts = new Float64Array(1 << 9)
  #hashes = new Int32Array(1 << 9)
  /** Number of a word + 1, or 0. At most half of the slots are taken. */
  #slots = new Int32Array(1 << 10)
  #size = 0

  /** How many different words there are. */
  get size(): number {
    return this.#size
  }

  /** Adds the word text[start, end) `times` times. A lone surrogate counts as U+FFFD. */
  add(text: string, start: number, end: number, times: number = 1): void {
    let hash = 0
    for (let i = start; i < end; i++) {
      const unit = text.charCodeAt(i)
      if ((unit & 0xf800) === 0xd800) {
        const isPair = codePointAt(text, i, end) > 0xffff
        if (!isPair) return this.#addMended(text, start, end, times)
        hash = Math.imul(hash ^ unit, multiplier)
        i++
      }
      hash = Math.imul(hash ^ text.charCodeAt(i), multiplier)
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash ^= hash >>> 13
    const length = end - start
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash & mask
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const word = slots[slot]! - 1
      if (this.#hashes[word] !== hash) continue
      let from = this.#starts[word]!
      if (this.#starts[word + 1]! - from !== length) continue
      const units = this.#units
      let i = start
      while (i < end && units[from] === text.charCodeAt(i)) {
        i++
        from++
      }
      if (i < end) continue
      this.#counts[word]! += times
      return
    }
    const word = this.#size++
    slots[slot] = this.#size
    if (this.#size + 1 >= this.#starts.length) this.#growWords()
    const at = this.#starts[word]!
    if (at + length > this.#units.length) {
      const longer = new Uint16Array(2 * (at + length))
      longer.set(this.#units)
      this.#units = longer
    }
    for (let i = start; i < end; i++) this.#units[at + i - start] = text.charCodeAt(i)
    this.#starts[this.#size] = at + length
    this.#counts[word] = times
    this.#hashes[word] = hash
    if (2 * this.#size > slots.length) this.#growSlots()
  }

  take(): WordCounts {
    const starts = this.#starts.subarray(0, this.#size + 1)
    return {
      units: this.#units.subarray(0, starts[this.#size]),
      starts,
      counts: this.#counts.subarray(0, this.#size),
    }
  }

  #addMended(text: string, start: number, end: number, times: number): void {
    let mended = ''
    for (let i = start; i < end; i++) {
      const point = codePointAt(text, i, end)
      mended += String.fromCodePoint(point)
      if (point > 0xffff) i++
    }
    this.add(mended, 0, mended.length, times)
  }

  #growWords(): void {
    const size = 2 * this.#starts.length
    const [starts, counts, hashes] = [new Float64Array(size), new Float64Array(size), new Int32Array(size)]
    starts.set(this.#starts)
    counts.set(this.#counts)
    hashes.set(this.#hashes)
    this.#starts = starts
    this.#counts = counts
    this.#hashes = hashes
  }

  #growSlots(): void {
    const slots = new Int32Array(2 * this.#slots.length)
    const mask = slots.length - 1
    for (let word = 0; word < this.#size; word++) {
      let slot = this.#hashes[word]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = word + 1
    }
    this.#slots = slots
  }
}

/** A word as a string. */
export function wordOf({ units, starts }: WordCounts, word: number): string {
  const start = starts[word]!
  const end = starts[word + 1]!
  let text = ''
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode(...units.subarray(at, Math.min(end, at + 4096)))
  }
  return text
}
