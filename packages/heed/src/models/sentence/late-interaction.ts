/**
 * Late interaction (Khattab and Zaharia 2020, "ColBERT"): a vector of length 1 for each token, and a score
 * that sums, over the tokens of a query, how alike each is to the token of a document that is most like it.
 */
import { checkNames, checkWhole } from '../../base/index.js'
import { scope, tensor, type Tensor } from '../../tensor/index.js'
import { encoderStates } from '../encoder/index.js'
import type { LoadedEncoder, Running } from '../load.js'
import { batchesByLength } from './batches.js'
import type { Ranked } from './cross-encoder.js'
import { type Dense, normalized, throughDenseModule, type Vectors } from './dense.js'
import { defaultBatchTokens } from './sentence-encoder.js'
import type { TextSettings } from './settings.js'
import { maxSim, type TokenVectors } from './max-sim.js'
import { tokensOf } from './tokens.js'

/** How queries, or documents, become tokens. */
export interface SideSettings {
  /** Stands behind the token that begins a text: `[Q]`, `[D]`. */
  readonly marker: number | undefined
  /** Stands in front of the text. */
  readonly prompt: string
  /** Tokens that a text has at most, special ones and the marker included. */
  readonly maximum: number
  /** Tokens that the model reads, but whose vectors aren't taken: punctuation. */
  readonly skipped: ReadonlySet<number>
}

/** What a query is filled up with (ColBERT, section 3.2: query augmentation). */
export interface QueryExpansion {
  /** The token, `[MASK]`. */
  readonly id: number
  /** Tokens that a query then has at least. */
  readonly length: number
  /** Whether the other tokens attend to those that fill up. They always attend to the others. */
  readonly attend: boolean
}

/** How texts become vectors of tokens. */
export interface LateInteractionSettings {
  readonly text: TextSettings
  readonly query: SideSettings
  readonly document: SideSettings
  readonly expansion: QueryExpansion | undefined
}

/** What is done with each token's state, one after the other. */
export type TokenModule = { readonly kind: 'dense'; readonly dense: Dense } | { readonly kind: 'normalize' }

/** How texts are encoded. */
export interface TokenVectorOptions {
  /** Tokens of a batch; default 2,048. Changes nothing but speed and memory. */
  readonly batchTokens?: number | undefined
  /** Told after each batch how many texts are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** What texts are: what is asked, or what answers. */
export type Side = 'query' | 'document'

/** A text's tokens as the model reads them. */
export interface TokenRow {
  readonly ids: Int32Array
  readonly spans: Int32Array
  /** How many of them are the text's own: the others fill it up. */
  readonly own: number
  readonly side: Side
}

/** Texts to vectors of their tokens. Made by `loadLateInteraction`. */
export class LateInteraction {
  readonly loaded: Running<LoadedEncoder>
  readonly modules: readonly TokenModule[]
  readonly settings: LateInteractionSettings
  /** Numbers of a token's vector. */
  readonly width: number

  constructor(
    loaded: Running<LoadedEncoder>,
    modules: readonly TokenModule[],
    settings: LateInteractionSettings,
  ) {
    this.loaded = loaded
    this.modules = modules
    this.settings = settings
    const last = modules.findLast((module) => module.kind === 'dense')
    this.width = last?.kind === 'dense' ? last.dense.map.weight.size('made') : loaded.config.width
  }

  /** The vectors of each query's tokens, with what it is filled up with. */
  encodeQueries(texts: readonly string[], options: TokenVectorOptions = {}): TokenVectors[] {
    return this.#encode('encodeQueries', texts, 'query', options)
  }

  /** The vectors of each document's tokens, without those that are skipped. */
  encodeDocuments(texts: readonly string[], options: TokenVectorOptions = {}): TokenVectors[] {
    return this.#encode('encodeDocuments', texts, 'document', options)
  }

  /** Documents by how well they fit a query, the best first; of equals the first. */
  rank(query: string, documents: readonly string[], options: TokenVectorOptions = {}): Ranked[] {
    const [asked] = this.encodeQueries([query])
    return this.encodeDocuments(documents, options)
      .map((vectors, document) => ({ document, score: maxSim(asked!, vectors).score }))
      .sort((a, b) => b.score - a.score || a.document - b.document)
  }

