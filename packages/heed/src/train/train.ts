/** Training a model that was loaded: records in, the same model with other weights out. */
import {
  checkNames,
  checkPositive,
  checkWhole,
  combine,
  foldIn,
  mapTree,
  partition,
  type PartOf,
  type StopSignal,
  UsageError,
} from '../base/index.js'
import type { ModelLeaf } from '../checkpoint/index.js'
import {
  type Adapter,
  changedModel,
  dropoutOf,
  type DropoutRates,
  type Running,
  trainableOf,
} from '../models/index.js'
import { copy, dispose, isTensor, keep, type Precision, type Tensor } from '../tensor/index.js'
import { adamw } from './adam.js'
import { readCheckpoint } from './checkpoint.js'
import type { Data } from './data.js'
import { type EncodeProgress, encodeRecords, type Records } from './examples.js'
import { grouped, type ParameterGroup } from './groups.js'
import { likeLengthBatches } from './like-lengths.js'
import { Trainer } from './loop.js'
import type { Objective } from './objectives/objective.js'
import type { DataRecord } from './records/index.js'
import type { DecayOptions, Optimizer } from './optimizer.js'
import type {
  BestBy,
  CheckpointPlan,
  EvaluationPlan,
  Loss,
  LossContext,
  ResumeResult,
  TrainerHooks,
  TrainingResult,
} from './options.js'
import { fillTree } from './tree-file.js'
import { constantSchedule, cosineSchedule, linearSchedule, type Schedule } from './schedule.js'

/**
 * What `train` trains: a loaded model, or one whose tree holds more or less than that, such as a sentence
 * encoder.
 */
export interface TrainableTree extends Pick<Running, 'family' | 'stored'> {
  /** A tree of tensors. */
  readonly model: unknown
  /** What is known of its changes of low rank, where it has them. */
  readonly adapter?: Running['adapter']
}

/** Records of an objective; those of files, as `readRecords` gives them, are checked as they are encoded. */
export type GivenRecords<R> = Records<NoInfer<R>> | AsyncIterable<DataRecord>

/** On what and how often `train` evaluates. */
export interface TrainEvaluation<R, L extends TrainableTree = TrainableTree> {
  /** Records that are not trained on. */
  readonly data: GivenRecords<R>
  /** Steps between evaluations; there is one after the last step, too. Default: once an epoch. */
  readonly every?: number | undefined
  /** Another before the first step. Default false. */
  readonly atStart?: boolean | undefined
  /** Further metrics of the model, by name: of a whole task, say. */
  readonly measure?:
    | ((model: L) => Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>)
    | undefined
}

/**
 * Which evaluation is the best one, whose weights are kept; and when a training ends for want of a better.
 */
export interface EarlyStopping extends Partial<BestBy> {
  /** Ends after so many evaluations in a row of which none was the best so far. Default: never. */
  readonly patience?: number | undefined
}

/** What `train` calls as it goes. Each hook may be asynchronous; the training waits for it. */
export interface TrainHooks<M> extends TrainerHooks<M> {
  /** While records become examples. */
  readonly onEncode?: (done: EncodeProgress) => void
  /** Where it goes on from a checkpoint. */
  readonly onResume?: (found: ResumeResult) => void | Promise<void>
}

