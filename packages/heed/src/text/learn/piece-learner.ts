import { flatten, seedPieces, spellPiece } from './piece-tree.js'
import type { FlatWords, PieceTree } from './piece-tree.js'
import { tooSmall } from './train-options.js'
import type { TrainingSteps } from './training-steps.js'
import { UnigramLattice } from './unigram-lattice.js'
import type { WordCounts } from './word-counter.js'

export interface PieceOptions {
  /** How many pieces to have, letters included. */
  readonly size: number
  /** The size of the vocabulary, which pruning goes by. */
  readonly vocabularySize: number
  /** What part of the pieces a round of pruning leaves, between 0 and 1. */
  readonly shrinkingFactor: number
  /** How many times probabilities are estimated anew in a round. */
  readonly subIterations: number
  /** In letters. */
  readonly maxPieceLength: number
  /** Letters to have in any case: the first character of each string. */
  readonly initial: readonly string[]
  /** Pieces that are not to be learned. */
  readonly taken: ReadonlySet<string>
}

/** A piece and the logarithm of its probability. */
export type ScoredPiece = readonly [piece: string, score: number]

/** How many pieces to begin with at most. */
const mostSeeds = 1_000_000

/**
 * Learns pieces and their probabilities under which words are the product of their pieces (Kudo 2018,
 * "Subword Regularization", section 3.2). Begins with frequent substrings. Each round estimates their
 * probabilities by expectation maximization, with a sparse prior, and drops those that the words' probability
 * loses least without. The pieces come by probability.
 *
 * @throws UsageError for more letters than pieces
 */
export function* learnPieces(words: WordCounts, options: PieceOptions): TrainingSteps<ScoredPiece[]> {
  const { shrinkingFactor, subIterations } = options
  const flat = flatten(words)
  const letters = new Set(flat.letters)
  for (const text of options.initial) if (text !== '') letters.add(String.fromCodePoint(text.codePointAt(0)!))
  for (const text of options.taken) letters.delete(text)
  const { size, vocabularySize } = options
  if (letters.size > size) tooSmall(vocabularySize, vocabularySize - size + letters.size, 'vocabularySize')
  const tree = yield* seedPieces(flat, options.maxPieceLength, mostSeeds)
  const lattice = new UnigramLattice(flat, tree)
  const desired = Math.floor((vocabularySize * 11) / 10)
  // Counts of pieces have the unknown one with them, as in the package whose rule this is.
  let order = tree.order
  let occurrences = 0
  for (const count of flat.counts) occurrences += count
  const rounds = Math.floor(Math.log(desired / (order.length + 1)) / Math.log(shrinkingFactor)) + 1
  const total = Math.max(1, rounds) * subIterations
  let done = 0
  for (;;) {
    for (let i = 0; i < subIterations; i++) {
      lattice.update(unknownScore(tree, order))
      const expected = new Float64Array(tree.lengths.length)
      let logProbability = 0
      let length = 0
      for (const { from, to } of batches(flat)) {
        for (let word = from; word < to; word++) {
          const times = flat.counts[word]!
          logProbability += times * lattice.expect(word, expected)
          length += times * (flat.starts[word + 1]! - 1 - flat.starts[word]!)
        }
        yield { phase: 'pieces', done: Math.min(done, total - 1), total }
      }
      order = maximize(tree, order, expected)
      if (length > 0) lattice.letterScore = logProbability / length
      done++
    }
    if (order.length + 1 <= desired) break
    lattice.update(unknownScore(tree, order))
    const frequencies = new Float64Array(tree.lengths.length)
    for (const { from, to } of batches(flat)) {
      for (let word = from; word < to; word++) lattice.countBest(word, frequencies)
      yield { phase: 'pieces', done: Math.min(done, total - 1), total }
    }
    const kept = Math.max(desired, Math.floor((order.length + 1) * shrinkingFactor)) - 1
    const before = order.length
    order = yield* prune(tree, lattice, order, { frequencies, words: occurrences }, kept)
    if (order.length === before) break
  }
  yield { phase: 'pieces', done: total, total }
  return finish(flat, tree, order, letters, options)
}

/** Words in batches of some ten thousand letters. */
function* batches({ starts, counts }: FlatWords): Generator<{ from: number; to: number }> {
  for (let from = 0, to = 0; from < counts.length; from = to) {
    const end = starts[from]! + (1 << 15)
    while (to < counts.length && (to === from || starts[to]! < end)) to++
    yield { from, to }
  }
}

function lowest(tree: PieceTree, order: Int32Array): number {
  let score = Infinity
  for (const piece of order) score = Math.min(score, tree.scores[piece]!)
  return score
}

function unknownScore(tree: PieceTree, order: Int32Array): number {
  return lowest(tree, order) - 10
}

