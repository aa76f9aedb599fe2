import type { TokenizerDefinition } from './tokenizer-definition.js'

/** A text as tokens. */
export interface Encoding {
  /** Token ids, in the order of the text. */
  readonly ids: Int32Array
  /** The tokens as the vocabulary spells them. */
  readonly tokens: readonly string[]
  /**
   * Two numbers a token, start and end, in UTF-16 code units: the place [start, end) in the original text of
   * the characters that the token has bytes of. Tokens that share a character share its span. A token that
   * isn't in the text (one of the template's) has [0, 0).
   */
  readonly spans: Int32Array
}

/**
 * Whether special tokens are added around a text, and whether they are found in it. Give `matchSpecial:
 * false` for text of users, so that nobody can write a token such as `<|endoftext|>` out.
 */
export interface EncodeOptions {
  /**
   * Add what the tokenizer's template puts around a text, such as a beginning-of-text token. Default true.
   */
  readonly addSpecial?: boolean
  /** Find special tokens written out in the text; false takes them as ordinary text. Default true. */
  readonly matchSpecial?: boolean
}

/** Whether special tokens are part of the decoded text. */
export interface DecodeOptions {
  /** Leave special tokens out. Default false. */
  readonly skipSpecial?: boolean
}

/** Decodes token by token, for generation. */
export interface StreamDecoder {
  /** The text that a token completes: whole characters only, often none. */
  push(id: number): string
  /** The rest, with U+FFFD for what never became a character. Afterwards the decoder starts anew. */
  end(): string
}

/** Text → token ids and back. */
export interface Tokenizer {
  /** One more than the highest token id: how many rows the embedding needs. */
  readonly size: number
  /** What the tokenizer does, and its vocabulary, as tokenizer.json has it. */
  readonly definition: TokenizerDefinition
  encode(text: string, options?: EncodeOptions): Encoding
  /** Throws a UsageError for an id without a token. Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string
  stream(options?: DecodeOptions): StreamDecoder
  /** The token of an id, as the vocabulary spells it. */
  token(id: number): string | undefined
  /** The id of a token, as the vocabulary spells it. */
  id(token: string): number | undefined
}