  /** A text's tokens: with its marker, and with what fills it up. */
  read(text: string, side: Side): TokenRow {
    const { text: settings, expansion } = this.settings
    const { marker, prompt, maximum } = this.settings[side]
    const read = tokensOf(
      { ...settings, maximum: Math.max(1, maximum - (marker === undefined ? 0 : 1)) },
      prompt + text,
    )
    const ids = [...read.ids]
    const spans = Array.from(read.spans, (at) => Math.max(0, at - prompt.length))
    if (marker !== undefined) {
      const place = read.specialTokensMask[0] === 1 ? 1 : 0
      ids.splice(place, 0, marker)
      spans.splice(2 * place, 0, 0, 0)
    }
    const own = ids.length
    if (side === 'query' && expansion !== undefined)
      for (let left = expansion.length - own; left > 0; left--) {
        ids.push(expansion.id)
        spans.push(0, 0)
      }
    return { ids: Int32Array.from(ids), spans: Int32Array.from(spans), own, side }
  }

  /** The vectors of texts that `read` gave, in one batch. */
  vectorsOf(rows: readonly TokenRow[]): TokenVectors[] {
    const attend = this.settings.expansion?.attend ?? true
    const isFilled = !attend && rows.some(({ own, ids }) => own < ids.length)
    const made = scope(() => (isFilled ? this.#filled(rows) : this.#behindEachOther(rows)))
    return rows.map((row, i) => taken(row, made[i]!, this.settings[row.side].skipped, this.width))
  }

  #encode(
    operation: string,
    texts: readonly string[],
    side: Side,
    options: TokenVectorOptions,
  ): TokenVectors[] {
    checkNames(operation, options, ['batchTokens', 'progress'])
    const { batchTokens = defaultBatchTokens, progress } = options
    checkWhole(operation, 'batchTokens', batchTokens, 1)
    const rows = texts.map((text) => this.read(text, side))
    const found: TokenVectors[] = []
    let done = 0
    const lengths = rows.map(({ ids }) => ids.length)
    for (const batch of batchesByLength(lengths, batchTokens)) {
      const made = this.vectorsOf(batch.map((i) => rows[i]!))
      batch.forEach((i, place) => (found[i] = made[place]!))
      done += batch.length
      progress?.(done, texts.length)
    }
    return found
  }

  #behindEachOther(rows: readonly TokenRow[]): Float32Array[] {
    const { model, config } = this.loaded
    const lengths = rows.map(({ ids }) => ids.length)
    const total = lengths.reduce((sum, length) => sum + length, 0)
    const ids = batchOf([rows.flatMap((row) => [...row.ids])], total)
    const states = encoderStates(model, config, ids, { rows: lengths })
    const numbers = this.#made(states.at('batch', 0).rename({ position: 'batch' }))
    let end = 0
    return lengths.map((length) => numbers.slice(end * this.width, (end += length) * this.width))
  }

  /** Of rows with positions that nobody attends to. */
  #filled(rows: readonly TokenRow[]): Float32Array[] {
    const { model, config } = this.loaded
    const width = Math.max(...rows.map(({ ids }) => ids.length))
    const ids = batchOf(
      rows.map((row) => [...row.ids]),
      width,
    )
    const real = batchOf(
      rows.map(({ own }) => Array.from({ length: own }, () => 1)),
      width,
    )
    const states = encoderStates(model, config, ids, { real })
    return rows.map((row, i) =>
      this.#made(
        states.at('batch', i).slice('position', 0, row.ids.length).rename({ position: 'batch' }),
      ).slice(),
    )
  }

  #made(states: Vectors): Float32Array {
    const vectors = this.modules.reduce<Vectors>(
      (made, module) => (module.kind === 'dense' ? throughDenseModule(module.dense, made) : normalized(made)),
      states,
    )
    return vectors.values(['batch', 'width']) as Float32Array
  }
}

/** Rows of ids, filled up with 0. */
function batchOf(rows: readonly (readonly number[])[], width: number): Tensor<'batch' | 'position'> {
  const numbers = new Int32Array(rows.length * width)
  rows.forEach((row, i) => numbers.set(row, i * width))
  return tensor(numbers, { batch: rows.length, position: width }, { dtype: 'i32' })
}

/** The vectors whose tokens aren't skipped. */
function taken(
  { ids, spans }: TokenRow,
  vectors: Float32Array,
  skipped: ReadonlySet<number>,
  width: number,
): TokenVectors {
  const places = Array.from(ids.keys()).filter((place) => !skipped.has(ids[place]!))
  const kept = new Float32Array(places.length * width)
  places.forEach((place, i) => kept.set(vectors.subarray(place * width, (place + 1) * width), i * width))
  return {
    ids: Int32Array.from(places, (place) => ids[place]!),
    spans: Int32Array.from(places.flatMap((place) => [spans[2 * place]!, spans[2 * place + 1]!])),
    vectors: kept,
    width,
  }
}
