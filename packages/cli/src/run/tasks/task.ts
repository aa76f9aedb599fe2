import type { AnswerPart } from '@heed/studio'
import type { Attention, Running } from 'heed'
import type { Fields, TaskOptions } from '../fields.js'

/** A pipeline, whatever its task. */
export interface AnyPipeline {
  (...given: readonly unknown[]): Promise<unknown>
  readonly model: Running
}

/** How inputs run: a result for each, or its error. */
export type RunInputs = (
  pipeline: AnyPipeline,
  inputs: readonly Fields[],
  options: TaskOptions,
) => Promise<readonly unknown[]>

/** How a task is called, and how its results are shown. */
export interface RunnableTask {
  /** Options where nobody says others. */
  readonly defaults?: TaskOptions
  /** Left out: the pipeline takes a list of what `input` gives. */
  readonly run?: RunInputs
  /** What the pipeline takes for one input. Left out: its text. */
  input?(fields: Fields): unknown
  /** The result as JSON has it. Left out: as it is. */
  readonly json?: (result: unknown) => unknown
  /** Results for a response in the form of OpenAI's: see `outcomeLine`. */
  readonly respond?: RunInputs
  /** The input itself, where a terminal or a page shows it otherwise than as text. */
  shown?(fields: Fields): Promise<readonly AnswerPart[]>
  /** The result, to be shown. */
  parts(fields: Fields, result: unknown): readonly AnswerPart[]
  /** What was attended, in short, to be shown. */
  attended?(fields: Fields, result: unknown, attention: Attention): readonly AnswerPart[]
}

/** Options for the inputs `from` to `to` of so many, which tell what is done as a part of all. */
export function forPart(options: TaskOptions, from: number, to: number, all: number): TaskOptions {
  const { progress } = options
  if (typeof progress !== 'function') return options
  const told = progress as (done: number, total: number, share: number) => void
  return {
    ...options,
    progress: (_: number, __: number, share: number) => told(from, all, (from + share * (to - from)) / all),
  }
}

/** One text of the inputs. */
export function textIn(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}

/** A list of texts of the inputs. */
export function textsIn(fields: Fields, name: string): readonly string[] {
  const value = fields[name]
  return typeof value === 'string' ? [value] : (value ?? [])
}
