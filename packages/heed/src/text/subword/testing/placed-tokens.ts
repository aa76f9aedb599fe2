import type { SubwordModel } from '../../steps/model.js'
import type { Spelling } from '../../steps/pieces.js'
import { TokenList } from '../../steps/token-list.js'

/** A token with its place in the word. */
export type PlacedToken = readonly [token: string, start: number, end: number]

/** What a model makes of one word. */
export function tokensOf(
  model: SubwordModel,
  word: string,
  spelling: Spelling = 'characters',
  allowsSpecial = true,
): PlacedToken[] {
  const list = new TokenList()
  const pieces = { text: `<${word}>`, offset: 3, bounds: Int32Array.of(1, 1 + word.length), spelling }
  model.encode(pieces, 7, list, allowsSpecial)
  return Array.from({ length: list.length }, (_, i) => {
    if (list.words[i] !== 7) throw new Error('another word')
    const token = list.spelled.get(i) ?? model.vocabulary.token(list.ids[i]!)!
    return [token, list.starts[i]! - 1, list.ends[i]! - 1]
  })
}
