/**
 * Sentence embeddings (Reimers and Gurevych 2019, "Sentence-BERT") by the modules of a folder of
 * sentence-transformers: an encoder, pooling, dense layers, length 1.
 */
import { checkNames, checkWhole, foldIn, leavesOf, randomKey, UsageError } from '../../base/index.js'
import { isModelLeaf } from '../../checkpoint/index.js'
import { createLinear } from '../../nn/index.js'
import { type Activation, isTensor, scope } from '../../tensor/index.js'
import type { Encoding } from '../../text/index.js'
import { type Encoder, type EncoderOptions, encoderStates, ofEachRow } from '../encoder/index.js'
import { type LoadedEncoder, type LoadOptions, ofFamily, readModel, type Running } from '../load.js'
import { batchesByLength } from './batches.js'
import { type Dense, normalized, readDense, throughDenseModule, type Vectors } from './dense.js'
import { poolingOfGguf } from './gguf-pooling.js'
import { jsonFile, storedModules } from './modules.js'
import {
  meanPooling,
  pooled,
  pooledBatch,
  type PoolingDesign,
  type PoolingMode,
  readPooling,
} from './pooling.js'
import {
  noSettings,
  type SentenceSettings,
  sentenceSettings,
  type TextSettings,
  textSettings,
} from './settings.js'
import { vectorSimilarity } from './similarity.js'
import { filledTexts, joinedTexts, promptLength, type TextTokens, tokensOf } from './tokens.js'

/** What is done with each text's vector after the pooling, one after the other. */
export type VectorModule = { readonly kind: 'dense'; readonly dense: Dense } | { readonly kind: 'normalize' }

/** What is learned of a sentence encoder. */
export interface SentenceWeights {
  readonly encoder: Encoder
  /** The maps of its dense modules, in their order. */
  readonly dense: readonly Dense['map'][]
}

/** How texts are encoded. */
export interface SentenceOptions {
  /** Stands in front of each text. Default: the prompt that the model names as its default. */
  readonly prompt?: string | undefined
  /** The name of one of the model's prompts: `query`. */
  readonly promptName?: string | undefined
  /** Gives only so many of the first numbers (Kusupati et al. 2022, Matryoshka representations). */
  readonly dimensions?: number | undefined
  /** Makes vectors of length 1 at the end, whatever the model does. Default false. */
  readonly normalize?: boolean | undefined
  /** Tokens of a batch; default 2,048. Changes nothing but speed and memory. */
  readonly batchTokens?: number | undefined
  /** Told after each batch how many texts are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

const optionNames: readonly (keyof SentenceOptions)[] = [
  'prompt',
  'promptName',
  'dimensions',
  'normalize',
  'batchTokens',
  'progress',
]

/** Tokens of a batch where nobody says another number. */
export const defaultBatchTokens = 2048

/** Texts to vectors. Made by `loadSentenceEncoder`. */
export class SentenceEncoder {
  readonly loaded: Running<LoadedEncoder>
  readonly pooling: PoolingDesign
  readonly modules: readonly VectorModule[]
  readonly settings: SentenceSettings & TextSettings
  /** Numbers of an embedding. */
  readonly width: number
  /** Numbers of one that isn't cut: `dimensions` are at most so many. */
  readonly fullWidth: number

  constructor(
    loaded: Running<LoadedEncoder>,
    pooling: PoolingDesign,
    modules: readonly VectorModule[],
    settings: SentenceSettings & TextSettings,
  ) {
    this.loaded = loaded
    this.pooling = pooling
    this.modules = modules
    this.settings = settings
    const last = modules.findLast((module) => module.kind === 'dense')
    this.fullWidth =
      last?.kind === 'dense' ? last.dense.map.weight.size('made') : pooledWidth(loaded, pooling)
    this.width = Math.min(this.fullWidth, settings.dimensions ?? Infinity)
  }

  /**
   * The embedding of each text. They are computed in batches of like lengths, one text behind the other
   * without padding; each is what it is alone.
   *
   * @throws UsageError for options that make no sense; ShapeError where the tokenizer makes ids that the
   * model hasn't
   */
  encode(texts: readonly string[], options: SentenceOptions = {}): Float32Array[] {
    checkNames('encode', options, optionNames)
    const { dimensions, batchTokens = defaultBatchTokens } = options
    checkWhole('encode', 'batchTokens', batchTokens, 1)
    if (dimensions !== undefined) checkDimensions('encode', dimensions, this.fullWidth)
    const tokens = texts.map((text) => this.tokens(text, options))
    const found: Float32Array[] = []
    let done = 0
    const lengths = tokens.map(({ length }) => length)
    for (const batch of batchesByLength(lengths, batchTokens)) {
      const made = this.vectorsOf(
        batch.map((i) => tokens[i]!),
        options,
      )
      batch.forEach((i, row) => (found[i] = made[row]!))
      done += batch.length
      options.progress?.(done, texts.length)
    }
    return found
  }

