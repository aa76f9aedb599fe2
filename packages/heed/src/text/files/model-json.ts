import type { JsonPlace, JsonReader, JsonValue } from '../../base/index.js'
import {
  type BytePairDefinition,
  type MergeTable,
  type ModelDefinition,
  mostTokens,
  readMerges,
  readVocabulary,
} from '../subword/index.js'
import { Vocabulary } from '../steps/vocabulary.js'

const types = ['BPE', 'WordPiece', 'WordLevel', 'Unigram', 'SentencePiece'] as const

/**
 * The model of a tokenizer.json while it is read. Vocabulary and merges, which may be long, are read as they
 * come, without a tree; merges that come too early once all that they need is there.
 */
export class ModelReader {
  readonly #reader: JsonReader
  readonly #fields: JsonValue
  #prefix: JsonValue | undefined
  #vocabularyPlace: JsonPlace | undefined
  #vocabulary: Vocabulary | undefined
  /** Of a vocabulary that is a list: each piece's score, and its type. */
  #scores: Float64Array | undefined
  #types: Uint8Array | undefined
  #mergesPlace: JsonPlace | undefined
  #merges: MergeTable | undefined

  /** Reads the model that comes next. */
  constructor(reader: JsonReader) {
    this.#reader = reader
    this.#fields = reader.value({
      continuing_subword_prefix: () => (this.#prefix = reader.value()),
      vocab: () => {
        this.#vocabularyPlace = reader.place()
        if (reader.sees('[')) [this.#vocabulary, this.#scores, this.#types] = readPieces(reader)
        else this.#vocabulary = readVocabulary(reader)
      },
      merges: () => {
        this.#mergesPlace = reader.place()
        // Most files have all else before. Where not, merges are read once more.
        if (this.#vocabulary !== undefined && this.#scores === undefined && this.#prefix?.value !== undefined)
          this.#merges = readMerges(reader, this.#vocabulary, prefixOf(this.#prefix))
        else reader.skip()
      },
    })
  }

  get vocabulary(): Vocabulary {
    return this.#vocabulary ?? this.#fields.member('vocab').refuse('a vocabulary')
  }

  /** Goes back to the vocabulary, to say of a token what is wrong. */
  refuseToken(token: string, expected: string): never {
    const reader = this.#reader
    reader.goTo(this.#vocabularyPlace!)
    const look = (name: string): void => {
      if (name === token) reader.refuse(expected)
      reader.skip()
    }
    reader.record(look, true)
    return reader.refuse(expected)
  }

  /** @throws FormatError for a type that isn't known, and for fields that don't fit it */
  definition(): ModelDefinition {
    const fields = this.#fields
    const type = fields.member('type')
    const name = type.isNull ? this.#likelyType() : type.choice(types)
    const vocab = this.vocabulary
    const isList = name === 'Unigram' || name === 'SentencePiece'
    if (isList !== (this.#scores !== undefined))
      fields.member('vocab').refuse(isList ? 'a list of pieces and scores' : 'tokens and ids')
    switch (name) {
      case 'BPE':
        return this.#bytePair(vocab)
      case 'WordPiece':
        return {
          type: name,
          unk_token: fields.member('unk_token').string(),
          continuing_subword_prefix: this.#field('continuing_subword_prefix').string(),
          max_input_chars_per_word: fields.member('max_input_chars_per_word').count(),
          vocab,
        }
      case 'WordLevel':
        return { type: name, vocab, unk_token: fields.member('unk_token').string() }
      case 'Unigram':
        return this.#unigram(vocab)
      case 'SentencePiece':
        return this.#sentencePiece(vocab)
    }
  }

  /** Older files don't say of which type they are. */
  #likelyType(): (typeof types)[number] {
    if (this.#mergesPlace !== undefined) return 'BPE'
    if (this.#scores !== undefined) return 'Unigram'
    const isWordPiece = this.#prefix !== undefined && !this.#fields.member('max_input_chars_per_word').isNull
    return isWordPiece ? 'WordPiece' : 'WordLevel'
  }

  #bytePair(vocab: Vocabulary): BytePairDefinition {
    const fields = this.#fields
    const dropout = fields.member('dropout')
    if (!dropout.isNull && dropout.value !== 0)
      dropout.refuse('null', { hint: 'merges are never left out at random' })
    const text = (name: string): string | null => {
      const value = this.#field(name)
      return value.isNull ? null : value.string()
    }
    const prefix = text('continuing_subword_prefix')
    if (this.#merges === undefined) {
      if (this.#mergesPlace === undefined) return fields.member('merges').refuse('a list of merges')
      this.#reader.goTo(this.#mergesPlace)
      this.#merges = readMerges(this.#reader, vocab, prefix)
    }
    return {
      type: 'BPE',
      dropout: dropout.isNull ? null : 0,
      unk_token: text('unk_token'),
      continuing_subword_prefix: prefix,
      end_of_word_suffix: text('end_of_word_suffix'),
      fuse_unk: fields.member('fuse_unk').boolean(false),
      byte_fallback: fields.member('byte_fallback').boolean(false),
      ignore_merges: fields.member('ignore_merges').boolean(false),
      vocab,
      merges: this.#merges,
    }
  }

  #unigram(vocab: Vocabulary): ModelDefinition {
    const unknown = this.#fields.member('unk_id')
    return {
      type: 'Unigram',
      unk_id: unknown.isNull ? null : unknown.count(vocab.size - 1),
      vocab,
      scores: this.#scores!,
      byte_fallback: this.#fields.member('byte_fallback').boolean(false),
    }
  }

  #sentencePiece(vocab: Vocabulary): ModelDefinition {
    const fields = this.#fields
    return {
      type: 'SentencePiece',
      algorithm: fields.member('algorithm').choice(['BPE', 'Unigram']),
      sums: fields.member('sums').choice(['f32', 'f64']),
      unk_id: fields.member('unk_id').count(vocab.size - 1),
      byte_fallback: fields.member('byte_fallback').boolean(),
      vocab,
      scores: this.#scores!,
      types: this.#types ?? fields.member('vocab').refuse('a list of pieces, scores and types'),
    }
  }

  #field(name: string): JsonValue {
    const prefix = name === 'continuing_subword_prefix' ? this.#prefix : undefined
    return prefix ?? this.#fields.member(name)
  }
}

function prefixOf(prefix: JsonValue): string | null {
  return prefix.isNull ? null : prefix.string()
}

/** A list of pieces and scores, and types if all have one; each piece once. A piece's id is its place. */
function readPieces(reader: JsonReader): [Vocabulary, Float64Array, Uint8Array | undefined] {
  const vocabulary = new Vocabulary(1024)
  const scores: number[] = []
  const pieceTypes: number[] = []
  reader.list((id) => {
    if (id === mostTokens) reader.refuse(`one of at most ${mostTokens} pieces`, { found: 'more' })
    const { at } = reader
    let parts = 0
    reader.list((part) => {
      if (part === 0) {
        if (!vocabulary.add(reader.string(), id)) reader.refuse('there once', { found: 'it again', at })
      } else if (part === 1) scores.push(reader.number())
      else if (part === 2 && pieceTypes.length === id) pieceTypes.push(reader.count(6))
      else reader.refuse('a piece and its score')
      parts++
    })
    if (parts < 2 || (parts === 2 && pieceTypes.length > 0)) reader.refuse('a piece and its score', { at })
  })
  const isTyped = pieceTypes.length > 0
  return [vocabulary, Float64Array.from(scores), isTyped ? Uint8Array.from(pieceTypes) : undefined]
}
