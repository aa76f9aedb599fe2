import { checkNames, UsageError } from '../base/index.js'
import { type AddedToken, AddedTokenMatcher } from './added-tokens.js'
import { tokenOfBytes } from './byte-alphabet.js'
import { createDecoder, DecodeStream } from './decode/index.js'
import type { TokenizerDefinition } from './definition.js'
import {
  createPostProcessor,
  type Encoding,
  finish,
  padBatch,
  type PostProcessor,
  type TextTokens,
} from './finish/index.js'
import { createNormalizer } from './normalize/index.js'
import { createPreTokenizer } from './split/index.js'
import { createModel } from './subword/index.js'
import type { SubwordModel } from './steps/model.js'
import { endOf, type NormalizedText, sliceOf, startOf } from './steps/normalized-text.js'
import { type Normalizer, type Pieces, type Splitter, wholePiece } from './steps/pieces.js'
import { TokenList } from './steps/token-list.js'
import type {
  DecodeOptions,
  EncodeOptions,
  StreamDecoder,
  TextInput,
  TextPair,
  Tokenizer,
} from './tokenizer.js'

/**
 * Builds the tokenizer of a definition.
 *
 * @throws FormatError, PatternError where its parts don't fit together
 */
export function createTokenizer(definition: TokenizerDefinition): Tokenizer {
  return new Pipeline(definition)
}

/**
 * A text's way to tokens, step by step. Added tokens are cut out of the text; what lies between them is
 * normalized and split into pieces; the model cuts each piece into tokens; the post-processor puts special
 * tokens around them.
 *
 * UTF-8 can't hold a lone surrogate. It is encoded as U+FFFD, and its span is still its own place in the
 * text.
 */
class Pipeline implements Tokenizer {
  readonly definition: TokenizerDefinition
  readonly size: number
  readonly #normalize: Normalizer
  readonly #split: Splitter
  readonly #model: SubwordModel
  readonly #postProcessor: PostProcessor | null
  readonly #decode: (tokens: readonly string[]) => string
  /** Added tokens in the original text, and those in the normalized text. */
  readonly #original: AddedTokenMatcher
  readonly #normalized: AddedTokenMatcher
  readonly #added = new Map<number, string>()
  readonly #idOfAdded = new Map<string, number>()
  readonly #special = new Set<number>()
  /** What is decoded in the place of special tokens that would be taken for something else. */
  readonly #specialBytes = new Map<number, string>()
  /**
   * What is left out of a decoded text where special tokens are: ids that are spelled as a special token is.
   */
  readonly #markup = new Set<number>()
  /** The token of an id as encodings have it. */
  readonly #tokenOf = (id: number): string | undefined =>
    this.#model.vocabulary.token(id) ?? this.#added.get(id)

