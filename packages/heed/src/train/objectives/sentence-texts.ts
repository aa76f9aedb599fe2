/** Texts of a batch of sentences, each encoded once. */
import { foldIn } from '../../base/index.js'
import type { SentenceEncoder, SentenceWeights, TextTokens } from '../../models/index.js'
import { gather, tensor, type Tensor } from '../../tensor/index.js'
import { inChunks, type Vectors } from '../losses/index.js'
import type { ObjectiveContext } from './objective.js'
import { textField, wrongRecord } from './texts.js'

/** A text as an example of sentences has it. */
export interface SentenceText {
  readonly text: string
  readonly tokens: TextTokens
}

/** How the texts of a batch are encoded. */
export interface SentenceTextOptions {
  /**
   * Tokens that are encoded at once, filling included; default 4,096. Texts of like lengths go together,
   * whatever examples they belong to.
   */
  readonly chunkTokens?: number | undefined
  /**
   * Keeps the inside of one chunk at a time in memory and encodes each once more for the gradient (see
   * `inChunks`), so that batches may be large. Default false.
   */
  readonly cached?: boolean | undefined
}

/** The tokens of a record's text. Throws UsageError where it is none, or without tokens. */
export function sentenceText(
  operation: string,
  encoder: SentenceEncoder,
  field: string,
  given: unknown,
): SentenceText {
  const text = textField(operation, field, given)
  const { ids, typeIds, length } = encoder.tokens(text)
  if (length === 0) throw wrongRecord(operation, `'${field}' of at least one token`, 'an empty text')
  return { text, tokens: { ids, typeIds, length } }
}

/** The different texts of a batch in chunks, and where each one's vector will be. */
export class BatchTexts {
  /** The longest first. */
  readonly chunks: readonly (readonly SentenceText[])[]
  readonly #places: ReadonlyMap<string, number>

  constructor(texts: readonly SentenceText[], { chunkTokens = 4096 }: SentenceTextOptions) {
    const different = [...new Map(texts.map((one) => [one.text, one])).values()].sort(
      (a, b) => b.tokens.length - a.tokens.length,
    )
    const chunks: SentenceText[][] = []
    for (const one of different) {
      const chunk = chunks.at(-1)
      // The first of a chunk is its longest: all are filled up to that.
      if (chunk !== undefined && (chunk.length + 1) * chunk[0]!.tokens.length <= chunkTokens) chunk.push(one)
      else chunks.push([one])
    }
    this.chunks = chunks
    this.#places = new Map(different.map(({ text }, place) => [text, place]))
  }

  /** The vectors of all chunks' texts, along `text`. */
  encoded(
    encoder: SentenceEncoder,
    weights: SentenceWeights,
    { run }: Pick<ObjectiveContext, 'run'>,
    { cached = false }: SentenceTextOptions,
  ): Tensor<'text' | 'width'> {
    const encode = (own: SentenceWeights, chunk: readonly SentenceText[], number: number): Vectors =>
      encoder.vectorsBy(
        own,
        chunk.map(({ tokens }) => tokens),
        {
          ...run,
          dropout: run.dropout && { ...run.dropout, key: foldIn(run.dropout.key, number) },
        },
      )
    return inChunks(encode, weights, this.chunks, { cached }).rename({ batch: 'text' })
  }

  /** The vectors of these texts, in their order, from those of all. */
  of(encoded: Tensor<'text' | 'width'>, texts: readonly SentenceText[]): Vectors {
    const places = texts.map(({ text }) => this.#places.get(text)!)
    return gather(encoded, tensor(places, { batch: places.length }, { dtype: 'i32' }), 'text') as Vectors
  }
}
