/**
 * A checkpoint on this machine's disk before its weights are read: a folder in the hub's layout, one that
 * heed wrote, or a GGUF file.
 */
import { FormatError, type JsonValue, nodeModule, readJson } from '../base/index.js'
import { CheckpointConfig } from '../checkpoint/index.js'
import { type FileTensors, readSmallFile, withSafetensors } from '../formats/index.js'
import { loadTokenizerFiles, type Tokenizer } from '../text/index.js'
import type { Architecture, Design } from './architecture.js'
import { type DecoderConfig, parseDecoderConfig } from './decoder/index.js'
import { architectureOf } from './registry.js'

/** In bytes: many times what any has. */
const largestConfig = 2 ** 22
const largestTokenizer = 2 ** 28

/** What stands at a path, as far as it is known without reading weights. */
export interface StoredModel {
  readonly path: string
  /** Undefined where it is heed's own decoder. */
  readonly architecture: Architecture | undefined
  readonly design: Design | DecoderConfig
  /** `config.json`. */
  readonly config: JsonValue
  /** Whether there are files of a tokenizer. */
  readonly hasTokenizer: boolean
  /** Reads the tokenizer. Throws FormatError where there is none. */
  tokenizer(): Tokenizer
  /** Another small file of the folder as JSON: `generation_config.json`. Undefined where it isn't there. */
  json(name: string): JsonValue | undefined
  /** Runs `use` with the tensors of the weights, which are read when they are asked for. */
  weights<T>(use: (files: FileTensors) => T): T
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
 * @param path a folder with config.json
 * @throws FormatError where there is none, or it describes nothing that heed runs
 */
export function openCheckpoint(path: string): StoredModel {
  const { existsSync, readdirSync } = nodeModule<typeof import('node:fs')>('node:fs', 'openCheckpoint')
  const paths = nodeModule<typeof import('node:path')>('node:path', 'openCheckpoint')
  const join = (...parts: readonly string[]): string => paths.join(...parts)
  const configPath = join(path, 'config.json')
  const json = (name: string): JsonValue | undefined => {
    const file = join(path, name)
    if (!existsSync(file)) return undefined
    return readJson(readSmallFile(file, largestConfig), {
      operation: 'loadModel',
      file,
      hint: 'correct the file, or fetch it again',
      length: largestConfig,
    })
  }
  const config = json('config.json')
  if (config === undefined)
    throw new FormatError({
      operation: 'loadModel',
      expected: `a folder with config.json, weights and a tokenizer`,
      found: existsSync(path) ? `'${path}' without config.json` : `nothing at '${path}'`,
      hint: 'name the folder of a model',
      file: configPath,
    })
  const names = readdirSync(path)
  const tokenizerFiles = names.filter((name) => tokenizerNames.includes(name) || name.endsWith('.tiktoken'))
  return {
    path,
    config,
    ...described(config, configPath),
    json,
    hasTokenizer: tokenizerFiles.length > 0,
    tokenizer: () =>
      loadTokenizerFiles(
        Object.fromEntries(
          names
            .filter((name) => tokenizerFiles.includes(name) || besideTokenizer.includes(name))
            .map((name) => [name, readSmallFile(join(path, name), largestTokenizer)]),
        ),
      ),
    weights: (use) =>
      withSafetensors(join(path, 'model.safetensors'), ({ tensors }) =>
        use({ format: 'safetensors', tensors }),
      ),
  }
}

/** What a configuration is of: an architecture of the registry, or heed's own decoder. */
function described(json: JsonValue, file: string): Pick<StoredModel, 'architecture' | 'design'> {
  if (json.member('model_type').isNull)
    return { architecture: undefined, design: parseDecoderConfig(json, file) }
  const config = new CheckpointConfig(json)
  const architecture = architectureOf(config)
  const design = architecture.design(config)
  config.end()
  return { architecture, design }
}
