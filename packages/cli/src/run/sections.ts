import { attentionResult, type AnswerPart, type AnswerSection } from '@heed/studio'
import { countText } from '../format.js'
import { summaryOf } from '../model.js'
import type { Fields } from './fields.js'
import type { PipelineRunner } from './open-runner.js'
import type { Outcome } from './runner.js'
import type { TaskEntry } from './task-list.js'
import { runnableTasks } from './tasks/index.js'

/** A result, to be shown, and what was attended where it is known and asked for. */
export function partsOf(
  { name }: TaskEntry,
  fields: Fields,
  outcome: Extract<Outcome, { readonly result: unknown }>,
  attend: boolean,
): readonly AnswerPart[] {
  const task = runnableTasks[name]!
  const { result, attention } = outcome
  const attended = attend && attention !== undefined ? (task.attended?.(fields, result, attention) ?? []) : []
  return [...task.parts(fields, result), ...leftOut(result), ...attended]
}

/** The input itself, where a terminal shows it otherwise than as text. */
export async function shownInput({ name }: TaskEntry, fields: Fields): Promise<readonly AnswerPart[]> {
  return (await runnableTasks[name]!.shown?.(fields)) ?? []
}

/** That a part of the text was not read, where the result says so. */
function leftOut(result: unknown): readonly AnswerPart[] {
  const [first] = [result].flat() as readonly (
    | { readonly unread?: number; readonly truncated?: number }
    | undefined
  )[]
  const { unread, truncated } = first ?? {}
  const count =
    unread !== undefined ? `${countText(unread)} characters` : truncated && `${countText(truncated)} tokens`
  if (count === undefined) return []
  return [{ kind: 'text', text: `(the model has no room for the last ${count}: they were not read)` }]
}

/** A result on a page, with all filters where there are some. */
export function sectionOf(
  task: TaskEntry,
  runner: PipelineRunner,
  heading: string,
  fields: Fields,
  outcome: Outcome,
): AnswerSection {
  if ('error' in outcome) return { heading, parts: [{ kind: 'text', text: outcome.error.message }] }
  const parts = partsOf(task, fields, outcome, true)
  const { attention } = outcome
  if (attention === undefined || Object.keys(attention.filters).length === 0) return { heading, parts }
  const attend = attentionResult(attention.filters, attention.labels)
  const model = summaryOf(runner.model, runner.running)
  return { heading, parts, report: { title: heading, model, attend } }
}
