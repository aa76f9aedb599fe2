/** Models from this machine's disk, whatever their architecture. */
import { checkNames, FormatError, inWords, nodeModule, randomKey, UsageError } from '../base/index.js'
import { type WeightFormat, weightFormats } from '../kernels/index.js'
import {
  asStored,
  describing,
  hasLeaf,
  loadTree,
  type LoadTreeOptions,
  quantized,
} from '../checkpoint/index.js'
import type { Quantized } from '../nn/index.js'
import { scope } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import type { Architecture, AttentionPlace, Design, Family } from './architecture.js'
import { type AnotherHead, type HeadOptions, treeWithHead, withHead } from './another-head.js'
import { openCheckpoint, type StoredModel } from './stored-model.js'
import { type Decoder, decoderAttentions, type DecoderConfig, type DecoderDesign } from './decoder/index.js'
import type { Encoder, EncoderDesign } from './encoder/index.js'
import type { EncoderDecoder, EncoderDecoderDesign } from './encoder-decoder/index.js'
import type {
  Captioner,
  CaptionerDesign,
  Towers,
  TowersDesign,
  VisionDesign,
  VisionEncoder,
} from './vision/index.js'
import { type Adapter, baseOfAdapter, headOfAdapter, checkAdapter, loadAdapter } from './low-rank/index.js'
import { ownWeights } from './model-files.js'
import { quantizeDecoder } from './quantize.js'

/** A model with all that is needed to use it. `D` is what its functions take beside the weights. */
export interface Loaded<F extends Family, D, M> {
  readonly family: F
  /** Undefined for heed's own decoder. */
  readonly architecture: Architecture | undefined
  /** How it is built: given to the functions that run the model. */
  readonly config: D
  readonly model: M
  /** What is known of its changes of low rank, where it has them. */
  readonly adapter?: Adapter | undefined
  /** Its attentions, in the order in which they run. */
  readonly attentions: readonly AttentionPlace[]
  /** Read when it is first asked for. Throws FormatError where the checkpoint has none. */
  readonly tokenizer: Tokenizer
  /** What it was read from. */
  readonly stored: StoredModel
}

/** A decoder: what `decoderLogits` and generation run. */
export type LoadedDecoder = Loaded<'decoder', DecoderConfig | DecoderDesign, Decoder>

/** An encoder: what `encoderStates` and `encoderOutput` run. */
export type LoadedEncoder = Loaded<'encoder', EncoderDesign, Encoder>

/** An encoder-decoder: what `encodeSource`, `targetLogits` and generation run. */
export type LoadedEncoderDecoder = Loaded<'encoder-decoder', EncoderDecoderDesign, EncoderDecoder>

/** An encoder of pictures: what `imageStates`, `imageVector` and `imageLogits` run. */
export type LoadedVision = Loaded<'vision-encoder', VisionDesign, VisionEncoder>

/** Two towers, of texts and pictures: what `imageFeatures`, `textFeatures` and `pairLogits` run. */
export type LoadedTowers = Loaded<'dual-encoder', TowersDesign, Towers>

/** What writes about pictures: what `encodeImage`, `targetLogits` and generation run. */
export type LoadedCaptioner = Loaded<'captioner', CaptionerDesign, Captioner>

/** A model of any family that reads or writes texts alone. */
export type LoadedTextModel = LoadedDecoder | LoadedEncoder | LoadedEncoderDecoder

/** A model of any family. */
export type LoadedModel = LoadedTextModel | LoadedVision | LoadedTowers | LoadedCaptioner

/** What a model's matrices are in memory. */
export interface LoadOptions {
  /**
   * `f32`: the file's numbers, exactly. `stored`: as the file has them, where products take that (GGUF's
   * blocks, f16, bf16): as many bytes as in the file, and faster. `bf16`, `int8`, `int4`: rounded as
   * `quantize` does it, one after the other. Default `f32`.
   */
  readonly weights?: 'f32' | 'stored' | WeightFormat | undefined
  /**
   * Another head on an encoder: what the checkpoint lacks of it is made anew. `stored.config` then says the
   * class and the labels, and so does what `saveModel` writes.
   */
  readonly head?: HeadOptions | undefined
  /**
   * The folder of an adapter, whose changes of low rank the model gets: see `loadAdapter`. Where its folder
   * has the configuration of a model with a head, that is the head.
   */
  readonly adapter?: string | undefined
}

/** As `LoadOptions`, of weights that can be trained. */
export interface TrainableLoadOptions extends LoadOptions {
  readonly weights?: 'f32' | undefined
  readonly adapter?: undefined
}

