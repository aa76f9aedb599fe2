import type { Pieces } from './pieces.js'
import type { TokenList } from './token-list.js'
import type { Vocabulary } from './vocabulary.js'

/** Cuts pieces into tokens of a vocabulary. */
export interface SubwordModel {
  /** Of the model alone (added tokens may come on top). */
  readonly vocabulary: Vocabulary
  /**
   * Adds the tokens of each piece to `list`, with their places in `pieces.text` in UTF-16 code units and the
   * piece's number, counted from `firstWord`. A token of a part of a character has the place of the whole.
   *
   * @param allowsSpecial false: the ids that `bar` named come out of no piece, whatever it spells
   */
  encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void
  /**
   * Names ids that pieces must not become unless `allowsSpecial`. The unknown token's stays possible for what
   * is unknown.
   */
  bar(ids: ReadonlySet<number>): void
}
