/** The likeliest spans of a window: what logits of first and last tokens say. */
import type { Encoding } from '../text/index.js'
import { logSumExp, softmaxOf } from './scores.js'

/** Of each position of a window: the logits of being an answer's first token, and its last. */
export interface AnswerScores {
  readonly start: Float32Array
  readonly end: Float32Array
}

/** A place in a context. */
export interface Span {
  readonly score: number
  /** [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
  /** The positions of its first and last token in the window. */
  readonly first: number
  readonly last: number
}

/** What an answer may be. */
export interface AnswerSpanOptions {
  readonly top_k: number
  readonly max_answer_len: number
  readonly align_to_words: boolean
}

/**
 * Logits of the positions of the context, and of the first position, which stands for no answer; −∞ for all
 * others.
 */
function allowed({ sequenceIds, specialTokensMask }: Encoding, logits: Float32Array): Float64Array {
  return Float64Array.from(logits, (logit, position) =>
    sequenceIds[position] === 1 || (position === 0 && specialTokensMask[0] === 1) ? logit : -Infinity,
  )
}

/** A softmax over the positions that an answer may begin or end at. */
function probabilities(window: Encoding, logits: Float32Array): Float64Array {
  return softmaxOf(allowed(window, logits))
}

/**
 * What each window's probabilities are multiplied with, so that they are those of one softmax over the
 * positions of all windows (Clark and Gardner 2018, "Simple and Effective Multi-Paragraph Reading
 * Comprehension", shared normalization): a window where nothing fits has nothing to say then. 1 where there
 * is one window.
 */
export function windowShares(windows: readonly Encoding[], scores: readonly AnswerScores[]): number[] {
  if (windows.length === 1) return [1]
  const sums = (['start', 'end'] as const).map((which) => {
    const all = windows.map((window, i) => logSumExp(allowed(window, scores[i]![which])))
    const total = logSumExp(all)
    return all.map((sum) => sum - total)
  })
  return windows.map((_, i) => Math.exp(sums[0]![i]! + sums[1]![i]!))
}

/** The probability that the window has no answer: that the first position is its start and its end. */
export function noAnswerScore(window: Encoding, { start, end }: AnswerScores): number {
  return window.sequenceIds[0] === 1 ? 0 : probabilities(window, start)[0]! * probabilities(window, end)[0]!
}

/**
 * The likeliest spans of a window's context, the likeliest first. A span has the product of the probabilities
 * of its ends. Spans of one wording are one, with their probabilities added, as in transformers.
 */
export function bestSpans(
  context: string,
  window: Encoding,
  scores: AnswerScores,
  { top_k, max_answer_len, align_to_words }: AnswerSpanOptions,
): Span[] {
  const { sequenceIds } = window
  const [starts, ends] = [probabilities(window, scores.start), probabilities(window, scores.end)]
  // Some are the same when they are whole words.
  const count = align_to_words ? 2 * top_k + 10 : top_k
  const found = new Largest(count)
  const from = sequenceIds.indexOf(1)
  const to = sequenceIds.lastIndexOf(1) + 1
  for (let first = from; first < to; first++) {
    const beyond = Math.min(to, first + max_answer_len)
    for (let last = first; last < beyond; last++) found.add(starts[first]! * ends[last]!, first, last)
  }
  const byWording = new Map<string, Span>()
  for (const { score, first, last } of found.sorted()) {
    const [start, end] = place(window, first, last, align_to_words)
    const wording = context.slice(start, end).toLowerCase()
    const same = byWording.get(wording)
    byWording.set(
      wording,
      same === undefined ? { score, start, end, first, last } : { ...same, score: same.score + score },
    )
  }
  return [...byWording.values()].sort((a, b) => b.score - a.score)
}

/** Where tokens stand in the context: whole words, as far as the window has them, or the tokens alone. */
function place(
  { spans, wordIds, sequenceIds }: Encoding,
  first: number,
  last: number,
  whole: boolean,
): readonly [start: number, end: number] {
  let [from, to] = [first, last]
  if (whole) {
    const goesOn = (a: number, b: number): boolean =>
      sequenceIds[a] === 1 && sequenceIds[b] === 1 && wordIds[a]! >= 0 && wordIds[a] === wordIds[b]
    while (goesOn(from, from - 1)) from--
    while (goesOn(to, to + 1)) to++
  }
  return [spans[2 * from]!, spans[2 * to + 1]!]
}

interface Scored {
  readonly score: number
  readonly first: number
  readonly last: number
}

/** The largest of what is added. */
class Largest {
  readonly #count: number
  #kept: Scored[] = []
  /** Below it nothing is among them. */
  #least = -1

  constructor(count: number) {
    this.#count = count
  }

  add(score: number, first: number, last: number): void {
    if (score <= this.#least) return
    this.#kept.push({ score, first, last })
    // Put in order now and then, so that each costs little.
    if (this.#kept.length < 2 * this.#count + 64) return
    this.#kept = this.sorted()
    if (this.#kept.length === this.#count) this.#least = this.#kept.at(-1)!.score
  }

  /** The largest first; of equals the first. */
  sorted(): Scored[] {
    return this.#kept
      .toSorted((a, b) => b.score - a.score || a.first - b.first || a.last - b.last)
      .slice(0, this.#count)
  }
}
