/**
 * Texts to vectors: of each token, or one for all of them (Reimers and Gurevych 2019, "Sentence-BERT").
 */
import { checkBooleans, checkNames, inWords, UsageError } from '../base/index.js'
import {
  checkDimensions,
  decoderStates,
  type LoadedDecoder,
  type LoadedEncoder,
  normalized,
  pooled,
  poolingOfGguf,
  type PoolingMode,
  quantizeVectors,
  readSentenceEncoder,
  type Running,
  SentenceEncoder,
  textSettings,
  tokensOf,
  type VectorFormat,
  type VectorRanges,
  encoderStates,
  joinedTexts,
} from '../models/index.js'
import type { Sequence } from '../nn/index.js'
import { scope, type Tensor } from '../tensor/index.js'
import type { Encoding } from '../text/index.js'
import { encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { decoderAttention } from './decoder-attention.js'
import { runTask, type TaskWork } from './run-task.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText } from './texts.js'

/** How the vectors of a text's tokens become one; see `PoolingMode`. */
export type Pooling = 'none' | 'model' | 'first_token' | 'last_token' | 'eos' | PoolingMode

const poolings: Readonly<Record<Exclude<Pooling, 'none' | 'model'>, PoolingMode>> = {
  cls: 'cls',
  first_token: 'cls',
  last_token: 'lasttoken',
  eos: 'lasttoken',
  lasttoken: 'lasttoken',
  max: 'max',
  mean: 'mean',
  mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
  weightedmean: 'weightedmean',
}
const precisions: readonly VectorFormat[] = ['binary', 'ubinary', 'int8', 'uint8']

/** What the vectors are to be like. */
export interface FeatureExtractionOptions extends TaskOptions {
  /**
   * `none`: a vector for each token. `mean`, `cls` (or `first_token`), `last_token` (or `eos`), `max`, …: one
   * for the text. `model`: what the files beside the model say, with dense layers and norms; the mean, where
   * they say nothing. Of a GGUF file it is its `pooling_type`, with vectors of length 1, as llama.cpp gives
   * them. Default `none`.
   */
  readonly pooling?: Pooling | undefined
  /** Makes vectors of length 1. Default false. */
  readonly normalize?: boolean | undefined
  /** Gives numbers of fewer bits, as `precision` says. Default false. */
  readonly quantize?: boolean | undefined
  /** As `quantizeVectors` makes them; default `binary`. `int8` and `uint8` need `ranges`. */
  readonly precision?: VectorFormat | undefined
  /** What `int8` and `uint8` are calibrated by: `vectorRanges` of the vectors of many texts. */
  readonly ranges?: VectorRanges | undefined
  /** Gives only so many of the first numbers (Kusupati et al. 2022, "Matryoshka"). */
  readonly dimensions?: number | undefined
  /** Stands in front of each text. */
  readonly prompt?: string | undefined
  /** The name of one of the model's own prompts: `query`. */
  readonly prompt_name?: string | undefined
}

const names: readonly (keyof FeatureExtractionOptions)[] = [
  ...taskOptionNames,
  'pooling',
  'normalize',
  'quantize',
  'precision',
  'ranges',
  'dimensions',
  'prompt',
  'prompt_name',
]

/** Numbers with their sizes, as transformers.js' tensors have them. */
export interface Features {
  /** [1, tokens, width] without pooling, else [1, width], or [1, bytes] of bits. */
  readonly dims: readonly number[]
  readonly type: 'float32' | 'int8' | 'uint8'
  /** The numbers, row by row. */
  readonly data: Float32Array | Int8Array | Uint8Array
  /** The numbers as lists of lists. */
  tolist(): NestedNumbers
}

/** Lists of numbers, as deep as there are sizes. */
export type NestedNumbers = readonly (number | NestedNumbers)[]

/** Texts to vectors: of one text `Features`, of a list a list of them. */
export interface FeatureExtractionPipeline extends TaskPipeline<'feature-extraction', string> {
  <
    const Input extends string | readonly string[],
    const Options extends FeatureExtractionOptions = Record<never, never>,
  >(
    input: Input,
    options?: Options & FeatureExtractionOptions,
  ): Promise<TaskResult<Input, Options, Features>>
}

/** Throws UsageError where the model is an encoder-decoder. */
export function createFeatureExtraction(opened: Opened): FeatureExtractionPipeline {
  const task = 'feature-extraction'
  const loaded = opened.model
  if (loaded.family !== 'encoder' && loaded.family !== 'decoder')
    throw new UsageError({
      operation: task,
      expected: 'an encoder or a decoder',
      found: `'${loaded.architecture?.name}', of the family '${loaded.family}'`,
      hint:
        loaded.family === 'encoder-decoder'
          ? 'take encodeSource for the states of its source'
          : 'take a task of pictures',
    })
  let reader: Reader | undefined
  const call = async (
    input: string | readonly string[],
    options: FeatureExtractionOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, names)
    const { pooling = 'none', attention = false } = options
    check(task, options)
    reader ??= loaded.family === 'encoder' ? new EncoderReader(loaded) : new DecoderReader(loaded)
    const own = reader
    if (options.dimensions !== undefined) checkDimensions(task, options.dimensions, own.width(pooling))
    const work: TaskWork<string, Encoding, Rows, Features> = {
      operation: task,
      pieces(one) {
        checkText(task, 'the input', one)
        const tokens = own.read(one, options)
        if (tokens.length > 0) return [tokens]
        throw new UsageError({
          operation: task,
          expected: 'a text of at least one token',
          found: 'an empty one',
          hint: 'leave it out',
        })
      },
      length: ({ length }) => length,
      run: (pieces) => own.run(pieces, pooling, options),
      result(_, [rows], [tokens]) {
        const made = featuresOf(rows!, options)
        return attention ? Object.assign(made, { attention: own.attention(tokens!) }) : made
      },
    }
    const isList = Array.isArray(input)
    const results = await runTask(work, isList ? input : [input as string], options)
    return isList ? results : results[0]
  }
  return callable<FeatureExtractionPipeline>(task, opened, call, (input) => input)
}

