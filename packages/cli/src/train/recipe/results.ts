import { readdir, stat } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { evaluate, loadRecords, type Evaluation } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { countText } from '../../format.js'
import type { RunOptions } from '../run.js'
import type { RecipeConfig } from './config.js'
import type { HeadsResult } from './heads.js'
import type { Measurements } from './measurements.js'
import type { EvaluationConfig } from './results-config.js'

/** What a model was measured by, and what it reached; models beside it, by their names. */
export interface MeasuredTask {
  readonly name: string
  readonly found: Evaluation
  /** What the published files reach on the first records alone. */
  readonly first?: FirstScores
  readonly beside: Readonly<Record<string, Evaluation>>
}

/** Scores of the first records of an evaluation: few enough to be measured again by a test. */
export interface FirstScores {
  readonly records: number
  /** By the metrics' names. */
  readonly scores: Readonly<Record<string, number>>
}

/** Records that are measured again. */
const firstRecords = 500

/** All that a run reached, as `results.json` has it. */
export interface RecipeResults {
  readonly task: string
  readonly parameters: number
  /** Of the weights. */
  readonly bytes: number
  readonly records: number
  readonly steps: number
  readonly seed: number
  readonly hours: number
  readonly machine: string
  readonly heed: string
  readonly loss: number | null
  readonly validation: number | null
  readonly metrics: Readonly<Record<string, number>> | null
  readonly evaluation: readonly MeasuredTask[]
  /** Where the configuration asks for it. */
  readonly heads?: HeadsResult
  /** Where the filters were watched: on what, and of which model they were at step 0. */
  readonly watched?: { readonly text: string; readonly from?: string | undefined }
}

/** The name of the results' file, in the output folder and in a package. */
export const resultsFile = 'results.json'

/** Measures a finished model by everything that the configuration says. */
export async function measureAll(
  { evaluation }: RecipeConfig,
  folder: string,
  measurements: Measurements,
  { progress, signal }: Pick<RunOptions, 'progress'> & { readonly signal: AbortSignal },
): Promise<readonly MeasuredTask[]> {
  const measured: MeasuredTask[] = []
  for (const task of evaluation) {
    const { name, beside } = task
    const told = (what: string) => (done: number, total: number) =>
      progress.stage(`measuring ${what}: ${countText(done)} of ${countText(total)}`)
    const found = await measure(folder, task, measurements, {
      signal,
      progress: told(name),
      baselines: task.baselines,
    })
    const others: [string, Evaluation][] = []
    for (const [other, { path = folder, settings }] of Object.entries(beside))
      others.push([
        other,
        await measure(path, { ...task, settings: { ...task.settings, ...settings } }, measurements, {
          signal,
          progress: told(`${name}, ${other}`),
          baselines: false,
        }),
      ])
    measured.push({ name, found, beside: Object.fromEntries(others) })
    const [score] = found.scores
    if (score !== undefined) progress.note(`${name}: ${score.metric} ${score.value.toFixed(4)}`)
  }
  return measured
}

/** What a model reaches on the first records of an evaluation. */
export async function measureFirst(
  path: string,
  { task, data, settings }: EvaluationConfig,
  signal?: AbortSignal,
): Promise<FirstScores> {
  const records = (await loadRecords(data, { operation: 'evaluate' })).slice(0, firstRecords)
  const { scores } = await evaluate(path, task, records, { signal, baselines: false, samples: 1, settings })
  return {
    records: records.length,
    scores: Object.fromEntries(scores.map(({ metric, value }) => [metric, value])),
  }
}

async function measure(
  path: string,
  { task, data, learnFrom, settings }: EvaluationConfig,
  measurements: Measurements,
  options: {
    readonly signal: AbortSignal
    readonly progress: (done: number, total: number) => void
    readonly baselines: boolean
  },
): Promise<Evaluation> {
  const records = await loadRecords(data, { operation: 'evaluate' })
  const known = learnFrom.length === 0 ? undefined : await loadRecords(learnFrom, { operation: 'evaluate' })
  const { baselines } = options
  return measurements.of(path, settings, [task, baselines, records, known ?? []], () =>
    evaluate(path, task, records, {
      ...options,
      ...(known !== undefined && baselines && { learnFrom: known }),
      settings,
    }),
  )
}

/** What is told of a run beside its scores. */
export interface ReachedRun {
  /** Of the finished model. */
  readonly folder: string
  readonly parameters: number
  readonly records: number
  readonly steps: number
  /** Of training. */
  readonly seconds: number
  readonly measured: readonly MeasuredTask[]
  readonly heads: HeadsResult | undefined
  /** Of heed. */
  readonly version: string
  /** Losses and metrics at the end. */
  readonly last: {
    readonly loss: number | undefined
    readonly validation: number | undefined
    readonly metrics: Readonly<Record<string, number>> | undefined
  }
}

/** Writes what a run reached into its output folder. */
export async function writeResults(
  { output, task, training }: RecipeConfig,
  { folder, parameters, records, steps, seconds, measured, heads, version, last }: ReachedRun,
): Promise<RecipeResults> {
  const { loss = null, validation = null, metrics = null } = last
  const results: RecipeResults = {
    task,
    parameters,
    bytes: await weightBytes(folder),
    records,
    steps,
    seed: training.seed,
    hours: Number((seconds / 3600).toPrecision(3)),
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} threads, Node ${process.version}`,
    heed: version,
    loss,
    validation,
    metrics,
    evaluation: measured,
    ...(heads !== undefined && { heads }),
  }
  const text = `${JSON.stringify(results, undefined, 2)}\n`
  await writeFileWhole(join(output, resultsFile), new TextEncoder().encode(text))
  return results
}

/** Bytes of the weights in a folder. */
export async function weightBytes(folder: string): Promise<number> {
  let sum = 0
  for (const name of await readdir(folder, { recursive: true }))
    if (/\.(safetensors|gguf)$/.test(name)) sum += (await stat(join(folder, name))).size
  return sum
}
