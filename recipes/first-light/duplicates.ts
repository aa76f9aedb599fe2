/**
 * Exact and near duplicates.
 *
 * Near duplicates are found by MinHash signatures in bands (Broder 1997, "On the resemblance and containment
 * of documents"; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3), then decided by the
 * exact Jaccard similarity of their sets of shingles.
 */
import { words } from './clean.js'

const shingleWords = 3
const bands = 16
const rows = 3
const buckets = 1 << 22

/** Finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function wordHash(word: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  return mix(hash)
}

/** Hashes of every run of `length` words, in order, repeats included. */
export function shingles(text: readonly string[], length: number): Uint32Array {
  const hashes = text.map(wordHash)
  const out = new Uint32Array(Math.max(0, hashes.length - length + 1))
  for (let at = 0; at < out.length; at++) {
    let hash = 0
    for (let word = 0; word < length; word++) hash = mix(Math.imul(hash, 31) + (hashes[at + word] ?? 0))
    out[at] = hash
  }
  return out
}

function sortedSet(values: Uint32Array): Uint32Array {
  const sorted = values.slice().sort()
  let size = 0
  for (const value of sorted) {
    if (size === 0 || sorted[size - 1] !== value) sorted[size++] = value
  }
  return sorted.slice(0, size)
}

/** Jaccard similarity of two sorted sets: shared members over all members, 0 to 1. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const x = a[i] ?? 0
    const y = b[j] ?? 0
    if (x === y) shared++
    if (x <= y) i++
    if (y <= x) j++
  }
  const all = a.length + b.length - shared
  return all === 0 ? 1 : shared / all
}

/** The set of three-word shingles that similarity is measured on. */
export function shingleSet(text: string): Uint32Array {
  return sortedSet(shingles(words(text), shingleWords))
}

/** Finds those among remembered sets of shingles that a set is nearly the same as. */
export class NearSets {
  readonly threshold: number
  readonly #sets: Uint32Array[] = []
  readonly #first = new Int32Array(buckets).fill(-1)
  #next = new Int32Array(1 << 16)
  readonly #signature = new Uint32Array(bands * rows)
  readonly #bucket = new Int32Array(bands)
  #hashed: Uint32Array | undefined

  /** @param threshold Jaccard similarity from which two texts are near duplicates. */
  constructor(threshold: number) {
    this.threshold = threshold
  }

  #hash(set: Uint32Array): void {
    if (set === this.#hashed) return
    this.#hashed = set
    for (let row = 0; row < bands * rows; row++) {
      const seed = Math.imul(row + 1, 0x9e3779b1)
      let smallest = 0xffffffff
      for (let at = 0; at < set.length; at++) {
        const hash = mix((set[at] ?? 0) ^ seed)
        if (hash < smallest) smallest = hash
      }
      this.#signature[row] = smallest
    }
    for (let band = 0; band < bands; band++) {
      let hash = band
      for (let row = 0; row < rows; row++)
        hash = mix(Math.imul(hash, 31) + (this.#signature[band * rows + row] ?? 0))
      this.#bucket[band] = hash & (buckets - 1)
    }
  }

  /**
   * The numbers of remembered sets that are near this one; one may come several times.
   *
   * @param isKnown of those with these numbers nobody asks
   */
  *near(set: Uint32Array, isKnown?: (number: number) => boolean): Generator<number> {
    this.#hash(set)
    let last = -1
    for (const bucket of this.#bucket) {
      let entry = this.#first[bucket] ?? -1
      while (entry >= 0) {
        const text = Math.floor(entry / bands)
        if (text !== last && isKnown?.(text) !== true) {
          last = text
          const other = this.#sets[text]
          if (other !== undefined && jaccard(set, other) >= this.threshold) yield text
        }
        entry = this.#next[entry] ?? -1
      }
    }
  }

  /** Remembers a set under the next number, from 0. */
  remember(set: Uint32Array): void {
    this.#hash(set)
    const text = this.#sets.push(set) - 1
    if ((text + 1) * bands > this.#next.length) {
      const longer = new Int32Array(this.#next.length * 2)
      longer.set(this.#next)
      this.#next = longer
    }
    for (let band = 0; band < bands; band++) {
      const bucket = this.#bucket[band] ?? 0
      this.#next[text * bands + band] = this.#first[bucket] ?? -1
      this.#first[bucket] = text * bands + band
    }
  }
}

export type Verdict = 'new' | 'same' | 'near'

/** Remembers every text that it found new. */
export class DuplicateFilter {
  readonly #exact = new Set<string>()
  readonly #sets: NearSets

  /** @param threshold Jaccard similarity from which two texts are near duplicates. */
  constructor(threshold: number) {
    this.#sets = new NearSets(threshold)
  }

  /**
   * Whether an earlier text was the same up to case, punctuation and numbers, or nearly so; if not, remembers
   * this one.
   */
  add(text: string): Verdict {
    const list = words(text)
    const key = list.join(' ')
    if (this.#exact.has(key)) return 'same'
    const set = sortedSet(shingles(list, shingleWords))
    if (set.length > 0) {
      if (this.#sets.near(set).next().done !== true) return 'near'
      this.#sets.remember(set)
    }
    this.#exact.add(key)
    return 'new'
  }
}

/** A set of runs of words, for telling how much of a text another body of text contains. */
export class Containment {
  readonly length: number
  readonly #hashes = new Set<number>()

  /** @param length words a run. */
  constructor(length: number) {
    this.length = length
  }

  add(text: string): void {
    for (const hash of shingles(words(text), this.length)) this.#hashes.add(hash)
  }

  /** How many runs of the text there are, and how many of them were added before. */
  count(text: string): { runs: number; contained: number } {
    const runs = shingles(words(text), this.length)
    let contained = 0
    for (const hash of runs) if (this.#hashes.has(hash)) contained++
    return { runs: runs.length, contained }
  }
}
