import { PairTable } from './pair-table.js'

/** Words as lists of token ids: word i is symbols[starts[i], starts[i + 1]), and occurs counts[i] times. */
export interface CountedWords {
  readonly symbols: Int32Array
  readonly starts: Int32Array
  readonly counts: Float64Array
}

export interface LearnOptions {
  readonly vocabularySize: number
  readonly minimumFrequency: number
  readonly onProgress?: (tokens: number, vocabularySize: number) => void
}

/** A pair that may merge: its count when it was pushed, and the words in which it was new then. */
interface Candidate {
  readonly pair: number
  readonly left: number
  readonly right: number
  count: number
  readonly words: readonly number[]
}

/**
 * Merges the most frequent pair over and over, adds the tokens that come of it to `vocabulary`, and gives the
 * merges in order. Uses `words.symbols` up.
 *
 * Counts are kept up to date by what each merge changes. The candidates lie in a heap, where a stale count is
 * corrected when it comes to the top. A token that two merges make can leave a pair with several candidates,
 * each for the words that it was found in. The pair then merges once for each, and its last merge is the one
 * that counts.
 */
export function learnMerges(
  words: CountedWords,
  vocabulary: Map<string, number>,
  options: LearnOptions,
): [left: string, right: string][] {
  const { vocabularySize, minimumFrequency, onProgress } = options
  const tokens = [...vocabulary.keys()]
  const pairs = new PairedCounts()
  const lengths = new Int32Array(words.counts.length)
  for (let word = 0; word < lengths.length; word++) {
    const start = words.starts[word]!
    const end = words.starts[word + 1]!
    lengths[word] = end - start
    for (let i = start; i + 1 < end; i++) {
      pairs.add(words.symbols[i]!, words.symbols[i + 1]!, words.counts[word]!, word)
    }
  }
  const heap = new CandidateHeap()
  for (const candidate of pairs.takeNew()) heap.push(candidate)
  const merges = new Map<string, [string, string]>()
  while (vocabulary.size < vocabularySize) {
    const top = heap.pop()
    if (top === undefined) break
    const count = pairs.count(top.pair)
    if (top.count !== count) {
      top.count = count
      heap.push(top)
      continue
    }
    if (count < 1 || count < minimumFrequency) break
    const left = tokens[top.left]!
    const right = tokens[top.right]!
    const token = left + right
    let id = vocabulary.get(token)
    if (id === undefined) {
      id = tokens.length
      tokens.push(token)
      vocabulary.set(token, id)
    }
    const key = `${top.left} ${top.right}`
    merges.delete(key)
    merges.set(key, [left, right])
    for (const word of top.words) mergeInWord(words, lengths, word, top, id, pairs)
    for (const candidate of pairs.takeNew()) heap.push(candidate)
    onProgress?.(vocabulary.size, vocabularySize)
  }
  return [...merges.values()]
}

/** Replaces a pair in one word, and its neighbours' pairs in the counts. */
function mergeInWord(
  words: CountedWords,
  lengths: Int32Array,
  word: number,
  { left, right }: Candidate,
  id: number,
  pairs: PairedCounts,
): void {
  const { symbols } = words
  const count = words.counts[word]!
  const start = words.starts[word]!
  const end = start + lengths[word]!
  let write = start
  for (let read = start; read < end; read++) {
    if (symbols[read] !== left || read + 1 >= end || symbols[read + 1] !== right) {
      symbols[write++] = symbols[read]!
      continue
    }
    if (write > start) {
      pairs.remove(symbols[write - 1]!, left, count)
      pairs.add(symbols[write - 1]!, id, count, word)
    }
    read++
    symbols[write++] = id
    if (read + 1 < end) {
      pairs.remove(right, symbols[read + 1]!, count)
      pairs.add(id, symbols[read + 1]!, count, word)
    }
  }
  lengths[word] = write - start
}

/** How often each pair was found, and where since it was last asked for. */
class PairedCounts {
  readonly #table = new PairTable(1 << 12)
  readonly #lefts: number[] = []
  readonly #rights: number[] = []
  readonly #counts: number[] = []
  readonly #found: (number[] | undefined)[] = []
  #changed: number[] = []

  count(pair: number): number {
    return this.#counts[pair]!
  }

  add(left: number, right: number, count: number, word: number): void {
    const pair = this.#indexOf(left, right)
    this.#counts[pair]! += count
    const words = this.#found[pair]
    if (words === undefined) {
      this.#found[pair] = [word]
      this.#changed.push(pair)
    } else if (words[words.length - 1] !== word) words.push(word)
  }

  remove(left: number, right: number, count: number): void {
    this.#counts[this.#indexOf(left, right)]! -= count
  }

  /** A candidate for each pair that was added since the last call. */
  takeNew(): Candidate[] {
    const candidates: Candidate[] = []
    for (const pair of this.#changed) {
      const count = this.#counts[pair]!
      const words = this.#found[pair]!
      this.#found[pair] = undefined
      if (count > 0) {
        candidates.push({ pair, left: this.#lefts[pair]!, right: this.#rights[pair]!, count, words })
      }
    }
    this.#changed = []
    return candidates
  }

  #indexOf(left: number, right: number): number {
    let pair = this.#table.get(left, right)
    if (pair < 0) {
      pair = this.#counts.length
      this.#table.set(left, right, pair)
      this.#lefts.push(left)
      this.#rights.push(right)
      this.#counts.push(0)
      this.#found.push(undefined)
    }
    return pair
  }
}

function comesFirst(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count
  return a.left !== b.left ? a.left < b.left : a.right < b.right
}

/** The most frequent candidate first, of equal ones that of the lower ids. */
class CandidateHeap {
  readonly #items: Candidate[] = []

  push(candidate: Candidate): void {
    const items = this.#items
    let at = items.length
    items.push(candidate)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!comesFirst(candidate, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = candidate
  }

  pop(): Candidate | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (top === undefined || last === undefined || items.length === 0) return top
    let at = 0
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && comesFirst(items[child + 1]!, items[child]!)) child++
      if (!comesFirst(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return top
  }
}