/** The vectors of a text: of each token where it isn't pooled, else one. */
interface Rows {
  readonly numbers: Float32Array
  readonly width: number
  readonly pooled: boolean
}

type ReadOptions = Pick<FeatureExtractionOptions, 'normalize' | 'dimensions' | 'prompt' | 'prompt_name'>

/** What differs between families. */
interface Reader {
  /** Numbers of a vector that isn't cut. */
  width(pooling: Pooling): number
  read(text: string, options: ReadOptions): Encoding
  run(texts: readonly Encoding[], pooling: Pooling, options: ReadOptions): readonly Rows[]
  attention(text: Encoding): ReturnType<typeof encoderAttention>
}

class EncoderReader implements Reader {
  readonly #encoder: SentenceEncoder

  constructor(loaded: Running<LoadedEncoder>) {
    this.#encoder = readSentenceEncoder(loaded)
  }

  width(pooling: Pooling): number {
    return pooling === 'model' ? this.#encoder.fullWidth : this.#encoder.loaded.config.width
  }

  read(text: string, { prompt, prompt_name: promptName }: ReadOptions): Encoding {
    return this.#encoder.tokens(text, { prompt, promptName })
  }

  run(texts: readonly Encoding[], pooling: Pooling, options: ReadOptions): readonly Rows[] {
    const { loaded, settings } = this.#encoder
    const { normalize, dimensions, prompt, prompt_name: promptName } = options
    if (pooling === 'none') {
      return scope(() => {
        const { ids, tokenTypes, rows } = joinedTexts(texts)
        return tokenRows(encoderStates(loaded.model, loaded.config, ids, { tokenTypes, rows }), rows, options)
      })
    }
    const encoder =
      pooling === 'model'
        ? this.#encoder
        : new SentenceEncoder(loaded, { modes: [poolings[pooling]], includePrompt: true }, [], settings)
    return encoder
      .vectorsOf(texts, { normalize, dimensions, prompt, promptName })
      .map((numbers) => ({ numbers, width: numbers.length, pooled: true }))
  }

  attention(text: Encoding): ReturnType<typeof encoderAttention> {
    return encoderAttention(this.#encoder.loaded, text)
  }
}

/** A decoder's states; where no file says else, `model` takes the last token, which has seen all others. */
class DecoderReader implements Reader {
  readonly #loaded: Running<LoadedDecoder>
  readonly #settings: ReturnType<typeof textSettings>

  constructor(loaded: Running<LoadedDecoder>) {
    this.#loaded = loaded
    this.#settings = textSettings(loaded)
  }

  width(): number {
    return this.#loaded.config.width
  }

