import { resolve } from 'node:path'
import type { DataSource } from 'heed'
import { presets, type Kind } from '../../tokenize/presets.js'
import { Section } from '../section.js'
import { cardOf, type CardConfig } from './card-config.js'
import { pathIn, sourcesOf } from './data.js'
import {
  evaluationsOf,
  headsOf,
  publishOf,
  type EvaluationConfig,
  type HeadsConfig,
  type PublishConfig,
} from './results-config.js'

/** What `heed train` reads from a JSON file that has a `task`, complete and checked. Paths are absolute. */
export interface RecipeConfig {
  /** The configuration's own path. */
  readonly file: string
  /** What is learned: a name of `recipeTasks`. */
  readonly task: string
  readonly start: StartConfig
  /** What stands on the model, as the task has it, which checks this. */
  readonly head: Readonly<Record<string, unknown>>
  /** Options of the objective, which it checks. */
  readonly objective: Readonly<Record<string, unknown>>
  readonly data: {
    readonly train: readonly DataSource[]
    readonly validation: readonly DataSource[]
    readonly negatives: NegativesConfig | undefined
    readonly pairs: PairsConfig | undefined
    /** Whether records become groups of documents that are ranked. */
    readonly groups: boolean
  }
  readonly training: RecipeTraining
  readonly watch: RecipeWatch | undefined
  readonly evaluation: readonly EvaluationConfig[]
  readonly heads: HeadsConfig | undefined
  readonly card: CardConfig
  readonly publish: PublishConfig | undefined
  /** What the finished model's weights are stored as. */
  readonly weights: 'f32' | 'f16' | 'bf16'
  readonly output: string
}

/** What a training begins with. */
export type StartConfig =
  | {
      readonly from: string
      /** What is left of it, as `shrinkEncoder` has it, which checks this. */
      readonly shrink: Readonly<Record<string, unknown>> | undefined
    }
  | {
      /** A configuration in the hub's form. */
      readonly config: Readonly<Record<string, unknown>>
      /** The path of a tokenizer's file, or the size of a vocabulary to train on the training data. */
      readonly tokenizer: string | NewTokenizer
    }

/** A tokenizer that is trained on the training data. */
export interface NewTokenizer {
  /** Tokens at most. */
  readonly train: number
  /** As `heed train-tokenizer` has them. */
  readonly model: Kind
  readonly preset: string
}

/** Passages that are put beside the right one, since they look like it. */
export interface NegativesConfig {
  /** How many for each record. */
  readonly count: number
  /** How many of the best are looked at. */
  readonly among: number
  /** How many of the best are passed over. */
  readonly skip: number
  /** The most that a negative scores, as a share of the positive's score. */
  readonly share: number | undefined
}

/** Labels of the pairs that records of a text with right and wrong passages are cut into. */
export interface PairsConfig {
  readonly positive: unknown
  readonly negative: unknown
}

export interface RecipeTraining {
  readonly steps: number | undefined
  readonly epochs: number | undefined
  readonly batch: number | undefined
  readonly batchTokens: number | undefined
  readonly accumulation: number
  readonly rate: number
  /** Steps in which the rate rises; below 1 a share of all. */
  readonly warmUp: number
  readonly schedule: 'linear' | 'cosine' | 'constant'
  readonly decay: number
  readonly clip: number
  readonly dropout: number | undefined
  readonly rematerialize: boolean
  /** What weights by a pattern of their names have otherwise, which `train` checks. */
  readonly groups: readonly Readonly<Record<string, unknown>>[]
  /** What large products are rounded to while gradients are computed. */
  readonly precision: 'f32' | 'bf16' | undefined
  /** Low-rank adapters in place of whole weights, which `train` checks. */
  readonly adapter: Readonly<Record<string, unknown>> | undefined
  /** When it ends early, which `train` checks. */
  readonly earlyStopping: Readonly<Record<string, unknown>> | undefined
  /** Steps between evaluations; undefined: an epoch. */
  readonly evaluateEvery: number | undefined
  /** Steps between checkpoints. */
  readonly checkpointEvery: number
  readonly seed: number
}

