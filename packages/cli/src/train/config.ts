import { dirname, resolve } from 'node:path'
import { decoderConfig, FormatError, parseDecoderConfig, type DecoderConfig } from 'heed'
import { readJson } from 'heed/internals'
import { ConfigError, Section } from './section.js'

/** What `heed train` reads from its JSON file, complete and checked. Paths are absolute. */
export interface TrainConfig {
  /** The configuration's own path. */
  readonly file: string
  /** The decoder's configuration; its vocabulary is the tokenizer's. */
  readonly model: Readonly<Record<string, unknown>>
  /** The path of a tokenizer.json, or the size of the vocabulary to train on the training data. */
  readonly tokenizer: string | { readonly train: number }
  readonly data: { readonly train: readonly string[]; readonly validation: readonly string[] }
  readonly training: TrainingConfig
  readonly watch: WatchConfig
  /** What the finished model's weights are stored as. */
  readonly weights: 'f32' | 'f16' | 'bf16'
  readonly output: string
}

export interface TrainingConfig {
  /** Updates of the weights. */
  readonly steps: number
  /** Windows in a batch. */
  readonly batch: number
  /** Tokens in a window. */
  readonly context: number
  /** Batches in a step. */
  readonly accumulation: number
  /** The highest learning rate. */
  readonly rate: number
  readonly minimumRate: number
  /** Steps in which the rate rises. */
  readonly warmUp: number
  readonly schedule: 'cosine' | 'linear' | 'constant'
  readonly decay: number
  readonly betas: readonly [number, number]
  readonly epsilon: number
  /** The largest norm of the gradient; 0: no limit. */
  readonly clip: number
  readonly dropout: number
  /** Whether a token attends within its own document alone. */
  readonly separateDocuments: boolean
  /** Whether blocks are computed again for the gradient: less memory, more time. */
  readonly rematerialize: boolean
  /** Steps between evaluations. */
  readonly evaluateEvery: number
  /** Batches in an evaluation, at most. */
  readonly evaluationBatches: number
  /** Steps between checkpoints. */
  readonly checkpointEvery: number
  readonly seed: number
}

export interface WatchConfig {
  /** The sentence whose filters `--watch` keeps. */
  readonly sentence: string
  /** Steps between snapshots. */
  readonly every: number
}

/** A sentence in which words come back, so that heads that look for them can be told. */
export const watchedSentence = 'The cat sat on the mat. The cat sat on the chair, and the cat'

const fields = {
  top: ['model', 'tokenizer', 'data', 'training', 'watch', 'weights', 'output'],
  data: ['train', 'validation'],
  training: [
    'steps',
    'batch',
    'context',
    'accumulation',
    'rate',
    'minimumRate',
    'warmUp',
    'schedule',
    'decay',
    'betas',
    'epsilon',
    'clip',
    'dropout',
    'separateDocuments',
    'rematerialize',
    'evaluateEvery',
    'evaluationBatches',
    'checkpointEvery',
    'seed',
  ],
  watch: ['sentence', 'every'],
} as const

/** Snapshots that a run takes unless told otherwise. */
const snapshots = 40

/**
 * Reads a training configuration.
 *
 * @param text the JSON
 * @param file its path, for errors and for the paths in it, which are relative to its folder
 * @throws {ConfigError} naming the field, what was expected and what was found
 */
export function parseTrainConfig(text: string, file: string): TrainConfig {
  return decoderTraining(parsedConfig(text, file), file)
}

/**
 * The configuration of a decoder's training from its JSON. @throws {ConfigError} as `parseTrainConfig` does
 */
export function decoderTraining(json: unknown, file: string): TrainConfig {
  const top = new Section(json, { file, path: '' }, fields.top, { training: fields.training })
  const data = top.section('data', fields.data)
  const at = (path: string): string => resolve(dirname(file), path)
  const train = data.texts('train')
  if (train.length === 0) throw data.error('train', 'at least one file', 'none')
  const model = modelOf(top, file)
  const training = trainingOf(top.section('training', fields.training), model)
  return {
    file: resolve(file),
    model,
    tokenizer: tokenizerOf(top, at, file),
    data: { train: train.map(at), validation: data.texts('validation', []).map(at) },
    training,
    watch: watchOf(top, training.steps),
    weights: top.choice('weights', ['f32', 'f16', 'bf16'], 'f32'),
    output: at(top.text('output')),
  }
}

