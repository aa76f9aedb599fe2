import type { SubwordModel } from '../steps/model.js'
import type { Pieces } from '../steps/pieces.js'
import type { TokenList } from '../steps/token-list.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { barredIds } from './barred-ids.js'
import { PieceTrie } from './piece-trie.js'
import { withCharacters } from './spelled-pieces.js'
import { refuseUnknown } from './unknown-token.js'
import { unitsOf, WordBytes } from './word-bytes.js'
import { encodeWords } from './encode-words.js'
import { WordCache } from './word-cache.js'

/** The model WordPiece, as a tokenizer.json has it. */
export interface WordPieceDefinition {
  readonly type: 'WordPiece'
  /** Stands for a word that can't be cut into pieces. */
  readonly unk_token: string
  /** In front of a piece that doesn't begin a word. */
  readonly continuing_subword_prefix: string
  /** A word of more characters is unknown as a whole. */
  readonly max_input_chars_per_word: number
  readonly vocab: Vocabulary
}

/**
 * A word is cut from left to right, each time at the end of the longest piece that fits. Where none fits, the
 * whole word is unknown. Source: Devlin et al. 2019, BERT; Wu et al. 2016, section 4.1.
 */
export class WordPieceModel implements SubwordModel {
  readonly vocabulary: Vocabulary
  readonly #mostCharacters: number
  readonly #unknown: number
  readonly #unknownToken: string
  readonly #first: PieceTrie
  readonly #next: PieceTrie
  readonly #word = new WordBytes()
  readonly #words = new WordCache()
  #wordsWithoutBarred: WordCache | undefined
  #barred: Uint8Array | undefined

  /** @throws FormatError for a piece of more than 512 bytes that a word could have */
  constructor(definition: WordPieceDefinition) {
    const { vocab, unk_token, continuing_subword_prefix: prefix, max_input_chars_per_word } = definition
    this.vocabulary = vocab
    this.#mostCharacters = max_input_chars_per_word
    this.#unknown = vocab.id(unk_token) ?? -1
    this.#unknownToken = unk_token
    const longest = 4 * max_input_chars_per_word
    this.#first = PieceTrie.of(vocab, new Uint8Array(0), longest)
    this.#next = prefix === '' ? this.#first : PieceTrie.of(vocab, new TextEncoder().encode(prefix), longest)
  }

  bar(ids: ReadonlySet<number>): void {
    this.#barred = barredIds(ids, this.vocabulary.highestId)
    this.#wordsWithoutBarred = this.#barred && new WordCache()
  }

  encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void {
    const barred = allowsSpecial ? undefined : this.#barred
    const words = barred === undefined ? this.#words : this.#wordsWithoutBarred!
    withCharacters(pieces, list, (spelled) => encodeWords(spelled, firstWord, list, words, this, barred))
  }

  /** Adds the tokens of one word. */
  encodeWord(
    text: string,
    start: number,
    end: number,
    word: number,
    list: TokenList,
    barred: Uint8Array | undefined,
  ): void {
    const before = list.length
    if (!this.#isTooLong(text, start, end)) {
      const own = this.#word
      own.read(text, start, end)
      const { bytes, length } = own
      let trie = this.#first
      let unit = start
      let at = 0
      while (at < length) {
        const id = trie.findLongest(bytes, at, length, barred)
        if (id < 0) break
        const after = unit + unitsOf(bytes, at, trie.end)
        list.push(id, unit, after, word)
        unit = after
        at = trie.end
        trie = this.#next
      }
      if (at === length) return
      list.length = before
    }
    if (this.#unknown < 0)
      refuseUnknown(text.slice(start, end), `give the vocabulary the unk_token '${this.#unknownToken}'`)
    list.push(this.#unknown, start, end, word)
  }

  #isTooLong(text: string, start: number, end: number): boolean {
    const most = this.#mostCharacters
    if (end - start <= most) return false
    if (end - start > 2 * most) return true
    let characters = 0
    for (let i = start; i < end; i++) {
      const unit = text.charCodeAt(i)
      // The second half of a character isn't counted.
      const isSecond = (unit & 0xfc00) === 0xdc00 && i > start && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800
      if (!isSecond) characters++
    }
    return characters > most
  }
}