export interface RecipeWatch {
  readonly text: string
  readonly pair: string | undefined
  /** Of an encoder-decoder: what is written for the text. */
  readonly target: string | undefined
  /** Steps between snapshots; undefined: a fortieth of all. */
  readonly every: number | undefined
}

const fields = {
  top: [
    'from',
    'new',
    'tokenizer',
    'shrink',
    'task',
    'head',
    'objective',
    'data',
    'training',
    'watch',
    'evaluation',
    'heads',
    'card',
    'publish',
    'weights',
    'output',
  ],
  training: [
    'steps',
    'epochs',
    'batch',
    'batchTokens',
    'accumulation',
    'rate',
    'warmUp',
    'schedule',
    'decay',
    'clip',
    'dropout',
    'rematerialize',
    'precision',
    'groups',
    'adapter',
    'earlyStopping',
    'evaluateEvery',
    'checkpointEvery',
    'seed',
  ],
} as const

/** All of a recipe, as a section. @throws {ConfigError} for what is no object of a recipe's fields */
export function recipeSection(json: unknown, file: string): Section {
  return new Section(json, { file, path: '' }, fields.top, { training: fields.training })
}

/**
 * A configuration of a task.
 *
 * @param top all of it
 * @param tasks the names of tasks
 * @throws {ConfigError} naming the field, what was expected and what was found
 */
export function recipeOf(top: Section, file: string, tasks: readonly string[]): RecipeConfig {
  const data = top.section('data', ['train', 'validation', 'negatives', 'pairs', 'groups'])
  if (!data.has('train')) throw data.error('train', 'a data source, or a list of them', 'none')
  const watch = top.has('watch') ? top.section('watch', ['text', 'pair', 'target', 'every']) : undefined
  const training = trainingOf(top.section('training', fields.training))
  const evaluation = top.has('evaluation') ? evaluationsOf(top, file) : []
  const publish = top.has('publish') ? publishOf(top, file) : undefined
  if (publish?.base !== undefined && !publish.adapter)
    throw top.error('publish.base', 'left out where the whole model is published', publish.base)
  if (publish?.adapter === true && training.adapter === undefined)
    throw top.error('publish.adapter', 'false without training.adapter', 'true')
  return {
    file: resolve(file),
    task: top.choice('task', tasks, ''),
    start: startOf(top, file),
    head: top.has('head') ? top.plain('head') : {},
    objective: top.has('objective') ? top.plain('objective') : {},
    data: {
      train: sourcesOf(data, 'train', file),
      validation: data.has('validation') ? sourcesOf(data, 'validation', file) : [],
      negatives: data.has('negatives')
        ? negativesOf(data.section('negatives', ['by', 'count', 'among', 'skip', 'share']))
        : undefined,
      groups: data.flag('groups', false),
      pairs: data.has('pairs') ? pairsOf(data.section('pairs', ['positive', 'negative'])) : undefined,
    },
    training,
    watch: watch && {
      text: watch.text('text'),
      pair: watch.has('pair') ? watch.text('pair') : undefined,
      target: watch.has('target') ? watch.text('target') : undefined,
      every: watch.has('every') ? watch.integer('every', { least: 1 }) : undefined,
    },
    evaluation,
    heads: top.has('heads') ? headsOf(top, evaluation, file) : undefined,
    card: cardOf(top, file),
    publish,
    weights: top.choice('weights', ['f32', 'f16', 'bf16'], 'f32'),
    output: pathIn(top, 'output', top.text('output', '.cache/run'), file),
  }
}

