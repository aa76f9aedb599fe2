import type { DataSource } from 'heed'

/** What is compared: the sizes of the models, the tasks, and how long each model is trained on each. */

export type ModelSizes =
  | {
      readonly kind: 'recurrent'
      /** Width of an embedding. */
      readonly width: number
      /** Units of the encoder's LSTM, and of the decoder's. */
      readonly units: number
      /** Width in which states and memory are matched; without it the decoder has one fixed vector. */
      readonly alignment?: number
    }
  | {
      readonly kind: 'transformer'
      readonly width: number
      readonly heads: number
      /** Width within a feed-forward layer. */
      readonly hidden: number
      /** Of the encoder, and of the decoder. */
      readonly layers: number
    }

/** The names of the three, in the order of their years. */
export const modelNames: readonly ['fixed vector', 'attention', 'transformer'] = [
  'fixed vector',
  'attention',
  'transformer',
]
export type ModelName = (typeof modelNames)[number]

/** How a model is trained. What is not in `models` is the same for all. */
export interface Training {
  readonly steps: number
  /** Steps in which the rate rises. */
  readonly warmUp: number
  /** The sizes of each model, and its highest rate. */
  readonly models: Readonly<Record<ModelName, { readonly sizes: ModelSizes; readonly rate: number }>>
}

/** A task on symbols that are drawn at random. */
export interface SymbolTask extends Training {
  /** Different symbols. */
  readonly symbols: number
  /** Lengths of 1 to so many symbols are trained on; so are questions for so many places. */
  readonly longest: number
  /** Sequences in a step, all of one length. */
  readonly batch: number
  /** The lengths at which it is measured, on so many sequences each. */
  readonly lengths: readonly number[]
  readonly examples: number
}

export const seeds: readonly number[] = [0, 1, 2]

const small: Training['models'] = {
  'fixed vector': { sizes: { kind: 'recurrent', width: 32, units: 96 }, rate: 0.003 },
  attention: { sizes: { kind: 'recurrent', width: 32, units: 74, alignment: 74 }, rate: 0.003 },
  transformer: { sizes: { kind: 'transformer', width: 48, heads: 4, hidden: 112, layers: 2 }, rate: 0.003 },
}
const common: Omit<SymbolTask, 'steps'> = {
  models: small,
  symbols: 16,
  longest: 24,
  batch: 64,
  warmUp: 100,
  lengths: [4, 8, 12, 16, 20, 24, 32, 48, 64],
  examples: 512,
}

export const symbolTaskNames: readonly ['recall', 'recall-longer', 'copy'] = [
  'recall',
  'recall-longer',
  'copy',
]
export type SymbolTaskName = (typeof symbolTaskNames)[number]

/** The tasks on symbols, by name. */
export const symbolTasks: Readonly<Record<SymbolTaskName, SymbolTask>> = {
  recall: { ...common, steps: 3000 },
  /** Whether more training helps. */
  'recall-longer': { ...common, steps: 9000 },
  copy: { ...common, steps: 1500 },
}

/** Sentences to be translated. */
export interface TranslationTask extends Training {
  /** Records with `source` and `target`; paths as seen from recipes/. */
  readonly train: DataSource
  readonly test: DataSource
  /** Tokens of the vocabulary, which source and target share. */
  readonly vocabulary: number
  /** Longer sources and targets, in tokens, are not trained on; so many are written at most. */
  readonly maximum: number
  /** Tokens of a batch at most. */
  readonly batchTokens: number
  /** Sentences are measured apart by the words of their source, up to each of these. */
  readonly buckets: readonly number[]
}

const segments = (take: readonly number[]): DataSource => ({
  path: 'debian/.cache/segments-it.jsonl',
  part: { by: 'group', of: 20, take },
})

/** English to Italian, on the data and the split of recipes/translation. */
export const translationTask: TranslationTask = {
  train: segments(Array.from({ length: 18 }, (_, i) => i + 2)),
  test: { ...segments([0]), limit: 3000 },
  vocabulary: 4000,
  maximum: 96,
  batchTokens: 2048,
  steps: 3000,
  warmUp: 400,
  buckets: [5, 10, 15, 20, 25, 30, 40],
  models: {
    'fixed vector': { sizes: { kind: 'recurrent', width: 128, units: 320 }, rate: 0.002 },
    attention: { sizes: { kind: 'recurrent', width: 128, units: 208, alignment: 208 }, rate: 0.002 },
    transformer: {
      sizes: { kind: 'transformer', width: 192, heads: 4, hidden: 384, layers: 3 },
      rate: 0.002,
    },
  },
}

export const taskNames: readonly [...typeof symbolTaskNames, 'translation'] = [
  ...symbolTaskNames,
  'translation',
]
export type TaskName = (typeof taskNames)[number]

/** A task by its name. */
export function taskOf(name: TaskName): SymbolTask | TranslationTask {
  return name === 'translation' ? translationTask : symbolTasks[name]
}

/** What decides a run. Seeds are apart. */
export function settingsOf<T extends Training>(
  task: T,
  model: ModelName,
): Omit<T, 'models'> & Training['models'][ModelName] {
  const { models, ...common } = task
  return { ...common, ...models[model] }
}
