import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline, UsageError, type Attention, type Running, type Task } from 'heed'
import { shippedFolder } from 'heed/internals'
import type { WeightChoice } from '../options.js'
import { modelFilesOf, stampsOf } from '../stamps.js'
import type { Fields, TaskOptions } from './fields.js'
import { errorText, isOfInput, type Outcome, type Runner } from './runner.js'
import type { TaskEntry } from './task-list.js'
import { runnableTasks, type AnyPipeline } from './tasks/index.js'

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
  const { adapter, weights } = choice
  const path = choice.model ?? shippedModelOf(task)
  const options = { ...(adapter !== undefined && { adapter }), ...(weights !== undefined && { weights }) }
  const run = (await pipeline(task.name as Task, path, options)) as unknown as AnyPipeline & {
    readonly model: Running
  }
  const files = (await Promise.all([path, ...(adapter === undefined ? [] : [adapter])].map(filesOf))).flat()
  return {
    model: basename(path),
    stamp: [await stampsOf(files), weights ?? null],
    running: run.model,
    run: (inputs, asked, signal) => outcomes(task, run, inputs, { ...asked, signal }),
  }
}

/** @throws {UsageError} where heed ships none for the task, {StateError} where it isn't installed */
export function shippedModelOf({ name }: TaskEntry): string {
  try {
    return shippedFolder(name)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError({ ...error, hint: 'name one with --model' })
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  return (await stat(path)).isDirectory() ? modelFilesOf(path) : [path]
}

async function outcomes(
  { name }: TaskEntry,
  run: AnyPipeline,
  inputs: readonly Fields[],
  options: TaskOptions,
): Promise<readonly Outcome[]> {
  const task = runnableTasks[name]!
  const asked = { ...task.defaults, ...options, errors: 'return' }
  const results =
    task.run === undefined
      ? ((await run(
          inputs.map((fields) => task.input?.(fields) ?? fields.text),
          asked,
        )) as readonly unknown[])
      : await task.run(run, inputs, asked)
  return results.map((result) => {
    if (!(result instanceof Error)) return outcome(task.json?.(result) ?? result)
    if (!isOfInput(result)) throw result
    return { error: errorText(result) }
  })
}

/** Numbers to seven digits, which is all that 32-bit floats have; what was attended beside the result. */
function outcome(result: unknown): Outcome {
  const attention = (result as { readonly attention?: Attention } | null)?.attention
  const text = JSON.stringify(result, (key, value: unknown) => {
    if (key === 'attention') return undefined
    return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value
  })
  return { result: JSON.parse(text) as unknown, ...(attention !== undefined && { attention }) }
}
