import type { SubwordModel } from '../steps/model.js'
import type { Pieces } from '../steps/pieces.js'
import type { TokenList } from '../steps/token-list.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { barredIds } from './barred-ids.js'
import { withCharacters } from './spelled-pieces.js'
import { refuseUnknown } from './unknown-token.js'
import { WordBytes } from './word-bytes.js'

/** The model WordLevel, as a tokenizer.json has it. */
export interface WordLevelDefinition {
  readonly type: 'WordLevel'
  readonly vocab: Vocabulary
  /** Stands for a word that isn't in the vocabulary. */
  readonly unk_token: string
}

/** A word is a token, or unknown. */
export class WordLevelModel implements SubwordModel {
  readonly vocabulary: Vocabulary
  readonly #unknown: number
  readonly #unknownToken: string
  readonly #word = new WordBytes()
  #barred: Uint8Array | undefined

  constructor({ vocab, unk_token }: WordLevelDefinition) {
    this.vocabulary = vocab
    this.#unknown = vocab.id(unk_token) ?? -1
    this.#unknownToken = unk_token
  }

  bar(ids: ReadonlySet<number>): void {
    this.#barred = barredIds(ids, this.vocabulary.highestId)
  }

  encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void {
    const barred = allowsSpecial ? undefined : this.#barred
    withCharacters(pieces, list, ({ text, bounds }) => {
      for (let i = 0; i < bounds.length; i += 2) {
        const start = bounds[i]!
        const end = bounds[i + 1]!
        let id = this.#idOf(text, start, end)
        if (id >= 0 && barred !== undefined && barred[id] === 1) id = -1
        if (id < 0) id = this.#unknown
        if (id < 0)
          refuseUnknown(text.slice(start, end), `give the vocabulary the unk_token '${this.#unknownToken}'`)
        list.push(id, start, end, firstWord + (i >> 1))
      }
    })
  }

  #idOf(text: string, start: number, end: number): number {
    if (end - start > this.vocabulary.longest) return -1
    this.#word.read(text, start, end)
    return this.vocabulary.idOfBytes(this.#word.bytes, 0, this.#word.length)
  }
}
