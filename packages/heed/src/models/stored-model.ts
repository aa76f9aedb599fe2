/**
 * A checkpoint on this machine's disk before its weights are read: a folder in the hub's layout, one that
 * heed wrote, or a file that has everything in it (GGUF, llama2.c).
 */
import { FormatError, type JsonValue, nodeModule, readJson } from '../base/index.js'
import {
  CheckpointConfig,
  type CheckpointFormat,
  ggufPooling,
  type GgufPooling,
  hubConfig,
} from '../checkpoint/index.js'
import { openWeights, readSmallFile, type Weights, weightsFile, withFileBytes } from '../formats/index.js'
import { loadGgufTokenizer, loadLlama2cTokenizer, loadTokenizerFiles, type Tokenizer } from '../text/index.js'
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
  /**
   * Undefined where it is heed's own decoder. This and `design` are read when they are first asked for.
   *
   * @throws FormatError where the configuration describes nothing that heed runs
   */
  readonly architecture: Architecture | undefined
  readonly design: Design | DecoderConfig
  /** `config.json`, or what a file says that stands for it. */
  readonly config: JsonValue
  /** How a GGUF file of a sentence encoder says that states become one vector. */
  readonly pooling?: GgufPooling | undefined
  /** Whether it has another head than its files: what they say of a sentence encoder isn't so then. */
  readonly anotherHead?: boolean | undefined
  /** Whether it has another tokenizer than its files: what they say of tokens isn't so then. */
  readonly anotherTokenizer?: boolean | undefined
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
 * @throws FormatError where there is none
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
  return described(json('config.json')!, at('config.json'), {
    path: folder,
    format: 'safetensors',
    json,
    file,
    hasTokenizer: ofTokenizer.length > 0,
    tokenizer: () => {
      if (ofTokenizer.length === 0)
        throw new FormatError({
          operation,
          expected: `a tokenizer beside the model in '${folder}'`,
          found: 'none',
          hint: `add its ${tokenizerNames[0]}, or another of ${tokenizerNames.slice(1).join(', ')}`,
          file: folder,
        })
      return loadTokenizerFiles(
        Object.fromEntries(
          names
            .filter((name) => ofTokenizer.includes(name) || besideTokenizer.includes(name))
            .map((name) => [name, readSmallFile(at(name), largestTokenizer)]),
        ),
      )
    },
    weights: (use) => openWeights(folder, use),
  })
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
    const text =
      weights.format === 'gguf'
        ? JSON.stringify(hubConfig(weights.metadata, weights.tensors))
        : weights.config
    const config = jsonIn(new TextEncoder().encode(text), path)
    const vocabulary =
      weights.format === 'llama2.c'
        ? besideLlama2c(path, config)
        : weights.metadata.has('tokenizer.ggml.model')
          ? path
          : undefined
    return described(config, path, {
      path,
      format: weights.format,
      ...(weights.format === 'gguf' && { pooling: ggufPooling(weights.metadata) }),
      json: () => undefined,
      file: () => undefined,
      hasTokenizer: vocabulary !== undefined,
      tokenizer: () => (weights.format === 'gguf' ? tokenizerIn(path) : llama2cTokenizer(path, vocabulary)),
      weights: (use) => openWeights(path, use),
    })
  })
}

/** The vocabulary of a file of llama2.c: `tok512.bin` or `tokenizer.bin` in the same folder. */
function besideLlama2c(path: string, config: JsonValue): string | undefined {
  const fs = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  return [`tok${config.member('vocab_size').count()}.bin`, 'tokenizer.bin']
    .map((name) => paths.join(paths.dirname(path), name))
    .find((file) => fs.existsSync(file))
}

function llama2cTokenizer(path: string, vocabulary: string | undefined): Tokenizer {
  if (vocabulary !== undefined)
    return loadLlama2cTokenizer(readSmallFile(vocabulary, largestTokenizer), vocabulary)
  throw new FormatError({
    operation,
    expected: `tokenizer.bin beside '${path}'`,
    found: 'none',
    hint: "copy llama2.c's tokenizer.bin there",
    file: path,
  })
}

function tokenizerIn(path: string): Tokenizer {
  return withFileBytes(path, (bytes) => loadGgufTokenizer(bytes, path))
}

function jsonIn(bytes: Uint8Array, file: string): JsonValue {
  const hint = 'correct the file, or fetch it again'
  return readJson(bytes, { operation, file, hint, length: largestConfig })
}

/** With what the configuration is of: an architecture of the registry, or heed's own decoder. */
function described(
  config: JsonValue,
  file: string,
  stored: Omit<StoredModel, 'architecture' | 'design' | 'config'>,
): StoredModel {
  let found: Pick<StoredModel, 'architecture' | 'design'> | undefined
  const look = (): Pick<StoredModel, 'architecture' | 'design'> => {
    if (found !== undefined) return found
    if (config.member('model_type').isNull)
      return (found = { architecture: undefined, design: parseDecoderConfig(config, file) })
    const fields = new CheckpointConfig(config, stored.format)
    const architecture = architectureOf(fields)
    const design = architecture.design(fields)
    fields.end()
    return (found = { architecture, design })
  }
  return {
    ...stored,
    config,
    get architecture() {
      return look().architecture
    },
    get design() {
      return look().design
    },
  }
}