  constructor(definition: TokenizerDefinition) {
    const { addedTokens, model } = definition
    this.definition = definition
    this.#normalize = definition.normalizer === null ? unchanged : createNormalizer(definition.normalizer)
    this.#split = createPreTokenizer(definition.preTokenizer)
    this.#model = createModel(model)
    this.#postProcessor = createPostProcessor(definition.postProcessor)
    this.#decode = createDecoder(definition.decoder)
    /** Each token as it is looked for: in the original, or in the normalized text. */
    const spelled = addedTokens.map((token) => {
      const { content, normalized } = token
      return [normalized ? this.#normalize({ text: content, offset: 0 }).text : content, token] as const
    })
    this.#original = new AddedTokenMatcher(spelled.filter(([, { normalized }]) => !normalized))
    this.#normalized = new AddedTokenMatcher(spelled.filter(([, { normalized }]) => normalized))
    let size = this.#model.vocabulary.highestId + 1
    for (const [normal, { id, content, special }] of spelled) {
      this.#added.set(id, normal)
      if (normal !== content && !this.#idOfAdded.has(normal)) this.#idOfAdded.set(normal, id)
      this.#idOfAdded.set(content, id)
      if (special) {
        this.#special.add(id)
        this.#spellSpecial(id, normal)
      }
      if (id >= size) size = id + 1
    }
    const markup = new Set(addedTokens.filter(({ special }) => special).map(({ content }) => content))
    for (const [id, spelling] of this.#added) if (markup.has(spelling)) this.#markup.add(id)
    this.size = size
    this.#model.bar(this.#special)
  }

  /**
   * A special token decodes to itself, also where its letters could be taken for bytes of GPT-2's alphabet: é
   * for the byte E9.
   */
  #spellSpecial(id: number, token: string): void {
    const bytes = tokenOfBytes(new TextEncoder().encode(token))
    if (bytes === token || this.#decode([token]) === token || this.#decode([bytes]) !== token) return
    this.#specialBytes.set(id, bytes)
  }

  encode(text: TextInput, options: EncodeOptions & { readonly pair?: TextInput } = {}): Encoding {
    checkNames('encode', options, encodeOneOptions)
    const { pair, padding = this.definition.padding } = options
    const encoding = this.#encode(text, pair, options)
    return padding === null ? encoding : padBatch([encoding], padding)[0]!
  }

  encodeBatch(inputs: readonly (TextInput | TextPair)[], options: EncodeOptions = {}): Encoding[] {
    if (!Array.isArray(inputs)) refuseInput(inputs, 'a list of texts, or of pairs')
    checkNames('encodeBatch', options, encodeOptions)
    const { padding = this.definition.padding } = options
    const encodings = inputs.map((input) =>
      isPair(input) ? this.#encode(input.text, input.pair, options) : this.#encode(input, undefined, options),
    )
    return padding === null ? encodings : padBatch(encodings, padding)
  }

  #encode(text: TextInput, pair: TextInput | undefined, options: EncodeOptions): Encoding {
    const { addSpecial = true, specials = 'text', truncation = this.definition.truncation } = options
    if (specials !== 'text' && specials !== 'allow')
      throw new UsageError({
        operation: 'encode',
        expected: "specials 'text' or 'allow'",
        found: String(specials),
        hint: "take 'text' for texts of users",
      })
    const tokens = (input: TextInput): TextTokens => ({
      list: this.#tokenize(input, specials === 'allow'),
      text: input,
    })
    return finish({
      texts: pair === undefined ? [tokens(text)] : [tokens(text), tokens(pair)],
      postProcessor: this.#postProcessor,
      addSpecial,
      truncation,
      tokenOf: this.#tokenOf,
    })
  }

  #tokenize(input: TextInput, allowsSpecial: boolean): TokenList {
    const list = new TokenList()
    if (typeof input === 'string') {
      this.#tokenizeText(input, allowsSpecial, list)
      return list
    }
    if (!Array.isArray(input)) refuseInput(input)
    ;(input as readonly string[]).forEach((word, index) => {
      if (typeof word !== 'string') refuseInput(word)
      const first = list.length
      this.#tokenizeText(word, allowsSpecial, list)
      list.words.fill(index, first, list.length)
    })
    return list
  }

  #tokenizeText(text: string, allowsSpecial: boolean, list: TokenList): void {
    let word = 0
    this.#original.split(text, allowsSpecial, (start, end, token) => {
      if (token === undefined) {
        const section = start === 0 && end === text.length ? text : text.slice(start, end)
        word = this.#tokenizeSection({ text: section, offset: start }, allowsSpecial, word, list)
      } else this.#push(list, token, text.slice(start, end), start, end, word++)
    })
  }

  /**
   * Adds the tokens of a section without tokens that are found in the original; returns the next word's
   * number.
   */
  #tokenizeSection(section: NormalizedText, allowsSpecial: boolean, word: number, list: TokenList): number {
    const normalized = this.#normalize(section)
    this.#normalized.split(normalized.text, allowsSpecial, (from, to, token) => {
      if (token === undefined) {
        const pieces = this.#split(wholePiece(sliceOf(normalized, from, to)))
        const first = list.length
        this.#model.encode(pieces, word, list, allowsSpecial)
        toOriginal(list, first, pieces)
        word += pieces.bounds.length / 2
      } else {
        const [start, end] = [startOf(normalized, from), endOf(normalized, to)]
        this.#push(list, token, normalized.text.slice(from, to), start, end, word++)
      }
    })
    return word
  }

  #push(list: TokenList, token: AddedToken, spelled: string, start: number, end: number, word: number): void {
    if (spelled === this.#tokenOf(token.id)) list.push(token.id, start, end, word)
    else list.pushSpelled(token.id, spelled, start, end, word)
  }

  decode(ids: ArrayLike<number>, { skipSpecial = false }: DecodeOptions = {}): string {
    const tokens: string[] = []
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      const token = this.token(id)
      if (token === undefined)
        throw new UsageError({
          operation: 'decode',
          expected: `token ids from 0 to ${this.size - 1}`,
          found: String(id),
          hint: 'decode with the tokenizer that the ids come from',
        })
      if (!skipSpecial || !this.#markup.has(id)) tokens.push(this.#specialBytes.get(id) ?? token)
    }
    return this.#decode(tokens)
  }

  stream(options: DecodeOptions = {}): StreamDecoder {
    const isLeftOut = (id: number): boolean => options.skipSpecial === true && this.#markup.has(id)
    return new DecodeStream((ids) => this.decode(ids, options), isLeftOut)
  }

  token(id: number): string | undefined {
    return this.#added.get(id) ?? this.#model.vocabulary.token(id)
  }

  id(token: string): number | undefined {
    return this.#idOfAdded.get(token) ?? this.#model.vocabulary.id(token)
  }
}

const encodeOptions = Object.keys({
  specials: true,
  addSpecial: true,
  truncation: true,
  padding: true,
} satisfies Record<keyof EncodeOptions, true>)
const encodeOneOptions = [...encodeOptions, 'pair']

/** Maps the places of tokens from `first` on from the pieces' text to the original. */
function toOriginal(list: TokenList, first: number, { starts, ends, offset }: Pieces): void {
  const { length } = list
  if (starts !== undefined && ends !== undefined)
    for (let i = first; i < length; i++) {
      list.starts[i] = starts[list.starts[i]!]!
      list.ends[i] = ends[list.ends[i]! - 1]!
    }
  else if (offset !== 0)
    for (let i = first; i < length; i++) {
      list.starts[i] = list.starts[i]! + offset
      list.ends[i] = list.ends[i]! + offset
    }
}

function unchanged(text: NormalizedText): NormalizedText {
  return text
}

function isPair(input: TextInput | TextPair): input is TextPair {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

function refuseInput(input: unknown, expected = 'a string, or a list of words'): never {
  throw new UsageError({
    operation: 'encode',
    expected,
    found: input === null ? 'null' : `a value of type ${typeof input}`,
    hint: 'pass the text itself',
  })
}
