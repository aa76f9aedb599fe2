/** Finished runs: one of a model on a task with a seed, a file of JSON each. */
import { isDeepStrictEqual } from 'node:util'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readJson, writeFileWhole } from 'heed/internals'
import type { ModelName, TaskName } from './settings.js'

/** What a model reached at a length. */
export interface Reached {
  /** Symbols of a sequence, or the longest sentence of a bucket in words. */
  readonly length: number
  /** The share of symbols that are right, or BLEU, of 100. */
  readonly score: number
  /** Sequences that it was measured on. */
  readonly examples: number
}

/** One example, and how much each id that was written attended to each of the source. */
export interface Shown {
  readonly source: readonly string[]
  readonly written: readonly string[]
  readonly filter: readonly (readonly number[])[]
}

/** A training with all that was measured. */
export interface Run {
  readonly task: TaskName
  readonly model: ModelName
  readonly seed: number
  /** What decides it: the task, the model's sizes and its rate. */
  readonly settings: unknown
  /** Weights. */
  readonly parameters: number
  /** Ids of sources and targets that it was trained on. */
  readonly tokens: number
  /** Mean loss in nats of an id over the last tenth of the steps. */
  readonly loss: number
  /** The median of a step's times, in seconds, times the number of steps. */
  readonly seconds: number
  readonly reached: readonly Reached[]
  readonly shown?: Shown | undefined
}

/** Names of a run's file, without the ending. */
export function runName({ task, model, seed }: Pick<Run, 'task' | 'model' | 'seed'>): string {
  return `${task}-${model.replaceAll(' ', '-')}-${seed}`
}

/** The runs in a folder, in the order of their names. */
export async function readRuns(folder: string): Promise<Run[]> {
  await mkdir(folder, { recursive: true })
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  return Promise.all(names.map((name) => readRun(join(folder, name))))
}

async function readRun(path: string): Promise<Run> {
  return readJson(await readFile(path), { operation: 'why-attention', file: path }).plain() as Run
}

export async function writeRun(folder: string, run: Run): Promise<void> {
  await writeJson(join(folder, `${runName(run)}.json`), run)
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileWhole(path, new TextEncoder().encode(`${JSON.stringify(value, undefined, 1)}\n`))
}

/** Whether a run is one of these settings: then it is not made again. */
export function isRunOf(run: Run, wanted: Pick<Run, 'task' | 'model' | 'seed' | 'settings'>): boolean {
  return (
    runName(run) === runName(wanted) &&
    isDeepStrictEqual(run.settings, JSON.parse(JSON.stringify(wanted.settings)))
  )
}