/** How a loaded model is trained. `R`: a record of data. */
export interface TrainingOptions<L extends TrainableTree, R, E, B> {
  /** What to begin with. Its weights that are trained are freed on the way: use what `train` gives. */
  readonly model: L
  /** What is learned: `textClassification(model)`, for instance. */
  readonly objective: Objective<R, E, B, L['model']>
  /** Records; each is encoded once, before the first step. */
  readonly data: GivenRecords<R>
  /** Losses and metrics on other records. Default: none. */
  readonly evaluation?: TrainEvaluation<R, L> | undefined
  /** Gives the weights of the best evaluation, and not the last ones. Default: the last ones. */
  readonly earlyStopping?: EarlyStopping | undefined
  /** Updates in all. Either this or `epochs` is given. */
  readonly steps?: number | undefined
  /** How often each example is seen; may be broken. */
  readonly epochs?: number | undefined
  /** Examples in a batch at most. Default 32; none where `batchTokens` is given. */
  readonly batch?: number | undefined
  /** Tokens in a batch at most. */
  readonly batchTokens?: number | undefined
  /** Batches in each step: its gradient is that of the mean over all that counts in them. Default 1. */
  readonly accumulation?: number | undefined
  /** The highest learning rate. */
  readonly rate: number
  /** Steps in which the rate rises from 0; below 1 a share of all. Default 0.1. */
  readonly warmUp?: number | undefined
  /** How the rate falls after that, to 0 at the last step. Default `linear`. */
  readonly schedule?: 'linear' | 'cosine' | 'constant' | Schedule | undefined
  /** Weight decay of matrices; biases and norms don't decay. Default 0.01. */
  readonly decay?: number | undefined
  /** Rates, decay and what is frozen, by patterns of paths. */
  readonly groups?: readonly ParameterGroup[] | undefined
  /** Makes the optimizer from decay and rate factors of the groups. Default `adamw`. */
  readonly optimizer?: ((options: DecayOptions) => Optimizer) | undefined
  /** The largest norm of the gradient; `null` for none. Default 1. */
  readonly clip?: number | null | undefined
  /**
   * Rates of dropout. A number is that of the layers and of what a classifier reads; filters are dropped
   * where `filter` says so. Default: the checkpoint's own rates, of all three.
   */
  readonly dropout?: number | DropoutRates | undefined
  /** Computes blocks again for the gradient: less memory, more time. Default false. */
  readonly rematerialize?: boolean | undefined
  /** What large products are rounded to while gradients are computed; see `Trainer`. Default f32. */
  readonly precision?: Precision | undefined
  /** Of everything random. Default 0. */
  readonly seed?: number | undefined
  /** Where checkpoints are written. Where there are some of this run, it goes on from the newest. */
  readonly folder?: string | undefined
  /** More about checkpoints. Default: one at the end, and where it is stopped. */
  readonly checkpoint?: Omit<CheckpointPlan<L['model']>, 'folder' | 'best'> | undefined
  readonly hooks?: TrainHooks<L['model']> | undefined
  /** Steps between calls of `hooks.onSnapshot`. */
  readonly snapshotEvery?: number | undefined
  /** Aborted, the step at hand is finished, a checkpoint written, and `train` returns. */
  readonly signal?: StopSignal | undefined
}

/** A trained model, and how its training ended. */
export interface Trained<L extends TrainableTree> {
  readonly model: L
  readonly result: TrainingResult
}

const known: Record<keyof TrainingOptions<never, never, never, never>, true> = {
  model: true,
  objective: true,
  data: true,
  evaluation: true,
  earlyStopping: true,
  steps: true,
  epochs: true,
  batch: true,
  batchTokens: true,
  accumulation: true,
  rate: true,
  warmUp: true,
  schedule: true,
  decay: true,
  groups: true,
  optimizer: true,
  clip: true,
  dropout: true,
  rematerialize: true,
  precision: true,
  seed: true,
  folder: true,
  checkpoint: true,
  hooks: true,
  snapshotEvery: true,
  signal: true,
}

/**
 * Trains a loaded model by an objective. Batches are of like lengths. Only what isn't frozen gets a gradient
 * and an optimizer's state. With a folder, a run that was stopped or killed goes on to the same bits.
 *
 * @throws UsageError for options or records that make no sense, and as `Trainer` does
 */
