import type { RandomKey, StopSignal } from '../base/index.js'
import type { Precision, Tensor } from '../tensor/index.js'
import type { Data } from './data.js'
import type { Difference } from './differences.js'
import type { FileLayer } from './file-layer.js'
import type { FolderLock } from './folder-lock.js'
import type { LossReport } from './metrics.js'
import type { Optimizer } from './optimizer.js'
import type { Schedule } from './schedule.js'

/** What a loss is told beside model and batch. */
export interface LossContext {
  /**
   * For dropout and the like: its own for each batch of each step, the same after a resume. Fold a name into
   * it for each use.
   */
  readonly key: RandomKey
  /** False in evaluations: no dropout then. */
  readonly training: boolean
}

/**
 * The mean loss of a batch: a scalar, or a report with its weight and metrics.
 *
 * Means over several batches (accumulation, evaluation) weigh each batch by what it counts, so that it does
 * not matter how the data are cut. The weight is the first of these that there is:
 *
 * - the `weight` of the report;
 * - what the data's `weight` says;
 * - over how much the scalar is the mean: crossEntropy's targets that aren't ignored, the elements of `mean`;
 * - the examples of `exampleBatches`.
 *
 * A loss that divides a sum itself gives its weight.
 */
export type Loss<M, B> = (model: M, batch: B, context: LossContext) => Tensor<never> | LossReport

/** What `onStep` is told after each update of the weights. */
export interface StepEvent {
  /** Updates made so far, this one included. */
  readonly step: number
  /** Of all. */
  readonly steps: number
  /** Mean over what counts in the step's batches, before the update. */
  readonly loss: number
  /** Means of what the loss reported beside, by name. */
  readonly metrics: Readonly<Record<string, number>>
  readonly rate: number
  /** L2 norm over all gradients together, before clipping. */
  readonly gradientNorm: number
  /** Over the last steps, evaluations and checkpoints left out. */
  readonly tokensPerSecond: number
  readonly secondsPerStep: number
  /** Of this run of the program, until the last step; evaluations and checkpoints left out. */
  readonly secondsLeft: number
  /** How often the data were seen. */
  readonly epoch: number
}

/** What `onEvaluation` is told of an evaluation that was made. */
export interface EvaluationEvent<M = unknown> {
  readonly step: number
  /** Mean over what counts in the evaluation's batches. */
  readonly loss: number
  /** Means of what the loss reported beside, by name. */
  readonly metrics: Readonly<Record<string, number>>
  /** The model as it was evaluated; freed with the next step. */
  readonly model: M
  /** Whether it is the best so far. */
  readonly isBest: boolean
  /** The metric of the best one, by which they are compared: its loss, unless the plan says another. */
  readonly best: number
  /** The loss of the best one. */
  readonly bestLoss: number
  readonly bestStep: number
  readonly seconds: number
}

/** A step at which a snapshot is due. */
export interface SnapshotEvent<M> {
  readonly step: number
  /** To look at; freed with the next step. */
  readonly model: M
}

/** The weights and the state of the optimizer at a step, written as a checkpoint. */
export interface SaveEvent {
  readonly step: number
}

/** A checkpoint that was written. */
export interface CheckpointEvent {
  readonly step: number
  readonly path: string
  readonly seconds: number
}

/**
 * What is called while a training runs. Each hook may be asynchronous; the training waits for it. A hook that
 * throws ends the run.
 */
export interface TrainerHooks<M> {
  readonly onStep?: (event: StepEvent) => void | Promise<void>
  readonly onEvaluation?: (event: EvaluationEvent<M>) => void | Promise<void>
  /** Before the first step, after every `snapshotEvery`th and after the last. */
  readonly onSnapshot?: (event: SnapshotEvent<M>) => void | Promise<void>
  /** Before a checkpoint is written: what belongs to its step must be on the disk first. */
  readonly onSave?: (event: SaveEvent) => void | Promise<void>
  readonly onCheckpoint?: (event: CheckpointEvent) => void | Promise<void>
}

/** On what and how often a training is evaluated. */
export interface EvaluationPlan<M, B> {
  readonly data: Data<B>
  /** Steps between evaluations; there is one after the last step, too. */
  readonly every: number
  /** Default the training loss. Gives the evaluation's metrics, too, where it reports some. */
  readonly loss?: Loss<M, B>
  /** Another before the first step. Default false. */
  readonly atStart?: boolean
  /** Further metrics of the model, by name, which may take their time. */
  readonly measure?: (
    model: M,
  ) => Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>
  /** Which evaluation is the best one. Default: the one with the least loss. */
  readonly best?: BestBy
  /** Ends the training after so many evaluations in a row of which none was the best so far. */
  readonly patience?: number
}

