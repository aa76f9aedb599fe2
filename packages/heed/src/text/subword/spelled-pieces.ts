import { spelledOut } from '../split/index.js'
import type { Pieces } from '../steps/pieces.js'
import type { TokenList } from '../steps/token-list.js'

/**
 * Calls `encode` with pieces of real characters, for a model that reads those alone. Tokens get the places
 * that they have in `pieces`.
 */
export function withCharacters(
  pieces: Pieces,
  list: TokenList,
  encode: (pieces: Pieces, list: TokenList) => void,
): void {
  if (pieces.spelling === 'characters') {
    encode(pieces, list)
    return
  }
  const { text, bounds, spelling } = pieces
  const spelled = spelledOut({ text, offset: 0, bounds, spelling })
  let at = list.length
  encode(spelled, list)
  for (; at < list.length; at++) {
    list.starts[at] = spelled.starts![list.starts[at]!]!
    list.ends[at] = spelled.ends![list.ends[at]! - 1]!
  }
}