export async function train<L extends TrainableTree, R, E, B>(
  options: TrainingOptions<L, R, E, B>,
): Promise<Trained<L>> {
  check(options)
  const { model: loaded, objective, hooks, signal, seed = 0, accumulation = 1, batch, batchTokens } = options
  const encode = (records: GivenRecords<R>): ReturnType<typeof encodeRecords<R, E>> =>
    encodeRecords(objective, records as Records<R>, {
      ...(signal && { signal }),
      ...(hooks?.onEncode && { progress: hooks.onEncode }),
    })
  const own = {
    batch,
    batchTokens,
    seed,
    lengthOf: (example: E) => objective.lengthOf(example),
    collate: (examples: readonly E[]) => objective.collate(examples),
  }
  const found = await encode(options.data)
  const { evaluation } = options
  const foundToEvaluate = found && evaluation && (await encode(evaluation.data))
  if (found === undefined || (evaluation !== undefined && foundToEvaluate === undefined))
    return { model: loaded, result: stoppedBefore }
  const data: Data<B> = likeLengthBatches(found.examples, found.fingerprint, own)
  const perEpoch = Math.ceil(data.batchesPerEpoch / accumulation)
  const steps =
    options.steps ?? Math.max(1, Math.ceil((options.epochs! * data.batchesPerEpoch) / accumulation))
  const { part, whole, decays } = partOf<L['model']>(loaded, options)
  const rates = ratesOf(options)
  const { rematerialize = false } = options
  const loss: Loss<Part<L['model']>, B> = (trained, one, context) =>
    objective.loss(whole(trained, context), one, { ...context, run: runOf(rates, rematerialize, context) })
  const { clip = 1, folder, checkpoint: plan, earlyStopping: early } = options
  let best: Part<L['model']> | undefined
  const { onEncode: _, onResume, ...trainerHooks } = hooks ?? {}
  const trainer = new Trainer<Part<L['model']>, B>({
    model: part,
    loss,
    optimizer: (options.optimizer ?? adamw)(decays),
    schedule: scheduleOf(options, steps),
    data,
    steps,
    seed,
    accumulation,
    ...(options.precision && { precision: options.precision }),
    ...(clip !== null && { clip }),
    ...(evaluation &&
      foundToEvaluate && {
        evaluation: {
          data: likeLengthBatches(foundToEvaluate.examples, foundToEvaluate.fingerprint, {
            ...own,
            shuffle: false,
          }),
          every: evaluation.every ?? perEpoch,
          atStart: evaluation.atStart ?? false,
          ...(evaluation.measure && {
            measure: (own: Part<L['model']>) =>
              evaluation.measure!(changedModel(loaded, { model: whole(own) })),
          }),
          ...(early && bestBy(early)),
        },
      }),
    ...(folder !== undefined && {
      checkpoint: {
        ...(plan as object),
        folder,
        best: early !== undefined,
        config: {
          objective: objective.name,
          settings: objective.settings,
          dropout: rates,
          groups: options.groups ?? [],
          own: plan?.config ?? null,
        },
      },
    }),
    hooks: wholeHooks(trainerHooks, whole, (own) => {
      if (early === undefined || folder !== undefined) return
      dispose(best)
      best = keep(copied(own))
    }),
    ...(options.snapshotEvery !== undefined && { snapshotEvery: options.snapshotEvery }),
    ...(signal && { signal }),
  })
  try {
    if (folder !== undefined) {
      const resumed = await trainer.resume()
      if (resumed !== undefined) await onResume?.(resumed)
    }
    const result = await trainer.run()
    if (early !== undefined && folder !== undefined) best = await bestIn(folder, trainer.model)
    return { model: changedModel(loaded, { model: whole(best ?? keep(copied(trainer.model))) }), result }
  } finally {
    trainer.dispose()
  }
}

/** How a training ends that was stopped before its first step. */
const stoppedBefore: TrainingResult = {
  reason: 'stopped',
  step: 0,
  loss: NaN,
  best: undefined,
  bestLoss: undefined,
  bestStep: undefined,
  checkpoint: undefined,
}

function check<L extends TrainableTree, R, E, B>(options: TrainingOptions<L, R, E, B>): void {
  checkNames('train', options, Object.keys(known))
  const { model, objective, steps, epochs, rate, hooks, evaluation, earlyStopping, warmUp = 0 } = options
  const wrong = (expected: string, found: string): UsageError =>
    new UsageError({ operation: 'train', expected, found, hint: 'correct that option' })
  if (typeof (model as { family?: unknown } | undefined)?.family !== 'string')
    throw wrong('a model that loadModel gave', typeof model)
  if (typeof (objective as { loss?: unknown } | undefined)?.loss !== 'function')
    throw wrong('an objective, such as textClassification(model)', typeof objective)
  if ((steps === undefined) === (epochs === undefined))
    throw wrong('steps or epochs', steps === undefined ? 'neither' : 'both')
  if (steps !== undefined) checkWhole('train', 'steps', steps, 1)
  if (epochs !== undefined) checkPositive('train', 'epochs', epochs)
  checkPositive('train', 'rate', rate)
  if (!(warmUp >= 0 && warmUp < Infinity)) throw wrong('warmUp of at least 0', String(warmUp))
  checkNames('train', evaluation, ['data', 'every', 'atStart', 'measure'], 'evaluation')
  checkNames('train', earlyStopping, ['metric', 'higher', 'patience'], 'earlyStopping')
  if (earlyStopping !== undefined && evaluation === undefined)
    throw wrong('an evaluation, which earlyStopping goes by', 'none')
  const hookNames: Record<keyof TrainHooks<never>, true> = {
    onStep: true,
    onEvaluation: true,
    onSnapshot: true,
    onSave: true,
    onCheckpoint: true,
    onEncode: true,
    onResume: true,
  }
  checkNames('train', hooks, Object.keys(hookNames), 'hooks')
}