/** What evaluations are compared by. */
export interface BestBy {
  /** `loss`, or the name of a metric. */
  readonly metric: string
  /** Whether more is better. Default: of all but `loss`. */
  readonly higher?: boolean
}

/** Where and how often checkpoints are written. */
export interface CheckpointPlan<M> {
  /** Where: each checkpoint is a folder in it. */
  readonly folder: string
  /** Steps between checkpoints. There is one at the end and when training is stopped, whatever this is. */
  readonly everySteps?: number
  /** Seconds between checkpoints, looked at after each step. */
  readonly everySeconds?: number
  /** How many are kept; default 2. */
  readonly keep?: number
  /** Keeps the one with the best evaluation, too, in `folder/best`. Default false. */
  readonly best?: boolean
  /**
   * Plain JSON that decides what is trained, such as the model's configuration: `resume` refuses a checkpoint
   * with another.
   */
  readonly config?: unknown
  /** Plain JSON that may change between runs: `resume` tells what did. */
  readonly settings?: unknown
  /** Further files for each checkpoint's folder. */
  readonly files?: (model: M) => Readonly<Record<string, string | Uint8Array>>
  /** Default the file system of Node. */
  readonly fileLayer?: FileLayer
  /**
   * Keeps other trainings out of the folder, where the caller holds it already. Default: its own while it
   * resumes, runs and saves.
   */
  readonly lock?: FolderLock
}

/**
 * Everything that a training is made of. `model`, `loss`, `optimizer`, `schedule`, `data` and `steps` must be
 * given. A step takes `accumulation` batches, computes the gradient of the mean over all that counts in them,
 * clips it, and updates every weight. `M`: the model, a tree of tensors; `B`: a batch, whatever `data` gives.
 */
export interface TrainerOptions<M, B> {
  /** The weights to begin with. They belong to the trainer from then on: it frees them. */
  readonly model: M
  /** The mean loss of a batch, to be made small; see `Loss`. */
  readonly loss: Loss<M, B>
  /** How a gradient changes the weights: `adamw()`, for instance. */
  readonly optimizer: Optimizer
  /** The learning rate of each step. */
  readonly schedule: Schedule
  /** Where batches come from: `tokenBatches`, `exampleBatches`, or an object of your own. */
  readonly data: Data<B>
  /** Updates in all. */
  readonly steps: number
  /** Of everything random in the loop. Default 0. */
  readonly seed?: number
  /** Batches in each step: its gradient is that of the mean over all that counts in them. Default 1. */
  readonly accumulation?: number
  /**
   * What large products round their operands to while the gradient is computed; see `withPrecision`. bf16 is
   * faster where the processor multiplies it. Default f32.
   */
  readonly precision?: Precision
  /** The largest norm of the gradient; larger ones are scaled down. Default: none. */
  readonly clip?: number
  /** Losses and metrics on held-out data. Default: none. */
  readonly evaluation?: EvaluationPlan<M, B>
  /** Without it nothing is written to the disk. */
  readonly checkpoint?: CheckpointPlan<M>
  /** What is called as the training goes; each may be asynchronous, and is awaited. */
  readonly hooks?: TrainerHooks<M>
  /** Steps between calls of `hooks.onSnapshot`. Default: only before the first step and after the last. */
  readonly snapshotEvery?: number
  /** Aborted (by Ctrl-C, say), the step at hand is finished, a checkpoint written, and `run` returns. */
  readonly signal?: StopSignal
}

/** How a training ended. */
export interface TrainingResult {
  /** Whether all steps were made, `signal` stopped it, or evaluations did not get better any more. */
  readonly reason: 'finished' | 'stopped' | 'patience'
  readonly step: number
  /** Of the last step; NaN where none was made. */
  readonly loss: number
  /** The metric of the best evaluation, by which they are compared, and its loss. */
  readonly best: number | undefined
  readonly bestLoss: number | undefined
  readonly bestStep: number | undefined
  /** The last checkpoint's path. */
  readonly checkpoint: string | undefined
}

/** What `resume` found. */
export interface ResumeResult {
  readonly step: number
  readonly path: string
  /** Newer checkpoints that were passed over, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[]
  /** What differs from the run so far, and may: `rate`, `evaluation` (its data), fields of `settings`. */
  readonly changed: readonly Difference[]
  /** The steps after which there was an evaluation and a snapshot last. */
  readonly evaluatedStep: number | undefined
  readonly snapshotStep: number | undefined
}
