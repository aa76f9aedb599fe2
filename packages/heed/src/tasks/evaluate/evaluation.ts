/** What all evaluations have in common: scores over items, their intervals, and what stands beside them. */
import {
  checkNames,
  checkWhole,
  pause,
  permutation,
  randomKey,
  StateError,
  type StopSignal,
  UsageError,
} from '../../base/index.js'
import type { DataRecord } from '../../train/index.js'
import {
  type BootstrapOptions,
  drawItems,
  intervalOf,
  meanAt,
  type PairedInterval,
  pairedIntervalOf,
  type ScoreInterval,
} from '../metrics/index.js'

/** A score of some of the items, given by their numbers; an item may come several times. */
export type Statistic = (items: Uint32Array) => number

/** What a model, or a baseline, reached: one statistic for each metric, over the same items. */
export interface Measure {
  readonly name: string
  readonly metrics: Readonly<Record<string, Statistic>>
}

/** What a baseline reached, and how much more the model did on the same items. */
export interface Beside extends ScoreInterval {
  readonly name: string
  readonly difference: PairedInterval
}

/** A score, as plain data. */
export interface EvaluationScore extends ScoreInterval {
  readonly metric: string
  /** Over how many items. */
  readonly count: number
  readonly beside: readonly Beside[]
}

/** What an evaluation found, as plain data. */
export interface Evaluation {
  readonly task: string
  readonly scores: readonly EvaluationScore[]
  /** What else is worth knowing: classes, the confusion of them, thresholds. */
  readonly details: Readonly<Record<string, unknown>>
}

/** What was measured, before it is summed up. */
export interface Measured {
  readonly task: string
  /** How many items there are. */
  readonly count: number
  readonly own: Measure
  /** Metrics of which less is better. */
  readonly lower?: readonly string[] | undefined
  /** Measured when they are asked for. */
  readonly baselines: () => readonly Measure[]
  readonly details: Readonly<Record<string, unknown>>
}

/** What any evaluation may be told. */
export interface EvaluateOptions extends BootstrapOptions {
  /** Stops between two batches, with the signal's reason. */
  readonly signal?: (StopSignal & { readonly reason?: unknown }) | undefined
  /** Told how many of the items are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined
  /** Whether baselines are measured on the same items. Default true. */
  readonly baselines?: boolean | undefined
  /** Records that baselines learn from; default: the other four fifths of what is measured, fold by fold. */
  readonly learnFrom?: readonly DataRecord[] | undefined
  /** Runs each synchronous call of the model, such as `(work) => observe(watchers, work)`. */
  readonly around?: (<T>(work: () => T) => T) | undefined
  /** Tokens that run together; default 2,048. Changes nothing but speed and memory. */
  readonly batchTokens?: number | undefined
}

const optionNames: Readonly<Record<keyof EvaluateOptions, true>> = {
  signal: true,
  progress: true,
  baselines: true,
  learnFrom: true,
  around: true,
  batchTokens: true,
  samples: true,
  confidence: true,
  seed: true,
}

/** Throws UsageError for options that nobody reads. @param more names beside those of all evaluations */
export function checkOptions(
  operation: string,
  options: EvaluateOptions,
  more: readonly string[] = [],
): void {
  checkNames(operation, options, [...Object.keys(optionNames), ...more])
  if (options.batchTokens !== undefined) checkWhole(operation, 'batchTokens', options.batchTokens, 1)
}

/** The scores of what was measured, with their intervals, beside those of baselines. */
export async function evaluationOf(measured: Measured, options: EvaluateOptions): Promise<Evaluation> {
  const { task, count, own, details } = measured
  const { baselines = true } = options
  return { task, scores: await scoresOf(count, own, baselines ? measured.baselines() : [], options), details }
}

/** Sets of items that are drawn between two looks at the signal. */
const drawnTogether = 25

