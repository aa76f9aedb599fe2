/**
 * A model as a folder: `config.json` says how it is built, `model.safetensors` has its weights,
 * `tokenizer.json` its vocabulary.
 */
import { FormatError, makeFolder, nodeModule, randomKey, readJson, type Shape } from '../base/index.js'
import { isTensor, scope, type Tensor } from '../tensor/index.js'
import { loadTokenizer, saveTokenizer, type Tokenizer } from '../text/index.js'
import { createDecoder, type Decoder } from './decoder.js'
import { type DecoderConfig, parseDecoderConfig } from './decoder-config.js'
import { loadWeights, saveWeights, type WeightDtype } from '../checkpoint/index.js'
import { readSmallFile, withFileBytes, writeFileWhole } from '../formats/index.js'

/** A decoder with all that is needed to use it. */
export interface LanguageModel {
  readonly config: DecoderConfig
  readonly model: Decoder
  readonly tokenizer: Tokenizer
}

/** The names of a model's files. */
export const modelFileNames = ['config.json', 'model.safetensors', 'tokenizer.json'] as const
/** The files of a model's folder. */
export type ModelFileName = (typeof modelFileNames)[number]

/** In bytes: many times what any has. */
const largestConfig = 2 ** 20
const largestTokenizer = 2 ** 27

type ModelBytes = Readonly<Record<Exclude<ModelFileName, 'model.safetensors'>, Uint8Array>>

/** The bytes of a model's files, by name. */
export function modelFiles(
  { config, model, tokenizer }: LanguageModel,
  dtype: WeightDtype = 'f32',
): Readonly<Record<ModelFileName, Uint8Array>> {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content)
  return {
    'config.json': text(`${JSON.stringify(config, undefined, 2)}\n`),
    'model.safetensors': saveWeights(model, { dtype }),
    'tokenizer.json': text(saveTokenizer(tokenizer)),
  }
}

/**
 * A model from the bytes of its files.
 *
 * @param files bytes; of the weights the path will do, from where they are read straight to where they stay
 * @param folder where they come from, for errors
 * @throws FormatError where a file is not what it should be, or they don't belong together
 */
export function modelFromFiles(
  files: ModelBytes & { readonly 'model.safetensors': Uint8Array | string },
  folder?: string,
): LanguageModel {
  const path = (name: ModelFileName): string | undefined =>
    folder === undefined ? undefined : `${folder}/${name}`
  const config = configIn(files['config.json'], path('config.json'))
  const tokenizer = loadTokenizer(files['tokenizer.json'], path('tokenizer.json'))
  if (tokenizer.size > config.vocabulary) {
    throw new FormatError({
      operation: 'loadModel',
      expected: `a tokenizer of at most ${config.vocabulary} tokens, the model's vocabulary`,
      found: String(tokenizer.size),
      hint: 'the files belong to different models',
      file: path('tokenizer.json'),
    })
  }
  const weights = files['model.safetensors']
  checkLength(config, weights, path('model.safetensors'))
  const model = scope(() => {
    // The shapes alone: what the file doesn't have is never room in memory.
    const like = createDecoder(config, randomKey(0), {
      initializer: <A extends string>(_: unknown, shape: Shape<A>) =>
        new Described(shape) as unknown as Tensor<A>,
    })
    const isLeaf = (value: unknown): value is Described => value instanceof Described || isTensor(value)
    return loadWeights<Decoder, Described>(weights, like, { isLeaf, ...withFile(path('model.safetensors')) })
  })
  return { config, model, tokenizer }
}

/** A weight that is still to come. */
class Described {
  readonly shape: Shape

  constructor(shape: Shape) {
    this.shape = shape
  }
}

function configIn(bytes: Uint8Array, file: string | undefined): DecoderConfig {
  const hint = 'correct the file, or fetch it again'
  return parseDecoderConfig(
    readJson(bytes, { operation: 'loadModel', file, hint, length: largestConfig }),
    file,
  )
}

/**
 * A configuration of a few bytes must not claim memory that the weights don't have: each takes two bytes at
 * least.
 */
function checkLength(config: DecoderConfig, weights: Uint8Array | string, file: string | undefined): void {
  const { vocabulary, context, width, layers, hidden, position, tied } = config
  const parameters =
    vocabulary * width * (tied ? 1 : 2) +
    (position === 'learned' ? context * width : 0) +
    layers * width * (2 * width + 2 * hidden)
  if (parameters < 2 ** 24) return
  const length =
    typeof weights === 'string' ? withFileBytes(weights, (bytes) => bytes.length) : weights.length
  if (length >= 2 * parameters) return
  throw new FormatError({
    operation: 'loadModel',
    expected: `weights of at least ${2 * parameters} bytes, as the configuration says`,
    found: String(length),
    hint: 'the files belong to different models',
    file,
  })
}

function withFile(file: string | undefined): { file?: string } {
  return file === undefined ? {} : { file }
}

/**
 * Writes a model into a folder of this machine, which is made where it is not there; each file whole.
 *
 * @param dtype what weights are stored as; f16 and bf16 take half the bytes
 * @throws HeedError where the disk refuses
 */
export async function saveModel(
  folder: string,
  model: LanguageModel,
  dtype: WeightDtype = 'f32',
): Promise<void> {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'saveModel')
  try {
    makeFolder(folder)
  } catch {
    // Where it cannot be made, writing says so.
  }
  for (const [name, bytes] of Object.entries(modelFiles(model, dtype)))
    await writeFileWhole(paths.join(folder, name), bytes)
}

/**
 * Reads a model from a folder of this machine: `config.json`, `model.safetensors`, `tokenizer.json`.
 *
 * @throws FormatError where a file is missing, or as `modelFromFiles` does
 */
export async function loadModel(folder: string): Promise<LanguageModel> {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'loadModel')
  const found = <T>(name: ModelFileName, look: (path: string) => T): T => {
    try {
      return look(paths.join(folder, name))
    } catch (cause) {
      if (!(cause instanceof FormatError)) throw cause
      throw new FormatError({
        operation: 'loadModel',
        expected: `a folder with ${modelFileNames.join(', ')}`,
        found: cause.found,
        hint: 'name the folder of a model',
        file: paths.join(folder, name),
        cause,
      })
    }
  }
  const config = found('config.json', (path) => readSmallFile(path, largestConfig))
  // What is no configuration of heed's says so, whatever else the folder has.
  configIn(config, paths.join(folder, 'config.json'))
  const weights = found('model.safetensors', (path) => withFileBytes(path, () => path))
  const tokenizer = found('tokenizer.json', (path) => readSmallFile(path, largestTokenizer))
  return modelFromFiles(
    { 'config.json': config, 'model.safetensors': weights, 'tokenizer.json': tokenizer },
    folder,
  )
}
