import type { Pieces } from '../steps/pieces.js'
import type { TokenList } from '../steps/token-list.js'
import { longestCachedWord, type WordCache } from './word-cache.js'

/** What encodes a word that was not met before. */
export interface WordEncoder {
  encodeWord(
    text: string,
    start: number,
    end: number,
    word: number,
    list: TokenList,
    barred: Uint8Array | undefined,
  ): void
}

/**
 * Adds the tokens of each piece to `list`: those of a word that was met before are looked up, others are
 * added by `encoder` and remembered. A token with a spelling of its own isn't.
 */
export function encodeWords(
  { text, bounds }: Pieces,
  firstWord: number,
  list: TokenList,
  words: WordCache,
  encoder: WordEncoder,
  barred: Uint8Array | undefined,
): void {
  for (let i = 0; i < bounds.length; i += 2) {
    const start = bounds[i]!
    const end = bounds[i + 1]!
    const word = firstWord + (i >> 1)
    const isCached = end - start <= longestCachedWord
    if (isCached && words.find(text, start, end)) {
      list.pushPacked(words.tokens, words.from, words.to, start, word)
      continue
    }
    const before = list.length
    const spelled = list.spelled.size
    encoder.encodeWord(text, start, end, word, list, barred)
    if (isCached && list.spelled.size === spelled) words.add(end - start, list, list.length - before, start)
  }
}