  read(text: string, { prompt = '', prompt_name: name }: ReadOptions): Encoding {
    if (name === undefined) return tokensOf(this.#settings, prompt + text)
    throw new UsageError({
      operation: 'feature-extraction',
      expected: 'a prompt itself',
      found: `the name '${name}', and a decoder, which has none`,
      hint: 'write { prompt: "query: " }',
    })
  }

  run(texts: readonly Encoding[], pooling: Pooling, options: ReadOptions): readonly Rows[] {
    const { model, config, stored } = this.#loaded
    const said = poolingOfGguf(stored)
    return texts.map((text) =>
      scope(() => {
        const states = decoderStates(model, config, joinedTexts([text]).ids)
        if (pooling === 'none') return tokenRows(states, [text.length], options)[0]!
        const mode = pooling === 'model' ? (said ?? 'lasttoken') : poolings[pooling]
        const vectors = pooled({ modes: [mode], includePrompt: true }, states)
        const own = pooling === 'model' && said !== undefined ? normalized(vectors) : vectors
        const made = asWanted(own, options)
        return { ...made, pooled: true }
      }),
    )
  }

  attention(text: Encoding): ReturnType<typeof encoderAttention> {
    return decoderAttention(this.#loaded, text.ids)
  }
}

/** The vectors of each text's positions. */
function tokenRows(states: Sequence, rows: readonly number[], options: ReadOptions): Rows[] {
  const { numbers, width } = asWanted(states.at('batch', 0).rename({ position: 'batch' }), options)
  let end = 0
  return rows.map((length) => ({
    numbers: numbers.slice(end * width, (end += length) * width),
    width,
    pooled: false,
  }))
}

/** Vectors as many numbers wide, and as long, as is asked for. */
function asWanted(
  vectors: Tensor<'batch' | 'width'>,
  { normalize = false, dimensions = Infinity }: ReadOptions,
): Omit<Rows, 'pooled'> {
  const width = Math.min(dimensions, vectors.size('width'))
  const cut = vectors.slice('width', 0, width)
  return { numbers: Float32Array.from((normalize ? normalized(cut) : cut).values(['batch', 'width'])), width }
}

function featuresOf(
  { numbers, width, pooled: isPooled }: Rows,
  { quantize = false, precision = 'binary', ranges }: FeatureExtractionOptions,
): Features {
  const count = numbers.length / width
  if (!quantize) return features([1, ...(isPooled ? [] : [count]), width], numbers)
  const vectors = Array.from({ length: count }, (_, row) => numbers.subarray(row * width, (row + 1) * width))
  const made = quantizeVectors(vectors, precision, ranges)
  const length = made[0]!.length
  const data = new (made[0] instanceof Int8Array ? Int8Array : Uint8Array)(count * length)
  made.forEach((row, i) => data.set(row, i * length))
  return features([1, ...(isPooled ? [] : [count]), length], data)
}

/** Numbers with their sizes. */
export function features(dims: readonly number[], data: Features['data']): Features {
  const type = data instanceof Float32Array ? 'float32' : data instanceof Int8Array ? 'int8' : 'uint8'
  return { dims, type, data, tolist: () => nested(dims, data, 0) }
}

function nested([size = 0, ...rest]: readonly number[], data: Features['data'], from: number): NestedNumbers {
  if (rest.length === 0) return Array.from(data.subarray(from, from + size))
  const step = rest.reduce((product, one) => product * one, 1)
  return Array.from({ length: size }, (_, i) => nested(rest, data, from + i * step))
}

function check(task: string, options: FeatureExtractionOptions): void {
  const { pooling = 'none', precision = 'binary', ranges, quantize = false } = options
  const refuse = (expected: string, found: unknown): never => {
    throw new UsageError({ operation: task, expected, found: inWords(found), hint: 'correct the option' })
  }
  const known = ['none', 'model', ...Object.keys(poolings)]
  if (!known.includes(pooling)) refuse(`pooling, one of ${known.join(', ')}`, pooling)
  if (!precisions.includes(precision)) refuse(`precision, one of ${precisions.join(', ')}`, precision)
  checkBooleans(task, options, ['normalize', 'quantize'])
  for (const name of ['prompt', 'prompt_name'] as const)
    if (options[name] !== undefined && typeof options[name] !== 'string')
      refuse(`${name}, a text`, options[name])
  if (!quantize && options.precision !== undefined)
    throw new UsageError({
      operation: task,
      expected: 'quantize: true beside precision',
      found: `precision '${precision}' alone`,
      hint: 'give both, or leave precision out',
    })
  if (!quantize || !precision.endsWith('int8')) return
  if (ranges === undefined)
    throw new UsageError({
      operation: task,
      expected: `ranges beside precision '${precision}'`,
      found: 'none',
      hint: 'give vectorRanges(vectors) of many texts',
    })
}
