import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline, UsageError, type Attention, type Running, type Task } from 'heed'
import { shippedPath } from 'heed/internals'
import type { WeightChoice } from '../options.js'
import { modelFilesOf, stampsOf } from '../stamps.js'
import type { Fields, TaskOptions } from './fields.js'
import { errorText, isOfInput, type Outcome, type Runner } from './runner.js'
import type { TaskEntry } from './task-list.js'
import { runnableTasks, type AnyPipeline, type RunInputs } from './tasks/index.js'

/** Which model runs, and how. */
export interface ModelChoice {
  readonly model?: string | undefined
  readonly adapter?: string | undefined
  readonly weights?: WeightChoice | undefined
}

/** A runner of a pipeline. */
export interface PipelineRunner extends Runner {
  readonly running: Running
}

/**
 * A task's pipeline, ready for inputs of the command.
 *
 * @throws {StateError} where no model is named and the one that heed ships isn't installed
 * @throws {FormatError} where what stands there is no model
 */
export async function openRunner(task: TaskEntry, choice: ModelChoice): Promise<PipelineRunner> {
  const { adapter } = choice
  // A shipped model runs in the numbers that it is stored as.
  const weights = choice.weights ?? (choice.model === undefined ? 'stored' : undefined)
  const path = choice.model ?? shippedModelOf(task.name)
  const options = { ...(adapter !== undefined && { adapter }), ...(weights !== undefined && { weights }) }
  const run = (await pipeline(task.name as Task, path, options)) as unknown as AnyPipeline
  const files = (await Promise.all([path, ...(adapter === undefined ? [] : [adapter])].map(filesOf))).flat()
  return {
    model: basename(path),
    stamp: [await stampsOf(files), weights ?? null],
    running: run.model,
    run: (inputs, asked, signal, told) => {
      const progress = told && ((_: number, __: number, share: number) => told(share))
      return outcomes(task, run, inputs, { ...asked, signal, ...(progress && { progress }) })
    },
  }
}

/** @throws {UsageError} where heed ships none for the task, {StateError} where it isn't installed */
export function shippedModelOf(task: string, hint = 'name one with --model'): string {
  try {
    return shippedPath(task)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError({ ...error, hint })
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  return (await stat(path)).isDirectory() ? modelFilesOf(path) : [path]
}

async function outcomes(
  { name }: TaskEntry,
  run: AnyPipeline,
  inputs: readonly Fields[],
  { endpoint, ...options }: TaskOptions,
): Promise<readonly Outcome[]> {
  const task = runnableTasks[name]!
  const asked = { ...task.defaults, ...options, errors: 'return' }
  const isResponse = endpoint !== undefined && task.respond !== undefined
  const work: RunInputs =
    (isResponse ? task.respond : task.run) ??
    (async (pipe) =>
      (await pipe(
        inputs.map((fields) => task.input?.(fields) ?? fields.text),
        asked,
      )) as readonly unknown[])
  const results = await work(run, inputs, asked)
  return results.map((result) => {
    if (!(result instanceof Error)) return outcome(result, isResponse ? undefined : task.json)
    if (!isOfInput(result)) throw result
    return { error: errorText(result) }
  })
}

/** What was attended, of a result or of the first of several. */
function attentionOf(result: unknown): Attention | undefined {
  const of = (one: unknown): Attention | undefined =>
    (one as { readonly attention?: Attention } | null)?.attention
  return of(result) ?? (Array.isArray(result) ? of(result[0]) : undefined)
}

/** Numbers to seven digits, which is all that 32-bit floats have; what was attended beside the result. */
function outcome(result: unknown, json?: (result: unknown) => unknown): Outcome {
  const attention = attentionOf(result)
  const text = JSON.stringify(json === undefined ? result : json(result), (key, value: unknown) => {
    if (key === 'attention') return undefined
    return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value
  })
  return { result: JSON.parse(text) as unknown, ...(attention !== undefined && { attention }) }
}
