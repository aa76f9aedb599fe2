import { codePointOf } from './code-points.js'
import { letterCounts } from './letters.js'
import { suffixOrder } from './suffix-order.js'
import type { TrainingSteps } from './training-steps.js'
import type { WordCounts } from './word-counter.js'

/** Words as letters one after another, each word with a 0 behind it. */
export interface FlatWords {
  /** Numbers of code points, from 1 on and in their order. U+0000 is 0. */
  readonly text: Int32Array
  /** Where each word begins; it ends one before the next one. */
  readonly starts: Int32Array
  readonly counts: Float64Array
  /** Number → code point. */
  readonly points: Int32Array
  /** The different letters, by code point. */
  readonly letters: readonly string[]
}

/**
 * Pieces that words may be cut into, as a tree: a piece's parent is the longest other one that it begins
 * with. So the pieces at a place of the text are the longest one there, its parent, the parent's parent, and
 * so on down to a single letter. Every letter is in the tree.
 */
export interface PieceTree {
  /** Piece → its length in letters, its parent or -1, and a place of the text where it stands. */
  readonly lengths: Int32Array
  readonly parents: Int32Array
  readonly places: Int32Array
  /** Place → the longest piece that begins there. */
  readonly longest: Int32Array
  /** Logarithms of probability. */
  readonly scores: Float64Array
  /** The pieces without that of the number 0, letters first, then by score. */
  readonly order: Int32Array
}

export function flatten(words: WordCounts): FlatWords {
  const frequency = letterCounts(words)
  const numbers = new Int32Array(frequency.length)
  const found: number[] = [0]
  for (let point = 1; point < frequency.length; point++) {
    if (frequency[point]! > 0) numbers[point] = found.push(point) - 1
  }
  const { units, starts: from, counts } = words
  const text = new Int32Array(units.length + counts.length)
  const starts = new Int32Array(counts.length + 1)
  let length = 0
  for (let word = 0; word < counts.length; word++) {
    for (let at = from[word]!; at < from[word + 1]!;) {
      const point = codePointOf(units, at)
      text[length++] = numbers[point]!
      at += point > 0xffff ? 2 : 1
    }
    starts[word + 1] = ++length
  }
  const letters = found.slice(frequency[0]! > 0 ? 0 : 1).map((point) => String.fromCodePoint(point))
  return { text: text.subarray(0, length), starts, counts, points: Int32Array.from(found), letters }
}

/** A piece's letters. */
export function spellPiece({ text, points }: FlatWords, tree: PieceTree, piece: number): string {
  const place = tree.places[piece]!
  const letters = text.subarray(place, place + tree.lengths[piece]!)
  return String.fromCodePoint(...letters.map((letter) => points[letter]!))
}

/**
 * The pieces to begin with: all letters, and the strings of up to `longest` letters that occur twice or more
 * in different words and go on in more than one way (the end of a word is one). Of more than `most`, those of
 * the highest score: occurrences in different words × length. A letter's score is its count.
 */
export function* seedPieces(words: FlatWords, longest: number, most: number): TrainingSteps<PieceTree> {
  const { text, points } = words
  const order = yield* suffixOrder(text, points.length, longest + 1)
  const size = text.length
  const found = new Intervals()
  let first = 0
  for (let place = 1; place <= size; place++) {
    if (place < size && text[order[place]!] === text[order[first]!]) continue
    found.push(first, place, 1)
    first = place
  }
  // Intervals of the order whose strings begin with the same letters, the innermost last.
  const openLengths: number[] = [0]
  const openStarts: number[] = [0]
  for (let place = 1; place <= size; place++) {
    const common = place < size ? commonPrefix(text, order[place - 1]!, order[place]!, longest + 1) : 0
    let start = place - 1
    while (openLengths.at(-1)! > common) {
      const length = openLengths.pop()!
      start = openStarts.pop()!
      if (length > 1 && length <= longest && text[order[start]! + length - 1] !== 0) {
        found.push(start, place, length)
      }
    }
    if (openLengths.at(-1)! < common) {
      openLengths.push(common)
      openStarts.push(start)
    }
    if ((place & 0xffff) === 0) yield { phase: 'seeds', done: place, total: size }
  }
  return buildTree(words, order, found.inOrder(size), most)
}

/** How many letters two places have in common, up to the end of a word, which counts as one. */
function commonPrefix(text: Int32Array, a: number, b: number, most: number): number {
  let length = 0
  while (length < most && text[a + length] === text[b + length]) {
    if (text[a + length++] === 0) break
  }
  return length
}