/** Sets the scores by how often pieces are expected, and drops those that are hardly expected at all. */
function maximize(tree: PieceTree, order: Int32Array, expected: Float64Array): Int32Array {
  const kept = order.filter((piece) => expected[piece]! >= 0.5)
  let sum = 0
  for (const piece of kept) sum += expected[piece]!
  const logSum = digamma(sum)
  tree.scores.fill(-Infinity)
  for (const piece of kept) tree.scores[piece] = digamma(expected[piece]!) - logSum
  shortenPaths(tree)
  return kept
}

/**
 * Drops the pieces that the words' probability loses least without: about what it would be if the best cut
 * had, in the place of each, what that would be cut into.
 */
function* prune(
  tree: PieceTree,
  lattice: UnigramLattice,
  order: Int32Array,
  { frequencies, words }: { readonly frequencies: Float64Array; readonly words: number },
  most: number,
): TrainingSteps<Int32Array> {
  let sum = 0
  let unknown = 0
  for (let piece = 0; piece < frequencies.length; piece++) {
    sum += frequencies[piece]!
    if (tree.scores[piece] === -Infinity) unknown += frequencies[piece]!
  }
  const frequencyOf = (piece: number): number =>
    tree.scores[piece] === -Infinity ? unknown : frequencies[piece]!
  const kept: number[] = []
  const candidates: number[] = []
  const losses = new Float64Array(tree.lengths.length)
  for (const [done, piece] of order.entries()) {
    if ((done & 0xfff) === 0xfff) yield { phase: 'pieces', done, total: order.length }
    if (tree.lengths[piece] === 1) {
      kept.push(piece)
      continue
    }
    const frequency = frequencies[piece]!
    if (frequency === 0) continue
    const others = lattice.withoutIt(piece)
    if (others === undefined) {
      kept.push(piece)
      continue
    }
    // One for each piece there is, not for each that replaces this one: so the package has it.
    const logSum = Math.log(sum + frequency * order.length)
    let replaced = 0
    for (let i = others.length - 1; i >= 0; i--) {
      replaced += Math.log(frequencyOf(others[i]!) + frequency) - logSum
    }
    losses[piece] = (frequency / words) * (Math.log(frequency) - Math.log(sum) - replaced)
    candidates.push(piece)
  }
  candidates.sort((a, b) => losses[b]! - losses[a]!)
  for (const piece of candidates) {
    if (kept.length >= most) break
    kept.push(piece)
  }
  const scores = tree.scores.slice()
  tree.scores.fill(-Infinity)
  for (const piece of kept) tree.scores[piece] = scores[piece]!
  shortenPaths(tree)
  return Int32Array.from(kept)
}

/** Takes pieces that are not there out of the tree, but for letters. */
function shortenPaths({ scores, lengths, parents, longest }: PieceTree): void {
  // A parent has a lower number than its children.
  const nearest = new Int32Array(scores.length)
  for (let piece = 0; piece < scores.length; piece++) {
    const parent = parents[piece]!
    if (parent >= 0) parents[piece] = nearest[parent]!
    nearest[piece] = scores[piece] !== -Infinity || lengths[piece] === 1 ? piece : parents[piece]!
  }
  for (let place = 0; place < longest.length; place++) longest[place] = nearest[longest[place]!]!
}

/** The letters, and the first of the other pieces, up to the size. */
function finish(
  words: FlatWords,
  tree: PieceTree,
  order: Int32Array,
  letters: ReadonlySet<string>,
  { size, taken }: PieceOptions,
): ScoredPiece[] {
  const spell = (piece: number): string => spellPiece(words, tree, piece)
  const known = new Map<string, number>()
  for (const piece of order) if (tree.lengths[piece] === 1) known.set(spell(piece), tree.scores[piece]!)
  const pieces: ScoredPiece[] = []
  let missing = lowest(tree, order)
  for (const letter of letters) {
    const score = known.get(letter)
    pieces.push([letter, score ?? missing])
    // Letters without a probability of their own get different ones.
    if (score === undefined) missing += 0.0001
  }
  for (const piece of order) {
    if (pieces.length >= size) break
    if (tree.lengths[piece] === 1) continue
    const text = spell(piece)
    if (!taken.has(text)) pieces.push([text, tree.scores[piece]!])
  }
  return pieces.sort((a, b) => b[1] - a[1])
}

/** The derivative of the logarithm of the gamma function (Abramowitz and Stegun 1964, 6.3.18). */
export function digamma(x: number): number {
  let result = 0
  // The series is exact enough from 7 on; below it goes up by ψ(x) = ψ(x + 1) − 1 / x.
  for (; x < 7; x++) result -= 1 / x
  const y = 1 / (x - 0.5) ** 2
  return (
    result + Math.log(x - 0.5) + y / 24 - (7 / 960) * y ** 2 + (31 / 8064) * y ** 3 - (127 / 30720) * y ** 4
  )
}