function startOf(top: Section, file: string): StartConfig {
  if (top.has('from') === top.has('new'))
    throw top.error(
      top.has('from') ? 'new' : 'from',
      'either from, the path of a model, or new, a configuration',
      top.has('from') ? 'both' : 'neither',
    )
  if (top.has('from')) {
    if (top.has('tokenizer'))
      throw top.error('tokenizer', 'left out where the model is taken from another', 'there')
    const shrink = top.has('shrink') ? top.plain('shrink') : undefined
    return { from: pathIn(top, 'from', top.text('from'), file), shrink }
  }
  if (top.has('shrink')) throw top.error('shrink', 'left out where the model is new', 'there')
  return { config: top.plain('new'), tokenizer: tokenizerOf(top, file) }
}

function tokenizerOf(top: Section, file: string): string | NewTokenizer {
  if (typeof top.raw('tokenizer') === 'string') return pathIn(top, 'tokenizer', top.text('tokenizer'), file)
  const own = top.section('tokenizer', ['train', 'model', 'preset'])
  const preset = own.choice('preset', Object.keys(presets), 'bert')
  const { kinds } = presets[preset]!
  return {
    train: own.integer('train', { least: 32, most: 2 ** 20 }),
    preset,
    model: own.choice('model', kinds, kinds[0]!),
  }
}

function pairsOf(own: Section): PairsConfig {
  for (const name of ['positive', 'negative'])
    if (!own.has(name)) throw own.error(name, 'a label, or a list of labels', 'none')
  return { positive: own.raw('positive'), negative: own.raw('negative') }
}

function negativesOf(own: Section): NegativesConfig {
  own.choice('by', ['bm25'], 'bm25')
  const count = own.integer('count', { least: 1, most: 1024 })
  return {
    count,
    among: own.integer('among', { least: count, most: 4096 }, Math.max(count, 20)),
    skip: own.integer('skip', { least: 0, most: 4096 }, 0),
    share: own.has('share') ? own.number('share', { above: 0, most: 1 }) : undefined,
  }
}

function trainingOf(section: Section): RecipeTraining {
  const counted = (name: string): number | undefined =>
    section.has(name) ? section.integer(name, { least: 1, most: 1e9 }) : undefined
  const steps = counted('steps')
  const epochs = section.has('epochs') ? section.number('epochs', { above: 0, most: 1e6 }) : undefined
  if ((steps === undefined) === (epochs === undefined))
    throw section.error(
      'steps',
      'there, or training.epochs, but not both',
      steps === undefined ? 'neither' : 'both',
    )
  return {
    steps,
    epochs,
    batch: counted('batch'),
    batchTokens: counted('batchTokens'),
    accumulation: section.integer('accumulation', { least: 1, most: 2 ** 16 }, 1),
    rate: section.number('rate', { above: 0, most: 10 }),
    warmUp: section.number('warmUp', { least: 0, most: 1e9 }, 0.1),
    schedule: section.choice('schedule', ['linear', 'cosine', 'constant'], 'linear'),
    decay: section.number('decay', { least: 0, most: 10 }, 0.01),
    clip: section.number('clip', { least: 0 }, 1),
    dropout: section.has('dropout') ? section.number('dropout', { least: 0, below: 1 }) : undefined,
    rematerialize: section.flag('rematerialize', false),
    precision: section.has('precision') ? section.choice('precision', ['f32', 'bf16'], 'f32') : undefined,
    groups: section.has('groups') ? plainList(section, 'groups') : [],
    adapter: section.has('adapter') ? section.plain('adapter') : undefined,
    earlyStopping: section.has('earlyStopping') ? section.plain('earlyStopping') : undefined,
    evaluateEvery: counted('evaluateEvery'),
    checkpointEvery: counted('checkpointEvery') ?? 500,
    seed: section.integer('seed', { least: 0, most: 2 ** 53 - 1 }, 0),
  }
}

function plainList(section: Section, name: string): readonly Readonly<Record<string, unknown>>[] {
  const value = section.raw(name)
  const isRecord = (each: unknown): boolean =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
  if (Array.isArray(value) && value.every(isRecord)) return value as Record<string, unknown>[]
  throw section.error(name, 'a list of objects', JSON.stringify(value)?.slice(0, 60) ?? 'nothing')
}