/** Intervals [start, end) of an order, with the length of the prefix that is common in them. */
class Intervals {
  starts = new Int32Array(1 << 10)
  ends = new Int32Array(1 << 10)
  lengths = new Int32Array(1 << 10)
  size = 0

  push(start: number, end: number, length: number): void {
    if (this.size === this.starts.length) this.#resize(2 * this.size)
    this.starts[this.size] = start
    this.ends[this.size] = end
    this.lengths[this.size++] = length
  }

  /** By where they begin, of those the outer ones first. Inner ones were pushed before outer ones. */
  inOrder(places: number): Intervals {
    const next = new Int32Array(places + 1)
    for (let i = 0; i < this.size; i++) next[this.starts[i]! + 1]!++
    for (let place = 0; place < places; place++) next[place + 1]! += next[place]!
    const sorted = new Intervals()
    sorted.#resize(this.size)
    sorted.size = this.size
    const put = (i: number): void => {
      const at = next[this.starts[i]!]!++
      sorted.starts[at] = this.starts[i]!
      sorted.ends[at] = this.ends[i]!
      sorted.lengths[at] = this.lengths[i]!
    }
    // The letters, which hold all others, were pushed first.
    let letters = 0
    while (letters < this.size && this.lengths[letters] === 1) put(letters++)
    for (let i = this.size - 1; i >= letters; i--) put(i)
    return sorted
  }

  #resize(size: number): void {
    for (const name of ['starts', 'ends', 'lengths'] as const) {
      const numbers = new Int32Array(size)
      numbers.set(this[name].subarray(0, this.size))
      this[name] = numbers
    }
  }
}

/**
 * Keeps the best ones of the intervals as pieces, and finds the parents and the longest one of each place.
 */
function buildTree(words: FlatWords, order: Int32Array, found: Intervals, most: number): PieceTree {
  const letters: number[] = []
  const strings = new Float64Array(found.size)
  let count = 0
  const frequency = new Float64Array(found.size)
  const letterCount = countsOfLetters(words)
  for (let i = 0; i < found.size; i++) {
    const length = found.lengths[i]!
    if (length > 1) {
      frequency[i] = (found.ends[i]! - found.starts[i]!) * length
      strings[count++] = frequency[i]! * found.size + i
    } else if (words.text[order[found.starts[i]!]!] !== 0) {
      frequency[i] = letterCount[words.text[order[found.starts[i]!]!]!]!
      letters.push(i)
    }
  }
  letters.sort((a, b) => frequency[b]! - frequency[a]! || b - a)
  // Ascending by frequency, then by the strings: the best one is the last.
  const ranked = strings.subarray(0, count).sort()
  const kept = Math.max(0, Math.min(count, most - letters.length))
  const chosen = new Uint8Array(found.size)
  const ordered = new Int32Array(letters.length + kept)
  ordered.set(letters)
  for (let i = 0; i < kept; i++) {
    const string = ranked[count - 1 - i]! % found.size
    ordered[letters.length + i] = string
    chosen[string] = 1
  }
  let total = 0
  for (const i of ordered) total += frequency[i]!
  const numbers = new Int32Array(found.size)
  let size = 0
  for (let i = 0; i < found.size; i++) if (found.lengths[i] === 1 || chosen[i] === 1) numbers[i] = size++

  const tree = {
    lengths: new Int32Array(size),
    parents: new Int32Array(size).fill(-1),
    places: new Int32Array(size),
    longest: new Int32Array(order.length),
    scores: new Float64Array(size).fill(-Infinity),
    order: ordered.map((i) => numbers[i]!),
  }
  const open: number[] = []
  const openEnds: number[] = []
  for (let place = 0, i = 0; place < order.length; place++) {
    while (open.length > 0 && openEnds.at(-1)! <= place) {
      open.pop()
      openEnds.pop()
    }
    for (; i < found.size && found.starts[i] === place; i++) {
      if (found.lengths[i] !== 1 && chosen[i] === 0) continue
      const piece = numbers[i]!
      tree.lengths[piece] = found.lengths[i]!
      tree.parents[piece] = open.at(-1) ?? -1
      tree.places[piece] = order[place]!
      if (frequency[i]! > 0) tree.scores[piece] = Math.log(frequency[i]!) - Math.log(total)
      open.push(piece)
      openEnds.push(found.ends[i]!)
    }
    tree.longest[order[place]!] = open.at(-1)!
  }
  return tree
}

function countsOfLetters({ text, starts, counts, points }: FlatWords): Float64Array {
  const letters = new Float64Array(points.length)
  for (let word = 0; word < counts.length; word++) {
    for (let at = starts[word]!; at < starts[word + 1]! - 1; at++) letters[text[at]!]! += counts[word]!
  }
  return letters
}