  /**
   * The embeddings of a batch of texts by weights of this encoder's form, for training: a function of the
   * weights that gradients can be taken of.
   *
   * @param tokens of each text, as `tokens` gives them
   * @returns batch width
   */
  vectorsBy(
    weights: SentenceWeights,
    tokens: readonly TextTokens[],
    { dropout, rematerialize }: Pick<EncoderOptions, 'dropout' | 'rematerialize'> = {},
  ): Vectors {
    const { ids, tokenTypes, real, lengths } = filledTexts(tokens)
    const states = encoderStates(weights.encoder, this.loaded.config, ids, {
      tokenTypes,
      real,
      dropout,
      rematerialize,
    })
    const prompt = this.pooling.includePrompt ? 0 : promptLength(this.settings, this.#prompt({}))
    return this.#throughModules(pooledBatch(this.pooling, states, lengths, prompt), weights.dense)
  }

  /**
   * The tokens of a text behind a prompt, by default the model's own, as many as the model takes. Throws
   * UsageError for a prompt that the model hasn't.
   */
  tokens(text: string, prompted: Pick<SentenceOptions, 'prompt' | 'promptName'> = {}): Encoding {
    return tokensOf(this.settings, this.#prompt(prompted) + text)
  }

  /**
   * What is learned of it.
   *
   * @throws UsageError where matrices are quantized
   */
  get weights(): SentenceWeights {
    const { model } = this.loaded
    if ([...leavesOf(model, isModelLeaf).values()].some((leaf) => !isTensor(leaf)))
      throw new UsageError({
        operation: 'SentenceEncoder',
        expected: 'weights as they are trained',
        found: 'quantized ones',
        hint: 'load it without options.weights',
      })
    return {
      encoder: model as Encoder,
      dense: this.modules.flatMap((module) => (module.kind === 'dense' ? [module.dense.map] : [])),
    }
  }

  /** The same encoder with other weights of the same form. */
  withWeights({ encoder, dense }: SentenceWeights): SentenceEncoder {
    let next = 0
    const modules = this.modules.map((module) =>
      module.kind === 'dense'
        ? { kind: module.kind, dense: { ...module.dense, map: dense[next++]! } }
        : module,
    )
    return new SentenceEncoder({ ...this.loaded, model: encoder }, this.pooling, modules, this.settings)
  }

  /** The embeddings of texts that `tokens` gave, in one batch. */
  vectorsOf(
    texts: readonly Encoding[],
    options: Omit<SentenceOptions, 'batchTokens' | 'progress'> = {},
  ): Float32Array[] {
    const { dimensions = this.settings.dimensions, normalize = false } = options
    const skipped = this.pooling.includePrompt ? 0 : promptLength(this.settings, this.#prompt(options))
    const { numbers, width } = scope(() => {
      let made = this.#vectors(texts, skipped)
      if (dimensions !== undefined && dimensions < made.size('width'))
        made = made.slice('width', 0, dimensions)
      if (normalize) made = normalized(made)
      return { numbers: made.values(['batch', 'width']) as Float32Array, width: made.size('width') }
    })
    return texts.map((_, row) => Float32Array.from(numbers.subarray(row * width, (row + 1) * width)))
  }

  /** How alike two embeddings are, as the model's files say; default: the cosine. */
  similarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
    return vectorSimilarity(a, b, this.settings.similarity)
  }

  #vectors(texts: readonly Encoding[], skipped: number): Vectors {
    const { model, config } = this.loaded
    const { ids, tokenTypes, rows } = joinedTexts(texts)
    const states = encoderStates(model, config, ids, { tokenTypes, rows })
    return this.#throughModules(ofEachRow(states, rows, (row) => pooled(this.pooling, row, skipped)))
  }

  /** @param maps those of the dense modules; default their own */
  #throughModules(pooled: Vectors, maps?: readonly Dense['map'][]): Vectors {
    let next = 0
    return this.modules.reduce<Vectors>((vectors, module) => {
      if (module.kind === 'normalize') return normalized(vectors)
      const map = maps?.[next++] ?? module.dense.map
      return throughDenseModule({ ...module.dense, map }, vectors)
    }, pooled)
  }

  #prompt({ prompt, promptName }: Pick<SentenceOptions, 'prompt' | 'promptName'>): string {
    const { prompts, defaultPrompt } = this.settings
    if (prompt !== undefined) return prompt
    const name = promptName ?? defaultPrompt
    if (name === undefined) return ''
    const known = prompts.get(name)
    if (known !== undefined) return known
    throw new UsageError({
      operation: 'encode',
      expected: `one of the model's prompts: ${[...prompts.keys()].join(', ') || 'none'}`,
      found: `'${name}'`,
      hint: 'write the prompt itself: { prompt: "query: " }',
    })
  }
}

