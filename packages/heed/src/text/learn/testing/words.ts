import { type WordCounts, WordCounter } from '../word-counter.js'

/** Words and how often they occur, counted. */
export function countsOf(words: Iterable<readonly [word: string, count: number]>): WordCounts {
  const counter = new WordCounter()
  for (const [word, count] of words) counter.add(word, 0, word.length, count)
  return counter.take()
}