/** A model whose matrices may be quantized, or have changes of low rank. */
export type Running<L extends LoadedModel = LoadedModel> = L extends LoadedModel
  ? Omit<L, 'model'> & { readonly model: Quantized<L['model']> }
  : never

/**
 * Reads a model from this machine's disk: a folder in the hub's layout, one that `saveModel` wrote, the
 * folder of an adapter that says where the model below it lies, or a file in GGUF or in llama2.c's legacy
 * layout.
 *
 * @throws FormatError where a file is missing or wrong, or they don't belong together; UsageError for options
 * that make no sense
 */
export async function loadModel(path: string, options?: TrainableLoadOptions): Promise<LoadedModel>
export async function loadModel(path: string, options: LoadOptions): Promise<Running>
export async function loadModel(path: string, options: LoadOptions = {}): Promise<Running> {
  return readModel(path, options)
}

/** What transformers.js' `dtype` is called here. */
const dtypes: Readonly<Record<string, NonNullable<LoadOptions['weights']>>> = {
  fp32: 'f32',
  fp16: 'stored',
  q8: 'int8',
  int8: 'int8',
  uint8: 'int8',
  q4: 'int4',
  bnb4: 'int4',
  q4f16: 'int4',
}

function refuseDtype(operation: string, options: object): void {
  if (typeof options !== 'object' || options === null || !('dtype' in options)) return
  const { dtype } = options
  const weights = (typeof dtype === 'string' && Object.hasOwn(dtypes, dtype) && dtypes[dtype]) || 'stored'
  throw new UsageError({
    operation,
    expected: 'the numbers of matrices as weights',
    found: `dtype ${inWords(dtype)}`,
    hint: `write { weights: '${weights}' }`,
  })
}

const weightNames: readonly unknown[] = ['f32', 'stored', ...weightFormats]

/** @throws UsageError for options of `loadModel` that make no sense */
export function checkLoadOptions(operation: string, options: LoadOptions): void {
  refuseDtype(operation, options)
  checkNames(operation, options, ['weights', 'head', 'adapter'])
  const { weights, adapter } = options
  const refuse = (expected: string, found: unknown): never => {
    throw new UsageError({ operation, expected, found: inWords(found), hint: 'correct the option' })
  }
  if (weights !== undefined && !weightNames.includes(weights))
    refuse(`weights, one of ${weightNames.join(', ')}`, weights)
  if (adapter !== undefined && typeof adapter !== 'string') refuse('adapter, the path of a folder', adapter)
}

/** `loadModel` at once, for `withDevice`: the process waits for the disk. Throws as it does. */
export function readModel(path: string, options?: TrainableLoadOptions): LoadedModel
export function readModel(path: string, options: LoadOptions): Running
export function readModel(path: string, options: LoadOptions = {}): Running {
  checkLoadOptions('loadModel', options)
  if (typeof path !== 'string')
    throw new UsageError({
      operation: 'loadModel',
      expected: 'the path of a folder or a file',
      found: inWords(path),
      hint: 'give it as a text',
    })
  const { weights = 'f32', adapter } = options
  if (adapter !== undefined) checkAdapter(adapter)
  const base = baseOfAdapter(path)
  if (base !== undefined) {
    if (adapter !== undefined) throw twoAdapters(path, base)
    return readModel(base, { ...options, adapter: path })
  }
  const opened = openCheckpoint(path)
  const head = options.head ?? (adapter === undefined ? undefined : headOfAdapter(adapter, opened))
  const stored = head === undefined ? opened : withHead(opened, head)
  const { architecture } = stored
  const { model, design } = scope(() =>
    architecture === undefined
      ? ownDecoder(stored, weights)
      : treeOf(stored, architecture, weights, head && { before: opened, stored, head }),
  )
  let tokenizer: Tokenizer | undefined
  const loaded = {
    family: architecture?.family ?? 'decoder',
    architecture,
    config: design,
    model,
    attentions: architecture?.attentions(design as Design) ?? decoderAttentions(design),
    stored,
    get tokenizer() {
      return (tokenizer ??= checkedTokenizer(stored))
    },
  } as Running
  return adapter === undefined ? loaded : (loadAdapter(loaded, adapter) as Running)
}

function twoAdapters(path: string, base: string): UsageError {
  return new UsageError({
    operation: 'loadModel',
    expected: 'a model without an adapter of its own, beside the option adapter',
    found: `the folder of an adapter, '${path}'`,
    hint: `name the model below it, '${base}'`,
  })
}