/** A model cut into what is trained and the rest: what is frozen, or stands below changes of low rank. */
function partOf<M>(
  loaded: { readonly model: M; readonly adapter?: Adapter | undefined },
  options: Pick<TrainingOptions<TrainableTree, never, never, never>, 'groups' | 'decay'>,
): {
  readonly part: Part<M>
  readonly whole: (part: Part<M>, context?: LossContext) => M
  readonly decays: DecayOptions
} {
  const trainable = trainableOf(loaded)
  const { isFrozen, options: decays } = grouped(trainable.part, options.groups ?? [], options.decay ?? 0.01)
  const [part, frozen] = partition<unknown, Tensor>(trainable.part, isTensor, (_, path) => !isFrozen(path))
  const whole = (own: Part<M>, context?: LossContext): M =>
    trainable.whole(combine<unknown, Tensor>(own, frozen, isTensor) as typeof trainable.part, context)
  return { part: part as Part<M>, whole, decays }
}

/** A model without what isn't trained: undefined stands in its places. */
type Part<M> = PartOf<M, ModelLeaf>

/** Hooks that are told of parts, as those that are told of whole models. */
function wholeHooks<M>(
  { onEvaluation, onSnapshot, ...others }: TrainerHooks<M>,
  whole: (part: Part<M>) => M,
  onBest: (part: Part<M>) => void,
): TrainerHooks<Part<M>> {
  return {
    ...others,
    onEvaluation: (event) => {
      if (event.isBest) onBest(event.model)
      return onEvaluation?.({ ...event, model: whole(event.model) })
    },
    ...(onSnapshot && { onSnapshot: (event) => onSnapshot({ ...event, model: whole(event.model) }) }),
  }
}

function ratesOf({
  dropout,
  model,
}: Pick<TrainingOptions<TrainableTree, never, never, never>, 'dropout' | 'model'>): DropoutRates {
  const rates =
    dropout === undefined
      ? dropoutOf(model.stored)
      : typeof dropout === 'number'
        ? { rate: dropout, head: dropout }
        : dropout
  for (const [name, rate] of Object.entries(rates))
    if (!(rate >= 0 && rate < 1))
      throw new UsageError({
        operation: 'train',
        expected: `dropout.${name} from 0 up to, but without, 1`,
        found: String(rate),
        hint: 'correct that rate',
      })
  return rates
}

function runOf(
  { rate, head, filter = 0 }: DropoutRates,
  rematerialize: boolean,
  { key, training }: LossContext,
): {
  readonly dropout?: DropoutRates & { readonly key: LossContext['key'] }
  readonly rematerialize?: boolean
} {
  if (!training) return {}
  return {
    ...((rate > 0 || head > 0 || filter > 0) && {
      dropout: { rate, head, filter, key: foldIn(key, 'dropout') },
    }),
    rematerialize,
  }
}

function scheduleOf(
  {
    rate: peak,
    warmUp = 0.1,
    schedule = 'linear',
  }: Pick<TrainingOptions<TrainableTree, never, never, never>, 'rate' | 'warmUp' | 'schedule'>,
  total: number,
): Schedule {
  if (typeof schedule === 'function') return schedule
  const rising = { peak, warmUp: warmUp < 1 ? Math.round(warmUp * total) : warmUp }
  if (schedule === 'constant') return constantSchedule(rising)
  return schedule === 'cosine' ? cosineSchedule({ ...rising, total }) : linearSchedule({ ...rising, total })
}

/** As a plan of evaluations has it. */
function bestBy({
  metric = 'loss',
  higher,
  patience,
}: EarlyStopping): Pick<EvaluationPlan<never, never>, 'best' | 'patience'> {
  return {
    best: { metric, ...(higher !== undefined && { higher }) },
    ...(patience !== undefined && { patience }),
  }
}

/** The part of a model that is kept as the best one; undefined where none is. */
async function bestIn<M>(folder: string, like: M): Promise<M | undefined> {
  const found = await readCheckpoint(`${folder}/best`)
  return found && keep(fillTree(like, found.model, `${found.path}/model.safetensors`))
}

/** The same tree with tensors of its own; tied ones stay tied. */
export function copied<M>(tree: M): M {
  const made = new Map<Tensor, Tensor>()
  return mapTree<M, Tensor>(tree, isTensor, (leaf) => {
    const known = made.get(leaf) ?? copy(leaf)
    made.set(leaf, known)
    return known
  })
}
