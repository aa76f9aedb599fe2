import { codePointOf } from './code-points.js'
import type { WordCounts } from './word-counter.js'

/** Words as lists of token ids: word i is symbols[starts[i], starts[i + 1]), and occurs counts[i] times. */
export interface Letters {
  readonly symbols: Int32Array
  readonly starts: Int32Array
  readonly counts: Float64Array
  /** The tokens so far, and the ids that they stand at. */
  readonly tokens: string[]
  readonly vocabulary: Map<string, number>
}

export interface LetterOptions {
  /** The first tokens. */
  readonly special: readonly string[]
  /** How many letters to keep at most: the most frequent ones, of equally frequent ones the lower. */
  readonly limit: number
  /** Letters to have in any case, the first to be kept: the first character of each string. */
  readonly initial: readonly string[]
  /** Stands before each letter but the first of a word. */
  readonly prefix: string
  /** Stands behind the last letter of a word. */
  readonly suffix: string
}

const points = 0x110000

/**
 * Spells words with one token a letter. Ids: special tokens, letters by code point, letters with a prefix,
 * with a suffix, and with both, each by code point. Letters that aren't kept are left out of the words.
 */
export function spellWords(words: WordCounts, options: LetterOptions): Letters {
  const { prefix, suffix } = options
  const tokens: string[] = []
  const vocabulary = new Map<string, number>()
  const idOf = (token: string): number => {
    let id = vocabulary.get(token)
    if (id === undefined) {
      id = tokens.length
      tokens.push(token)
      vocabulary.set(token, id)
    }
    return id
  }
  options.special.forEach(idOf)
  // Id + 1 of each letter: alone, with the prefix, with the suffix, with both.
  const ids = new Int32Array(points * (suffix !== '' ? 4 : prefix !== '' ? 2 : 1))
  const kept = keptLetters(words, options)
  for (const point of kept) ids[point] = idOf(String.fromCodePoint(point)) + 1
  // A special token of one character is a letter too.
  for (const token of options.special) {
    const point = token.codePointAt(0)!
    if (token.length === (point > 0xffff ? 2 : 1)) ids[point] = vocabulary.get(token)! + 1
  }
  const size = words.counts.length
  const { units, starts: wordStarts } = words
  const starts = new Int32Array(size + 1)
  const symbols = new Int32Array(units.length)
  const affixes = (prefix === '' ? 0 : points) + (suffix === '' ? 0 : 2 * points)
  let length = 0
  for (let word = 0; word < size; word++) {
    const from = wordStarts[word]!
    const to = wordStarts[word + 1]!
    for (let at = from; at < to;) {
      const point = codePointOf(units, at)
      const next = at + (point > 0xffff ? 2 : 1)
      if (ids[point] !== 0) {
        let letter = point
        if (affixes !== 0) {
          if (at > from && prefix !== '') letter += points
          if (next === to && suffix !== '') letter += 2 * points
          if (letter !== point) ids[letter] ||= -1
        }
        symbols[length++] = letter
      }
      at = next
    }
    starts[word + 1] = length
  }
  for (let letter = points; letter < ids.length; letter++) {
    if (ids[letter] !== -1) continue
    const kind = Math.floor(letter / points)
    const character = String.fromCodePoint(letter % points)
    ids[letter] = idOf((kind & 1 ? prefix : '') + character + (kind & 2 ? suffix : '')) + 1
  }
  for (let i = 0; i < length; i++) symbols[i] = ids[symbols[i]!]! - 1
  return { symbols, starts, counts: words.counts, tokens, vocabulary }
}

/** The letters to have, by code point. */
function keptLetters(words: WordCounts, { initial, limit }: LetterOptions): number[] {
  const frequency = letterCounts(words)
  for (const text of initial) {
    if (text !== '') frequency[text.codePointAt(0)!] = Infinity
  }
  const letters: number[] = []
  for (let point = 0; point < points; point++) {
    if (frequency[point]! > 0) letters.push(point)
  }
  if (letters.length <= limit) return letters
  letters.sort((a, b) => (frequency[a] === frequency[b] ? a - b : frequency[a]! > frequency[b]! ? -1 : 1))
  return letters.slice(0, limit).sort((a, b) => a - b)
}

/** How often each code point occurs. */
export function letterCounts({ units, starts, counts }: WordCounts): Float64Array {
  const frequency = new Float64Array(points)
  for (let word = 0; word < counts.length; word++) {
    const count = counts[word]!
    const end = starts[word + 1]!
    for (let at = starts[word]!; at < end;) {
      const point = codePointOf(units, at)
      frequency[point]! += count
      at += point > 0xffff ? 2 : 1
    }
  }
  return frequency
}
