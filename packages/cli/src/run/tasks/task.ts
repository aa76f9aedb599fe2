import type { AnswerPart } from '@heed/studio'
import type { Attention } from 'heed'
import type { Fields, TaskOptions } from '../fields.js'

/** A pipeline, whatever its task. */
export type AnyPipeline = (...given: readonly unknown[]) => Promise<unknown>

/** How a task is called, and how its results are shown. */
export interface RunnableTask {
  /** Options where nobody says others. */
  readonly defaults?: TaskOptions
  /**
   * The results of inputs, an error in the place of one that can't be run. Left out: the pipeline takes a
   * list of what `input` gives.
   */
  run?(pipeline: AnyPipeline, inputs: readonly Fields[], options: TaskOptions): Promise<readonly unknown[]>
  /** What the pipeline takes for one input. Left out: its text. */
  input?(fields: Fields): unknown
  /** The result as JSON has it. Left out: as it is. */
  json?(result: unknown): unknown
  /** The result, to be shown. */
  parts(fields: Fields, result: unknown): readonly AnswerPart[]
  /** What was attended, in short, to be shown. */
  attended?(fields: Fields, result: unknown, attention: Attention): readonly AnswerPart[]
}

/** One text of the inputs. */
export function textIn(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}
