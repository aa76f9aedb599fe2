/**
 * A model as a folder: `config.json` says how it is built, `model.safetensors` has its weights,
 * `tokenizer.json` its vocabulary.
 */
import { FormatError, randomKey, readJson } from '../base/index.js'
import { scope } from '../tensor/index.js'
import { loadTokenizer, saveTokenizer, type Tokenizer } from '../text/index.js'
import {
  describing,
  isWanted,
  loadWeights,
  saveWeights,
  type WantedLeaf,
  type WeightDtype,
} from '../checkpoint/index.js'
import {
  createDecoder,
  type Decoder,
  type DecoderConfig,
  type DecoderDesign,
  parseDecoderConfig,
} from './decoder/index.js'

/** A decoder with all that is needed to use it. */
export interface LanguageModel<C extends DecoderConfig | DecoderDesign = DecoderConfig> {
  readonly config: C
  readonly model: Decoder
  readonly tokenizer: Tokenizer
}

/** The names of a model's files. */
export const modelFileNames = ['config.json', 'model.safetensors', 'tokenizer.json'] as const
/** The files of a model's folder. */
export type ModelFileName = (typeof modelFileNames)[number]

/** In bytes: many times what any has. */
const largestConfig = 2 ** 20

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
  const weights = ownWeights(files['model.safetensors'], config, path('model.safetensors'))
  return { config, model: weights, tokenizer }
}

/**
 * The weights of heed's own decoder, from the bytes of a file or its path.
 *
 * @throws FormatError where they aren't those of this configuration
 */
export function ownWeights(
  weights: Uint8Array | string,
  config: DecoderConfig,
  file: string | undefined,
): Decoder {
  // The shapes alone: what the file doesn't have is never room in memory.
  const like = createDecoder(config, randomKey(0), { initializer: describing })
  return scope(() =>
    loadWeights<Decoder, WantedLeaf>(weights, like, {
      isLeaf: isWanted,
      ...(file === undefined ? {} : { file }),
    }),
  )
}

function configIn(bytes: Uint8Array, file: string | undefined): DecoderConfig {
  const hint = 'correct the file, or fetch it again'
  return parseDecoderConfig(
    readJson(bytes, { operation: 'loadModel', file, hint, length: largestConfig }),
    file,
  )
}
