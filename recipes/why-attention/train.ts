/** Trains a model: the same objective, the same optimizer and the same batches, whichever it is. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  adamw,
  accuracy,
  cosineSchedule,
  crossEntropy,
  type Data,
  isTensor,
  leavesOf,
  randomKey,
  type StopSignal,
  type Tensor,
  Trainer,
} from 'heed'
import { readJson } from 'heed/internals'
import { type Contestant, type Ids, padded, special } from './contestants.js'
import type { Pair } from './symbols.js'

/** Sources, and what the decoder is told and has to say at each position. */
export interface PairBatch {
  readonly source: Ids
  readonly inputs: Ids
  readonly labels: Ids
  /** Ids of sources and labels, without what fills them up. */
  readonly tokens: number
}
export type BatchesOfPairs = Data<PairBatch>

/** A batch of pairs, filled up. */
export function pairBatch(pairs: readonly Pair[]): PairBatch {
  return {
    source: padded(pairs.map(({ source }) => source)),
    inputs: padded(pairs.map(({ target }) => [special.start, ...target])),
    labels: padded(pairs.map(({ target }) => [...target, special.end])),
    tokens: countOf(pairs.flatMap(({ source, target }) => [source, [...target, special.end]])),
  }
}

/** How many ids rows have together. */
export function countOf(rows: readonly { readonly length: number }[]): number {
  return rows.reduce((sum, { length }) => sum + length, 0)
}

/** What a training is watched and stopped by, and where it may go on. */
export interface Watching {
  /** Where it keeps checkpoints, from which it goes on. */
  readonly folder?: string | undefined
  readonly signal?: StopSignal | undefined
  readonly onStep?: ((step: number) => void) | undefined
  /** Before the first step: how much of what `unit` says is done. */
  readonly onPrepare?: ((done: number, total: number, unit: string) => void) | undefined
}

export interface TrainOptions extends Watching {
  readonly data: BatchesOfPairs
  readonly steps: number
  readonly warmUp: number
  readonly rate: number
  readonly seed: number
}

/** A trained model, and what its training took. */
export interface TrainedModel<M> {
  readonly model: M
  /** Weights. */
  readonly parameters: number
  /** Ids of sources and labels that it was trained on. */
  readonly tokens: number
  /** Mean loss in nats over the last tenth of the steps. */
  readonly loss: number
  /** Of all steps: the median of one, times their number. */
  readonly seconds: number
}

/**
 * Trains a new model to write the targets (cross-entropy of each id, given those before it and the source).
 * The weights and the batches follow from the seed alone; undefined where it was stopped.
 *
 * @returns a model that belongs to the caller
 */
export async function trainModel<M>(
  contestant: Contestant<M>,
  { data, steps, warmUp, rate, seed, folder, signal, onStep }: TrainOptions,
): Promise<TrainedModel<M> | undefined> {
  const ignore = special.pad
  /** Of each step so far, those before a stop included. */
  const took: Took = { milliseconds: [], losses: [], tokens: [] }
  let last = 0
  const trainer = new Trainer<M, PairBatch>({
    model: contestant.create(randomKey(seed, 'why attention')),
    loss(model, { source, inputs, labels }) {
      const logits = contestant.logits(model, source, inputs)
      return {
        loss: crossEntropy(logits, labels, 'vocabulary', { ignore }),
        metrics: { accuracy: accuracy(logits, labels, 'vocabulary', { ignore }) },
      }
    },
    optimizer: adamw({ decay: 0.01 }),
    schedule: cosineSchedule({ peak: rate, warmUp, total: steps }),
    data: {
      ...data,
      batch(index) {
        const batch = data.batch(index)
        took.tokens[index] = batch.tokens
        return batch
      },
    },
    steps,
    seed,
    clip: 1,
    ...(signal && { signal }),
    ...(folder !== undefined && {
      checkpoint: { folder, everySeconds: 60, keep: 1, files: () => ({ [tookFile]: JSON.stringify(took) }) },
    }),
    hooks: {
      onStep({ step, loss }) {
        const now = performance.now()
        took.milliseconds.push(now - last)
        last = now
        took.losses.push(loss)
        onStep?.(step)
      },
    },
  })
  const resumed = folder === undefined ? undefined : await trainer.resume()
  if (resumed !== undefined) Object.assign(took, await readTook(join(resumed.path, tookFile)))
  last = performance.now()
  const { reason } = await trainer.run()
  if (reason !== 'finished') {
    trainer.dispose()
    return undefined
  }
  const { model } = trainer
  const parameters = countOfWeights(model)
  return {
    model,
    parameters,
    tokens: took.tokens.reduce((sum, tokens) => sum + tokens, 0),
    loss: mean(took.losses.slice(-Math.max(1, Math.round(steps / 10)))),
    seconds: (median(took.milliseconds) * steps) / 1000,
  }
}

/** Numbers in the tensors of a model. */
export function countOfWeights(model: unknown): number {
  return [...leavesOf<Tensor>(model, isTensor).values()].reduce((sum, { elements }) => sum + elements, 0)
}

/** What stands beside a checkpoint: what each step took. */
interface Took {
  readonly milliseconds: number[]
  readonly losses: number[]
  readonly tokens: number[]
}
const tookFile = 'took.json'

async function readTook(file: string): Promise<Took> {
  return readJson(await readFile(file), { operation: 'why-attention', file }).plain() as Took
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
