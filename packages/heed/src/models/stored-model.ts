/**
 * A checkpoint on this machine's disk before its weights are read: a folder in the hub's layout, one that
 * heed wrote, or a file that has everything in it (GGUF, llama2.c).
 */
import { FormatError, type JsonValue, nodeModule, readJson } from '../base/index.js'
import { CheckpointConfig, type CheckpointFormat } from '../checkpoint/index.js'
import { openWeights, readSmallFile, type Weights, weightsFile, withFileBytes } from '../formats/index.js'
import { loadGgufTokenizer, loadTokenizerFiles, type Tokenizer } from '../text/index.js'
import type { Architecture, Design } from './architecture.js'
import { type DecoderConfig, parseDecoderConfig } from './decoder/index.js'
import { architectureOf } from './registry.js'

const operation = 'loadModel'
/** In bytes: many times what any has. */
const largestConfig = 2 ** 22
const largestTokenizer = 2 ** 28

/** What stands at a path, as far as it is known without reading weights. */
export interface StoredModel {
  /** A folder, or the file that has everything. */
  readonly path: string
  readonly format: CheckpointFormat
  /** Undefined where it is heed's own decoder. */
  readonly architecture: Architecture | undefined
  readonly design: Design | DecoderConfig
  /** `config.json`, or what a file says that stands for it. */
  readonly config: JsonValue
  /** Whether there are files of a tokenizer. */
  readonly hasTokenizer: boolean
  /** Reads the tokenizer. Throws FormatError where there is none. */
  tokenizer(): Tokenizer
  /** Another small file of the folder as JSON: `generation_config.json`. Undefined where it isn't there. */
  json(name: string): JsonValue | undefined
  /** The bytes of another small file of the folder. Undefined where it isn't there. */
  file(name: string): Uint8Array | undefined
  /** Runs `use` with the tensors of the weights, which are read when they are asked for. */
  weights<T>(use: (files: Weights) => T): T
}

const tokenizerNames: readonly string[] = [
  'tokenizer.json',
  'tokenizer.model',
  'spiece.model',
  'sentencepiece.bpe.model',
  'spm.model',
  'vocab.json',
  'merges.txt',
  'vocab.txt',
  'tekken.json',
]
/** What changes a tokenizer that another file describes. */
const besideTokenizer: readonly string[] = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
]

/**
 * Opens a checkpoint: reads its configuration and no weights.
 *
 * @param path a folder with config.json, or a file in GGUF or in llama2.c's legacy layout
 * @throws FormatError where there is none, or it describes nothing that heed runs
 */
export function openCheckpoint(path: string): StoredModel {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const status = fs.statSync(path, { throwIfNoEntry: false })
  if (status?.isDirectory() === true) {
    if (fs.existsSync(paths.join(path, 'config.json'))) return storedFolder(path)
    const file = weightsFile(path)
    if (file.endsWith('.gguf')) return storedFile(file)
  } else if (status !== undefined) {
    // Weights that lie in a folder are read with what lies beside them.
    const beside = /\.safetensors$|\.index\.json$|config\.json$/.test(path)
    return beside ? openCheckpoint(paths.dirname(path)) : storedFile(path)
  }
  throw new FormatError({
    operation,
    expected: `a folder with config.json, weights and a tokenizer`,
    found: status === undefined ? `nothing at '${path}'` : `'${path}' without config.json`,
    hint: 'name the folder of a model, or a GGUF file',
    file: path,
  })
}

function storedFolder(folder: string): StoredModel {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const at = (name: string): string => paths.join(folder, name)
  const file = (name: string, most = largestConfig): Uint8Array | undefined =>
    fs.existsSync(at(name)) ? readSmallFile(at(name), most) : undefined
  const json = (name: string): JsonValue | undefined => {
    const bytes = file(name)
    return bytes && jsonIn(bytes, at(name))
  }
  const names = fs.readdirSync(folder)
  const ofTokenizer = names.filter((name) => tokenizerNames.includes(name) || name.endsWith('.tiktoken'))
  const config = json('config.json')!
  return {
    path: folder,
    format: 'safetensors',
    config,
    ...described(config, 'safetensors', at('config.json')),
    json,
    file,
    hasTokenizer: ofTokenizer.length > 0,
    tokenizer: () =>
      loadTokenizerFiles(
        Object.fromEntries(
          names
            .filter((name) => ofTokenizer.includes(name) || besideTokenizer.includes(name))
            .map((name) => [name, readSmallFile(at(name), largestTokenizer)]),
        ),
      ),
    weights: (use) => openWeights(folder, use),
  }
}

/** A file that says itself what it is. */
function storedFile(path: string): StoredModel {
  return openWeights(path, (weights) => {
    if (weights.format === 'safetensors')
      throw new FormatError({
        operation,
        expected: 'a folder with config.json beside the weights',
        found: `'${path}'`,
        hint: 'name the folder',
        file: path,
      })
    const text = weights.format === 'gguf' ? notYet(path) : weights.config
    const config = jsonIn(new TextEncoder().encode(text), path)
    return {
      path,
      format: weights.format,
      config,
      ...described(config, weights.format, path),
      json: () => undefined,
      file: () => undefined,
      hasTokenizer: weights.format === 'gguf',
      tokenizer: () => tokenizerIn(path),
      weights: (use) => openWeights(path, use),
    }
  })
}

function notYet(file: string): never {
  throw new FormatError({
    operation,
    expected: 'safetensors',
    found: 'GGUF',
    hint: 'GGUF is not read yet',
    file,
  })
}

function tokenizerIn(path: string): Tokenizer {
  return withFileBytes(path, (bytes) => loadGgufTokenizer(bytes, path))
}

function jsonIn(bytes: Uint8Array, file: string): JsonValue {
  const hint = 'correct the file, or fetch it again'
  return readJson(bytes, { operation, file, hint, length: largestConfig })
}

/** What a configuration is of: an architecture of the registry, or heed's own decoder. */
function described(
  json: JsonValue,
  format: CheckpointFormat,
  file: string,
): Pick<StoredModel, 'architecture' | 'design'> {
  if (json.member('model_type').isNull)
    return { architecture: undefined, design: parseDecoderConfig(json, file) }
  const config = new CheckpointConfig(json, format)
  const architecture = architectureOf(config)
  const design = architecture.design(config)
  config.end()
  return { architecture, design }
}
