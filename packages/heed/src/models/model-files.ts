/**
 * A model as a folder: `config.json` says how it is built, `model.safetensors` has its weights, `tokenizer.json` its vocabulary.
 */
import { FormatError, nodeModule, randomKey, type Shape } from '../base/index.js'
import { empty, scope, type Tensor } from '../tensor/index.js'
import { loadTokenizer, saveTokenizer, type Tokenizer } from '../text/index.js'
import { createDecoder, type Decoder } from './decoder.js'
import { type DecoderConfig, parseDecoderConfig } from './decoder-config.js'
import { writeFileWhole } from './files.js'
import { loadWeights, saveWeights, type WeightDtype } from './weights.js'

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
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const text = (name: keyof ModelBytes): string => {
    try {
      return decoder.decode(files[name])
    } catch (cause) {
      throw new FormatError({
        operation: 'loadModel',
        expected: 'text in UTF-8',
        found: 'other bytes',
        hint: 'the file is damaged; fetch it again',
        file: path(name),
        cause,
      })
    }
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text('config.json'))
  } catch (cause) {
    if (cause instanceof FormatError) throw cause
    throw new FormatError({
      operation: 'loadModel',
      expected: 'JSON',
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'correct the file',
      file: path('config.json'),
      cause,
    })
  }
  const config = parseDecoderConfig(parsed, path('config.json'))
  const tokenizer = loadTokenizer(text('tokenizer.json'))
  if (tokenizer.size > config.vocabulary) {
    throw new FormatError({
      operation: 'loadModel',
      expected: `a tokenizer of at most ${config.vocabulary} tokens, the model's vocabulary`,
      found: String(tokenizer.size),
      hint: 'the files belong to different models',
      file: path('tokenizer.json'),
    })
  }
  const model = scope(() => {
    const like = createDecoder(config, randomKey(0), {
      initializer: <A extends string>(_: unknown, shape: Shape<A>): Tensor<A> => empty(shape),
    })
    return loadWeights(files['model.safetensors'], like, withFile(path('model.safetensors')))
  })
  return { config, model, tokenizer }
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
  const { mkdir } = nodeModule<typeof import('node:fs/promises')>('node:fs/promises', 'saveModel')
  const paths = nodeModule<typeof import('node:path')>('node:path', 'saveModel')
  // Where it cannot be made, writing says so.
  await mkdir(folder, { recursive: true }).catch(() => {})
  for (const [name, bytes] of Object.entries(modelFiles(model, dtype)))
    await writeFileWhole(paths.join(folder, name), bytes)
}

/**
 * The model in a folder of this machine.
 *
 * @throws FormatError where a file is missing, or as `modelFromFiles` does
 */
export async function loadModel(folder: string): Promise<LanguageModel> {
  const { access, readFile } = nodeModule<typeof import('node:fs/promises')>('node:fs/promises', 'loadModel')
  const paths = nodeModule<typeof import('node:path')>('node:path', 'loadModel')
  const found = async <T>(name: ModelFileName, look: (path: string) => Promise<T>): Promise<T> => {
    try {
      return await look(paths.join(folder, name))
    } catch (cause) {
      throw new FormatError({
        operation: 'loadModel',
        expected: `a folder with ${modelFileNames.join(', ')}`,
        found: cause instanceof Error ? cause.message : String(cause),
        hint: 'name the folder of a model',
        file: paths.join(folder, name),
        cause,
      })
    }
  }
  const [config, weights, tokenizer] = await Promise.all([
    found('config.json', (path) => readFile(path)),
    found('model.safetensors', async (path) => (await access(path), path)),
    found('tokenizer.json', (path) => readFile(path)),
  ])
  return modelFromFiles(
    { 'config.json': config, 'model.safetensors': weights, 'tokenizer.json': tokenizer },
    folder,
  )
}
