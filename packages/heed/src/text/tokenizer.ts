import type { TokenizerDefinition } from './definition.js'
import type { Encoding, PaddingDefinition, TruncationDefinition } from './finish/index.js'

/** A text, or a text that is cut into words already. */
export type TextInput = string | readonly string[]

/** Two texts that belong together, such as a question and a passage. */
export interface TextPair {
  readonly text: TextInput
  readonly pair: TextInput
}

/** How texts are encoded. */
export interface EncodeOptions {
  /**
   * What becomes of special tokens that are spelled in the text. `text`: they are text as any other, so that
   * no user can write a token such as `<|endoftext|>`. No special id comes out of the text then, whatever it
   * spells, but for that of the unknown token. `allow`: they become special tokens. Default 'text'.
   */
  readonly specials?: 'text' | 'allow'
  /**
   * Add what the tokenizer's template puts around a text, such as a beginning-of-text token. Default true.
   */
  readonly addSpecial?: boolean
  /**
   * Cuts an encoding to a length; what is cut off is in its `overflow`. null: doesn't. Default: what the file
   * says.
   */
  readonly truncation?: TruncationDefinition | null
  /** Fills encodings up to a length. null: doesn't. Default: what the file says. */
  readonly padding?: PaddingDefinition | null
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
  /**
   * A text as tokens, with the place of each in the text. Of a text that is given as words, places are within
   * each word, and `wordIds` say which.
   *
   * @throws UsageError for anything but texts, or where truncation can't be done as it says
   */
  encode(text: TextInput, options?: EncodeOptions & { readonly pair?: TextInput }): Encoding
  /** Several texts, or pairs, which are filled up to one length where padding says so. */
  encodeBatch(inputs: readonly (TextInput | TextPair)[], options?: EncodeOptions): Encoding[]
  /** Throws a UsageError for an id without a token. Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string
  stream(options?: DecodeOptions): StreamDecoder
  /** The token of an id, as the vocabulary spells it. */
  token(id: number): string | undefined
  /** The id of a token, as the vocabulary spells it. */
  id(token: string): number | undefined
}