/**
 * A tokenizer whose ids the model knows. Special tokens may lie beyond: those of pictures, which a model of
 * text alone has no row for (Gemma 3).
 */
function checkedTokenizer(stored: StoredModel): Tokenizer {
  const tokenizer = stored.tokenizer()
  const { vocabulary } = stored.design
  const { size, definition } = tokenizer
  const special = definition.addedTokens.filter(({ id, special: is }) => is && id >= vocabulary)
  if (size - vocabulary <= new Set(special.map(({ id }) => id)).size) return tokenizer
  throw new FormatError({
    operation: 'loadModel',
    expected: `a tokenizer of at most ${vocabulary} tokens, the model's vocabulary`,
    found: String(size),
    hint: 'the files belong to different models',
    file: stored.path,
  })
}

/**
 * A decoder from this machine's disk.
 *
 * @throws FormatError as `loadModel` does; UsageError where the model is of another family
 */
export async function loadDecoder(path: string, options?: TrainableLoadOptions): Promise<LoadedDecoder>
export async function loadDecoder(path: string, options: LoadOptions): Promise<Running<LoadedDecoder>>
export async function loadDecoder(path: string, options: LoadOptions = {}): Promise<Running<LoadedDecoder>> {
  return ofFamily(readModel(path, options), 'decoder')
}

/**
 * An encoder from a folder of this machine.
 *
 * @throws FormatError as `loadModel` does; UsageError where the model is of another family
 */
export async function loadEncoder(path: string, options?: TrainableLoadOptions): Promise<LoadedEncoder>
export async function loadEncoder(path: string, options: LoadOptions): Promise<Running<LoadedEncoder>>
export async function loadEncoder(path: string, options: LoadOptions = {}): Promise<Running<LoadedEncoder>> {
  return ofFamily(readModel(path, options), 'encoder')
}

/**
 * An encoder-decoder from a folder of this machine.
 *
 * @throws FormatError as `loadModel` does; UsageError where the model is of another family
 */
export async function loadEncoderDecoder(
  path: string,
  options?: TrainableLoadOptions,
): Promise<LoadedEncoderDecoder>
export async function loadEncoderDecoder(
  path: string,
  options: LoadOptions,
): Promise<Running<LoadedEncoderDecoder>>
export async function loadEncoderDecoder(
  path: string,
  options: LoadOptions = {},
): Promise<Running<LoadedEncoderDecoder>> {
  return ofFamily(readModel(path, options), 'encoder-decoder')
}

/**
 * A loaded model as one of its family.
 *
 * @param task what it is for, where a task asks for it
 * @throws UsageError where it is of another
 */
export function ofFamily<L extends Running, F extends Family>(
  loaded: L,
  family: F,
  task?: string,
): Extract<L, { readonly family: F }> {
  if ((loaded.family as Family) === family) return loaded as Extract<L, { readonly family: F }>
  throw new UsageError({
    operation: task ?? 'loadModel',
    expected: `a model of the family '${family}'`,
    found: `'${loaded.architecture?.name ?? 'decoder'}', of the family '${loaded.family}'`,
    hint:
      task === undefined
        ? 'load it with loadModel, and run it by the functions of its family'
        : `take another model, or a task that ${loaded.family}s do`,
  })
}

type Weights = NonNullable<LoadOptions['weights']>

/** Weights, and the design that they have. */
interface Read {
  readonly model: unknown
  readonly design: StoredModel['design']
}

function ownDecoder({ path, design }: StoredModel, weights: Weights): Read {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'loadModel')
  const file = paths.join(path, 'model.safetensors')
  const model = ownWeights(file, design as DecoderConfig, file)
  const isExact = weights === 'f32' || weights === 'stored'
  return { model: isExact ? model : quantizeDecoder(model, weights, { freeing: true }), design }
}

function treeOf(
  stored: StoredModel,
  architecture: Architecture,
  weights: Weights,
  another: AnotherHead | undefined,
): Read {
  const said = stored.design as Design
  const options: LoadTreeOptions = {
    file: stored.path,
    ...(weights === 'stored' && { taken: asStored }),
    ...(weights !== 'f32' &&
      weights !== 'stored' && {
        changed(weight, binding) {
          const made = quantized(weight, binding, weights)
          weight.dispose()
          return made
        },
      }),
  }
  return stored.weights((files) => {
    if (another !== undefined) return treeWithHead(files, another, options)
    const design = architecture.fitted?.(said, hasLeaf(files, architecture.bindings(said))) ?? said
    const like = architecture.create(design, randomKey(0), { initializer: describing })
    return { model: loadTree(files, like, architecture.bindings(design), options), design }
  })
}