/** The JSON of a configuration. @throws {ConfigError} where it is none */
export function parsedConfig(text: string, file: string): unknown {
  return readJson(text, {
    operation: file,
    error: ({ path, expected, found, hint, cause }) =>
      new ConfigError({ expected: 'JSON', found: `${found} (${expected})`, hint, file, field: path, cause }),
  }).plain()
}

/** Checked with a vocabulary of any size: the tokenizer is not known yet. */
function modelOf(top: Section, file: string): Readonly<Record<string, unknown>> {
  const example = decoderConfig({ vocabulary: 1, context: 1, width: 2, layers: 1, heads: 1 })
  const known = Object.keys(example)
  // Refuses unknown fields with the nearest name.
  top.section('model', known)
  const given = top.raw('model') as Readonly<Record<string, unknown>>
  completeModel(given, 1, file)
  return given
}

/**
 * The decoder's configuration, with the tokenizer's vocabulary where it has none.
 *
 * @throws {ConfigError} where it makes no sense
 */
export function completeModel(
  given: Readonly<Record<string, unknown>>,
  vocabulary: number,
  file: string,
): DecoderConfig {
  try {
    const config = parseDecoderConfig({ vocabulary, ...given })
    if (config.vocabulary >= vocabulary) return config
    throw new ConfigError({
      expected: `model.vocabulary to be at least ${vocabulary}, the tokenizer's`,
      found: String(config.vocabulary),
      hint: "leave it out to take the tokenizer's",
      file,
      field: 'model.vocabulary',
    })
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const { expected, found, hint, cause } = error
    throw new ConfigError({ expected: `model to have ${expected}`, found, hint, file, field: 'model', cause })
  }
}

function tokenizerOf(top: Section, at: (path: string) => string, file: string): TrainConfig['tokenizer'] {
  const value = top.raw('tokenizer')
  if (typeof value === 'string') return at(top.text('tokenizer'))
  if (typeof value === 'object' && value !== null) {
    const section = top.section('tokenizer', ['train'])
    return { train: section.integer('train', { least: 257, most: 2 ** 20 }) }
  }
  throw new ConfigError({
    expected: 'tokenizer to be the path of a tokenizer.json, or { "train": a vocabulary size }',
    found: value === undefined ? 'nothing' : JSON.stringify(value),
    hint: 'for a small corpus take { "train": 4096 }',
    file,
    field: 'tokenizer',
  })
}

function trainingOf(section: Section, model: Readonly<Record<string, unknown>>): TrainingConfig {
  const steps = section.integer('steps', { least: 1, most: 1e9 })
  const rate = section.number('rate', { above: 0, most: 10 }, 1e-3)
  const context = section.integer('context', { least: 1, most: 2 ** 24 }, model.context as number)
  if (context > (model.context as number)) {
    throw section.error('context', `at most the model's ${String(model.context)}`, String(context))
  }
  return {
    steps,
    batch: section.integer('batch', { least: 1, most: 2 ** 16 }, 8),
    context,
    accumulation: section.integer('accumulation', { least: 1, most: 2 ** 16 }, 1),
    rate,
    minimumRate: section.number('minimumRate', { least: 0, most: rate }, rate / 10),
    warmUp: section.integer('warmUp', { least: 0, most: steps }, Math.min(100, Math.floor(steps / 10))),
    schedule: section.choice('schedule', ['cosine', 'linear', 'constant'], 'cosine'),
    decay: section.number('decay', { least: 0, most: 10 }, 0.1),
    betas: section.pair('betas', { least: 0, below: 1 }, [0.9, 0.95]),
    epsilon: section.number('epsilon', { above: 0, most: 1 }, 1e-8),
    clip: section.number('clip', { least: 0 }, 1),
    dropout: section.number('dropout', { least: 0, below: 1 }, 0),
    separateDocuments: section.flag('separateDocuments', false),
    rematerialize: section.flag('rematerialize', false),
    evaluateEvery: section.integer('evaluateEvery', { least: 1 }, Math.max(1, Math.ceil(steps / 20))),
    evaluationBatches: section.integer('evaluationBatches', { least: 1 }, 32),
    checkpointEvery: section.integer('checkpointEvery', { least: 1 }, Math.max(1, Math.ceil(steps / 10))),
    seed: section.integer('seed', { least: 0, most: 2 ** 53 - 1 }, 0),
  }
}

function watchOf(top: Section, steps: number): WatchConfig {
  const every = Math.max(1, Math.round(steps / snapshots))
  if (!top.has('watch')) return { sentence: watchedSentence, every }
  const section = top.section('watch', fields.watch)
  return {
    sentence: section.text('sentence', watchedSentence),
    every: section.integer('every', { least: 1 }, every),
  }
}
