import type { Tokenizer } from 'heed'
import { jsonText, type Environment, type Output } from '../terminal.js'
import { cellsOf, type TokenPlaces } from './cells.js'
import { tokenPicture } from './picture.js'
import { tokenTable } from './table.js'

export interface TextOptions {
  /** Whether special tokens that are written in a text become tokens. */
  readonly specials: 'allow' | 'text'
  /** Whether what the tokenizer puts around a text is put there. */
  readonly addSpecial: boolean
}

export type EncodeText = (text: string) => EncodedText

/** A text, or two that belong together, as tokens. */
export class EncodedText {
  readonly texts: readonly string[]
  readonly ids: Int32Array
  readonly tokens: readonly string[]
  readonly spans: Int32Array
  readonly #sequenceIds: Int32Array
  readonly #wordIds: Int32Array
  readonly #typeIds: Int32Array

  constructor(
    tokenizer: Tokenizer,
    text: string,
    pair: string | undefined,
    { specials, addSpecial }: TextOptions,
  ) {
    this.texts = pair === undefined ? [text] : [text, pair]
    const encoding = tokenizer.encode(text, {
      specials,
      addSpecial,
      // The whole text, whatever its file says.
      truncation: null,
      padding: null,
      ...(pair === undefined ? {} : { pair }),
    })
    this.ids = encoding.ids
    this.tokens = encoding.tokens
    this.spans = encoding.spans
    this.#sequenceIds = encoding.sequenceIds
    this.#wordIds = encoding.wordIds
    this.#typeIds = encoding.typeIds
  }

  get length(): number {
    return this.ids.length
  }

  idLine(): string {
    return `${this.ids.join(' ')}\n`
  }

  /** `words`, `types` and `texts` are null where a token is of none. */
  jsonLine(): string {
    const [text, pair] = this.texts
    const orNull = (number: number): number | null => (number < 0 ? null : number)
    const record = {
      text,
      ...(pair === undefined ? {} : { pair }),
      ids: [...this.ids],
      tokens: this.tokens,
      spans: this.tokens.map((_, i) => [this.spans[2 * i], this.spans[2 * i + 1]]),
      words: Array.from(this.#wordIds, orNull),
      ...(pair === undefined
        ? {}
        : { types: [...this.#typeIds], texts: Array.from(this.#sequenceIds, orNull) }),
    }
    return `${jsonText(record)}\n`
  }

  picture(output: Output, environment: Environment): string {
    const [text, pair] = this.texts
    if (pair === undefined) return tokenPicture(cellsOf(text!, this), output, environment)
    const second = this.#sequenceIds.indexOf(1)
    const end = second < 0 ? this.length : second
    return (
      tokenPicture(cellsOf(text!, this.#part(0, end)), output, environment) +
      tokenPicture(cellsOf(pair, this.#part(end, this.length)), output, environment)
    )
  }

  table(output: Output, environment: Environment): string {
    return tokenTable(this, (i) => this.texts[this.#sequenceIds[i]!] ?? '', output, environment)
  }

  #part(start: number, end: number): TokenPlaces {
    return { tokens: this.tokens.slice(start, end), spans: this.spans.subarray(2 * start, 2 * end) }
  }
}
