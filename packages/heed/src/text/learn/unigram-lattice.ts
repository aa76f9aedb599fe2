import type { FlatWords, PieceTree } from './piece-tree.js'

/** Sums outside of these are not exact enough as plain numbers: their logarithms are added instead. */
const least = 2 ** -900
const greatest = 2 ** 900

/**
 * The ways to cut words into pieces. A letter whose piece is no longer there is unknown; it can still be cut
 * off, at a low score.
 */
export class UnigramLattice {
  readonly #words: FlatWords
  readonly #tree: PieceTree
  /** Piece → its score, also that of an unknown letter; and its probability × scale ^ length. */
  readonly #scores: Float64Array
  readonly #weights: Float64Array
  #scale = 0
  #forward = new Float64Array(64)
  #backward = new Float64Array(64)
  #pieces = new Int32Array(64)

  constructor(words: FlatWords, tree: PieceTree) {
    this.#words = words
    this.#tree = tree
    this.#scores = new Float64Array(tree.lengths.length)
    this.#weights = new Float64Array(tree.lengths.length)
  }

  /** Takes the tree's scores over. Pieces of score −∞ are not there, and letters of it unknown. */
  update(unknownScore: number): void {
    const { scores, lengths } = this.#tree
    for (let piece = 0; piece < scores.length; piece++) {
      const score = scores[piece] === -Infinity && lengths[piece] === 1 ? unknownScore : scores[piece]!
      this.#scores[piece] = score
      this.#weights[piece] = Math.exp(score + this.#scale * lengths[piece]!)
    }
  }

  /** Sets how probable a letter is on average, so that sums over long words stay near 1. */
  set letterScore(score: number) {
    this.#scale = -score
  }

  /**
   * Adds how often each piece is expected in a word, over all ways to cut it, to `expected`.
   *
   * @returns the logarithm of the word's probability
   */
  expect(word: number, expected: Float64Array): number {
    const start = this.#words.starts[word]!
    const end = this.#words.starts[word + 1]! - 1
    const times = this.#words.counts[word]!
    const { longest, parents, lengths } = this.#tree
    const weights = this.#weights
    this.#reserve(end - start)
    const forward = this.#forward.fill(0, 0, end - start + 1)
    forward[0] = 1
    let low = 1
    let high = 1
    for (let at = start; at < end; at++) {
      const sum = forward[at - start]!
      if (sum < low) low = sum
      else if (sum > high) high = sum
      for (let piece = longest[at]!; piece >= 0; piece = parents[piece]!) {
        forward[at - start + lengths[piece]!]! += sum * weights[piece]!
      }
    }
    const whole = forward[end - start]!
    if (!(low > least && high < greatest && whole > least && whole < greatest)) {
      return this.expectExactly(word, expected)
    }
    const backward = this.#backward
    backward[end - start] = times / whole
    for (let at = end - 1; at >= start; at--) {
      const before = forward[at - start]!
      let sum = 0
      for (let piece = longest[at]!; piece >= 0; piece = parents[piece]!) {
        const after = weights[piece]! * backward[at - start + lengths[piece]!]!
        sum += after
        expected[piece]! += before * after
      }
      backward[at - start] = sum
    }
    return Math.log(whole) - this.#scale * (end - start)
  }

  /** The same with logarithms throughout: for words of any length and probability, and slower. */
  expectExactly(word: number, expected: Float64Array): number {
    const start = this.#words.starts[word]!
    const length = this.#words.starts[word + 1]! - 1 - start
    const times = this.#words.counts[word]!
    const { longest, parents, lengths } = this.#tree
    const scores = this.#scores
    this.#reserve(length)
    const forward = this.#forward.fill(-Infinity, 0, length + 1)
    forward[0] = 0
    for (let at = 0; at < length; at++) {
      for (let piece = longest[start + at]!; piece >= 0; piece = parents[piece]!) {
        const next = at + lengths[piece]!
        forward[next] = logSum(forward[next]!, forward[at]! + scores[piece]!)
      }
    }
    const whole = forward[length]!
    const backward = this.#backward
    backward[length] = 0
    for (let at = length - 1; at >= 0; at--) {
      let sum = -Infinity
      for (let piece = longest[start + at]!; piece >= 0; piece = parents[piece]!) {
        const after = scores[piece]! + backward[at + lengths[piece]!]!
        sum = logSum(sum, after)
        expected[piece]! += times * Math.exp(forward[at]! + after - whole)
      }
      backward[at] = sum
    }
    return whole
  }

  /** Adds how often each piece is in the best cut of a word to `frequencies`. */
  countBest(word: number, frequencies: Float64Array): void {
    const start = this.#words.starts[word]!
    const length = this.#words.starts[word + 1]! - 1 - start
    this.#cut(start, length, -1)
    for (let at = length; at > 0; at -= this.#tree.lengths[this.#pieces[at]!]!) {
      frequencies[this.#pieces[at]!]! += this.#words.counts[word]!
    }
  }

  /**
   * The pieces that a piece falls into when it isn't there, the last one first; undefined where they are at
   * least as probable as the piece itself.
   */
  withoutIt(piece: number): readonly number[] | undefined {
    const length = this.#tree.lengths[piece]!
    if (this.#cut(this.#tree.places[piece]!, length, piece) >= this.#scores[piece]!) return undefined
    const pieces: number[] = []
    for (let at = length; at > 0; at -= this.#tree.lengths[this.#pieces[at]!]!) pieces.push(this.#pieces[at]!)
    return pieces
  }

  /** Cuts letters in the best way: `#pieces` has the piece that ends at each place. Gives the score. */
  #cut(start: number, length: number, without: number): number {
    const { longest, parents, lengths } = this.#tree
    const scores = this.#scores
    this.#reserve(length)
    const best = this.#forward.fill(-Infinity, 0, length + 1)
    const pieces = this.#pieces
    best[0] = 0
    for (let at = 0; at < length; at++) {
      const before = best[at]!
      for (let piece = longest[start + at]!; piece >= 0; piece = parents[piece]!) {
        const next = at + lengths[piece]!
        if (next > length || piece === without) continue
        const score = before + scores[piece]!
        if (score > best[next]!) {
          best[next] = score
          pieces[next] = piece
        }
      }
    }
    return best[length]!
  }

  #reserve(length: number): void {
    if (length < this.#forward.length) return
    this.#forward = new Float64Array(2 * length)
    this.#backward = new Float64Array(2 * length)
    this.#pieces = new Int32Array(2 * length)
  }
}

/** log(eᵃ + eᵇ). */
function logSum(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a]
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high))
}