/** @throws UsageError for more numbers than a vector has */
export function checkDimensions(operation: string, dimensions: number, width: number): void {
  checkWhole(operation, 'dimensions', dimensions, 1)
  if (dimensions <= width) return
  throw new UsageError({
    operation,
    expected: `dimensions of at most ${width}, the numbers of a vector`,
    found: String(dimensions),
    hint: 'leave it out for all of them',
  })
}

function pooledWidth({ config }: Pick<LoadedEncoder, 'config'>, { modes }: PoolingDesign): number {
  return modes.length * config.width
}

/**
 * A sentence encoder from a folder of this machine: by `modules.json`, or, where there is none, the encoder
 * and the mean of its states. Of a GGUF file that names a pooling it is that one, and vectors are of length
 * 1, as llama.cpp gives them.
 *
 * @param from the folder or file, or the model that was read from it
 * @throws FormatError where files are missing or wrong, name a place outside of the folder, or a module that
 * heed doesn't know
 */
export async function loadSentenceEncoder(
  from: string | Running<LoadedEncoder>,
  options: LoadOptions = {},
): Promise<SentenceEncoder> {
  return readSentenceEncoder(from, options)
}

/** `loadSentenceEncoder` at once, for `withDevice`. Throws as it does. */
export function readSentenceEncoder(
  from: string | Running<LoadedEncoder>,
  options: LoadOptions = {},
): SentenceEncoder {
  const folder = typeof from === 'string' ? from : from.stored.path
  const [first, ...rest] = storedModules(folder) ?? []
  if (first !== undefined && first.type !== 'Transformer') first.named.refuse('a Transformer first')
  const loaded =
    typeof from === 'string' ? ofFamily(readModel(first?.folder ?? from, options), 'encoder') : from
  const settings = { ...sentenceSettings(folder), ...textSettings(loaded) }
  let pooling: PoolingDesign | undefined
  let width = loaded.config.width
  const modules: VectorModule[] = []
  for (const module of rest) {
    const { type, named } = module
    if (type === 'Pooling' && pooling === undefined && modules.length === 0) {
      const config = jsonFile(module.folder, 'config.json')
      pooling = readPooling(config ?? named.refuse(`a folder '${module.folder}' with config.json`), width)
      width = pooledWidth(loaded, pooling)
    } else if (type === 'Dense') {
      const dense = readDense(module, width)
      width = dense.map.weight.size('made')
      modules.push({ kind: 'dense', dense })
    } else if (type === 'Normalize') modules.push({ kind: 'normalize' })
    else if (type !== 'Dropout')
      named.refuse('Transformer, Pooling, Dense, Normalize or Dropout', {
        hint: 'heed has no other modules of sentence embeddings',
      })
  }
  const said = poolingOfGguf(loaded.stored)
  if (first === undefined && said !== undefined) {
    pooling = { modes: [said], includePrompt: true }
    modules.push({ kind: 'normalize' })
  }
  return new SentenceEncoder(loaded, pooling ?? meanPooling, modules, settings)
}

/** What stands on an encoder that is to make sentence embeddings. */
export interface SentenceParts {
  /** Default 'mean'. */
  readonly pooling?: PoolingMode | readonly PoolingMode[] | undefined
  /** A dense layer behind the pooling that makes so many numbers. Default none. */
  readonly dense?: { readonly width: number; readonly activation?: Activation | undefined } | undefined
  /** Whether vectors are made of length 1 at the end. Default true. */
  readonly normalize?: boolean | undefined
  /** Tokens that a text has at most; default as many as the encoder's files say. */
  readonly maximum?: number | undefined
  /** Of the dense layer's first weights; default 0. */
  readonly seed?: number | undefined
}

/**
 * Any encoder as a sentence encoder, before it is trained as one (Reimers and Gurevych 2019, section 3).
 *
 * @throws UsageError for options that make no sense
 */
export function createSentenceEncoder(loaded: LoadedEncoder, parts: SentenceParts = {}): SentenceEncoder {
  const operation = 'createSentenceEncoder'
  const names = ['pooling', 'dense', 'normalize', 'maximum', 'seed'] satisfies (keyof SentenceParts)[]
  checkNames(operation, parts, names)
  const { pooling = 'mean', dense, normalize = true, maximum = Infinity, seed = 0 } = parts
  if (maximum !== Infinity) checkWhole(operation, 'maximum', maximum, 1)
  const design = { modes: typeof pooling === 'string' ? [pooling] : pooling, includePrompt: true }
  const width = pooledWidth(loaded, design)
  const modules: VectorModule[] = []
  if (dense !== undefined) {
    checkWhole(operation, 'dense.width', dense.width, 1)
    const key = foldIn(randomKey(seed), 'dense')
    const map = createLinear(key, { width }, { made: dense.width })
    modules.push({ kind: 'dense', dense: { map, activation: dense.activation } })
  }
  if (normalize) modules.push({ kind: 'normalize' })
  const own = textSettings(loaded)
  const settings = { ...own, maximum: Math.min(own.maximum, maximum) }
  return new SentenceEncoder(loaded, design, modules, { ...noSettings, ...settings })
}
