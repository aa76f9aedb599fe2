import type { AddedToken } from '../added-tokens.js'

/** Special tokens as a file lists them, by id from 0 on. */
export function specialTokens(contents: readonly string[]): AddedToken[] {
  return contents.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
}