/** Scores with their intervals, of a model and of baselines over the same items, in one pass. */
export async function scoresOf(
  count: number,
  own: Measure,
  baselines: readonly Measure[],
  options: EvaluateOptions,
): Promise<EvaluationScore[]> {
  const { samples = 1000, seed = 0, signal } = options
  checkWhole('evaluate', 'samples', samples, 1)
  checkWhole('evaluate', 'the number of records', count, 1)
  const metrics = Object.keys(own.metrics)
  const measures = [own, ...baselines]
  // Columns: for each metric the model, then the baselines that have it.
  const columns = metrics.flatMap((metric) =>
    measures.flatMap((measure) => {
      const statistic = measure.metrics[metric]
      return statistic === undefined ? [] : [{ metric, measure, statistic, drawn: new Float64Array(samples) }]
    }),
  )
  const all = Uint32Array.from({ length: count }, (_, i) => i)
  const items = new Uint32Array(count)
  for (let sample = 0; sample < samples; sample++) {
    if (sample % drawnTogether === 0) {
      await pause()
      stopIfAsked(signal)
    }
    drawItems(items, seed, sample)
    for (const { statistic, drawn } of columns) drawn[sample] = statistic(items)
  }
  const values = new Map(columns.map((column) => [column, column.statistic(all)]))
  return metrics.map((metric): EvaluationScore => {
    const [first, ...others] = columns.filter((column) => column.metric === metric)
    const value = values.get(first!)!
    const beside = others.map((other): Beside => {
      const less = values.get(other)!
      const differences = first!.drawn.map((one, i) => one - other.drawn[i]!)
      return {
        name: other.measure.name,
        ...intervalOf(less, other.drawn, options),
        difference: pairedIntervalOf(value - less, differences, options),
      }
    })
    return { metric, ...intervalOf(value, first!.drawn, options), count, beside }
  })
}

/** Throws the signal's reason where it says to stop. */
export function stopIfAsked(signal: EvaluateOptions['signal']): void {
  if (signal?.aborted !== true) return
  throw (
    signal.reason ??
    new StateError({
      operation: 'evaluate',
      expected: 'to run to its end',
      found: 'a signal to stop',
      hint: 'what was measured so far is lost',
    })
  )
}

/** Runs batches of items with pauses between them, and tells how many are done. */
export async function inBatches(
  batches: readonly (readonly number[])[],
  { signal, progress }: Pick<EvaluateOptions, 'signal' | 'progress'>,
  work: (batch: readonly number[]) => void,
): Promise<void> {
  const total = batches.reduce((sum, { length }) => sum + length, 0)
  let done = 0
  for (const batch of batches) {
    await pause()
    stopIfAsked(signal)
    work(batch)
    progress?.((done += batch.length), total)
  }
  stopIfAsked(signal)
}

/** So many of the items, drawn by the seed, in their order. */
export function drawnOf<T>(items: readonly T[], count: number, seed: number): readonly T[] {
  if (count >= items.length) return items
  const drawn = permutation(randomKey(seed, 'sample'), items.length).subarray(0, count)
  return Array.from(drawn.sort(), (i) => items[i]!)
}

/** Items some at a time. */
export function groupsOf(count: number, size: number): number[][] {
  return Array.from({ length: Math.ceil(count / size) }, (_, group) =>
    Array.from({ length: Math.min(size, count - group * size) }, (_, i) => group * size + i),
  )
}

/** The mean of numbers, one for each item, as a statistic. */
export function meanStatistic(values: ArrayLike<number>): Statistic {
  return (items) => meanAt(values, items)
}

/** A text field of a record. Throws UsageError where it is none. */
export function textIn(operation: string, record: DataRecord, field: string): string {
  const value = record[field]
  if (typeof value === 'string') return value
  throw wrongRecord(operation, `records with a text '${field}'`, record)
}

/** A number field of a record. Throws UsageError where it is none. */
export function numberIn(operation: string, record: DataRecord, field: string): number {
  const value = typeof record[field] === 'string' ? Number(record[field]) : record[field]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw wrongRecord(operation, `records with a number '${field}'`, record)
}

export function wrongRecord(operation: string, expected: string, record: DataRecord): UsageError {
  return new UsageError({
    operation,
    expected,
    found: `one with ${Object.keys(record).join(', ') || 'nothing'}`,
    hint: "name the data's columns in fields of the data source",
  })
}
