import { CandidateHeap } from './candidate-heap.js'
import { PairCounts } from './pair-counts.js'
import type { Letters } from './letters.js'
import type { TrainingSteps } from './training-steps.js'

export interface MergeOptions {
  readonly vocabularySize: number
  /** A pair must be this frequent to merge. */
  readonly minimumFrequency: number
  /** Pairs that together have this many letters or more don't merge, but for pairs of two letters. */
  readonly tokenLength: number
  /** What a token that doesn't begin a word starts with; it is left out of the middle of a merged one. */
  readonly prefix: string
}

/** A pair of tokens that becomes a third one, by ids, and how frequent the pair was when it merged. */
export interface LearnedMerge {
  readonly left: number
  readonly right: number
  readonly merged: number
  readonly count: number
}

/**
 * Merges the most frequent pair over and over (Sennrich et al. 2016, algorithm 1), and adds the tokens that
 * come of it to the letters'. Of equally frequent pairs, that of the lower ids comes first. Uses the words
 * up.
 *
 * Counts are kept up to date by what each merge changes. The candidates lie in a heap, where a stale count is
 * corrected when it comes to the top. A token that two merges make can leave a pair with several candidates,
 * each for the words that it was found in. The pair then merges once for each, and its last merge is the one
 * that counts.
 */
export function* learnMerges(letters: Letters, options: MergeOptions): TrainingSteps<LearnedMerge[]> {
  const { vocabularySize, minimumFrequency, prefix } = options
  const { tokens, vocabulary } = letters
  const merger = new Merger(letters, options.tokenLength)
  for (let word = 0; word < letters.counts.length;) {
    word = merger.countPairs(word)
    yield { phase: 'pairs', done: word, total: letters.counts.length }
  }
  const { pairs } = merger
  const heap = new CandidateHeap(pairs)
  const push = (pair: number, node: number): void => heap.push(pairs.count(pair), pair, node)
  pairs.takeFound(push)
  const merges = new Map<number, LearnedMerge>()
  while (vocabulary.size < vocabularySize && !heap.isEmpty) {
    const pair = heap.topPair
    const node = heap.topNode
    const count = pairs.count(pair)
    if (heap.topCount !== count) {
      heap.correctTop(count)
      continue
    }
    if (count < 1 || count < minimumFrequency) break
    heap.pop()
    const left = pairs.left(pair)
    const right = pairs.right(pair)
    const end = tokens[right]!
    const token = tokens[left]! + (end.startsWith(prefix) ? end.slice(prefix.length) : end)
    let id = vocabulary.get(token)
    if (id === undefined) {
      id = tokens.length
      tokens.push(token)
      vocabulary.set(token, id)
    }
    merges.delete(pair)
    merges.set(pair, { left, right, merged: id, count })
    merger.merge(node, left, right, id)
    pairs.release(node)
    pairs.takeFound(push)
    yield { phase: 'merges', done: tokens.length, total: vocabularySize }
  }
  return [...merges.values()]
}

/** Words as tokens, and how often each pair of neighbours occurs in them. */
class Merger {
  readonly pairs: PairCounts = new PairCounts()
  readonly #symbols: Int32Array
  readonly #starts: Int32Array
  readonly #counts: Float64Array
  /** Word → how many tokens it has. */
  readonly #lengths: Int32Array
  /** Token → how many letters it has. */
  #letters = new Int32Array(1 << 10).fill(1)
  readonly #tokenLength: number

  constructor({ symbols, starts, counts }: Letters, tokenLength: number) {
    this.#symbols = symbols
    this.#starts = starts
    this.#counts = counts
    this.#lengths = new Int32Array(counts.length)
    this.#tokenLength = Math.min(tokenLength, 2 ** 31 - 1)
  }

  /** Counts the pairs of some words from `word` on, and gives the number of the next one. */
  countPairs(word: number): number {
    const symbols = this.#symbols
    const counts = this.#counts
    const end = Math.min(word + 4096, counts.length)
    for (; word < end; word++) {
      const from = this.#starts[word]!
      const to = this.#starts[word + 1]!
      this.#lengths[word] = to - from
      for (let i = from + 1; i < to; i++) this.pairs.add(symbols[i - 1]!, symbols[i]!, counts[word]!, word)
    }
    return end
  }

  /** Replaces a pair by a token in the words of a list, and their neighbours' pairs in the counts. */
  merge(node: number, left: number, right: number, id: number): void {
    const { pairs } = this
    if (id >= this.#letters.length) {
      const longer = new Int32Array(2 * id).fill(1)
      longer.set(this.#letters)
      this.#letters = longer
    }
    this.#letters[id] = this.#letters[left]! + this.#letters[right]!
    for (; node >= 0; node = pairs.next(node)) {
      this.#mergeInWord(pairs.word(node), left, right, id)
    }
  }

  #mergeInWord(word: number, left: number, right: number, id: number): void {
    const { pairs } = this
    const symbols = this.#symbols
    const count = this.#counts[word]!
    const start = this.#starts[word]!
    const end = start + this.#lengths[word]!
    let write = start
    for (let read = start; read < end; read++) {
      const symbol = symbols[read]!
      if (symbol !== left || read + 1 >= end || symbols[read + 1] !== right) {
        symbols[write++] = symbol
        continue
      }
      if (write > start) {
        const before = symbols[write - 1]!
        if (this.#mayMerge(before, left)) pairs.remove(before, left, count)
        if (this.#mayMerge(before, id)) pairs.add(before, id, count, word)
      }
      read++
      symbols[write++] = id
      if (read + 1 < end) {
        const after = symbols[read + 1]!
        if (this.#mayMerge(right, after)) pairs.remove(right, after, count)
        if (this.#mayMerge(id, after)) pairs.add(id, after, count, word)
      }
    }
    this.#lengths[word] = write - start
  }

  /** Whether a pair may merge at all. */
  #mayMerge(left: number, right: number): boolean {
    const letters = this.#letters[left]! + this.#letters[right]!
    return letters < this.#tokenLength || letters === 2
  }
}
