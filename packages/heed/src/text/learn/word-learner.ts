import { type WordCounts, wordOf } from './word-counter.js'

/** The most frequent words, of equally frequent ones by code point, without those that are taken. */
export function learnWords(
  words: WordCounts,
  size: number,
  minimumFrequency: number,
  taken: ReadonlySet<string>,
): string[] {
  const { counts } = words
  const found: number[] = []
  for (let word = 0; word < counts.length; word++) if (counts[word]! >= minimumFrequency) found.push(word)
  found.sort((a, b) => counts[b]! - counts[a]! || compareWords(words, a, b))
  const learned: string[] = []
  for (const word of found) {
    if (learned.length >= size) break
    const text = wordOf(words, word)
    if (!taken.has(text)) learned.push(text)
  }
  return learned
}

/** By code points. */
function compareWords({ units, starts }: WordCounts, a: number, b: number): number {
  const end = Math.min(starts[a + 1]! - starts[a]!, starts[b + 1]! - starts[b]!)
  for (let i = 0; i < end; i++) {
    const left = units[starts[a]! + i]!
    const right = units[starts[b]! + i]!
    // Surrogates stand for characters above all others.
    if (left !== right) return rankOf(left) - rankOf(right)
  }
  return starts[a + 1]! - starts[a]! - (starts[b + 1]! - starts[b]!)
}

function rankOf(unit: number): number {
  return (unit & 0xf800) === 0xd800 ? unit + 0x10000 : unit
}
