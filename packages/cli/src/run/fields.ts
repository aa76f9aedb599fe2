import type { JsonValue } from 'heed/internals'
import type { TaskEntry } from './task-list.js'

/** The inputs of a task by their names, in the order in which the task lists them. */
export type Fields = Readonly<Record<string, string | readonly string[]>>

/** Options of a pipeline, by its names. */
export type TaskOptions = Readonly<Record<string, unknown>>

/**
 * The inputs of a task from JSON. Members of other names are passed over.
 *
 * @param given inputs that hold where JSON has none
 * @throws {FormatError} where one is missing, or is no text
 */
export function fieldsOf(task: TaskEntry, value: JsonValue, given: Fields = {}): Fields {
  if (typeof value.value === 'string') return { ...given, [task.read]: value.string() }
  const fields = task.fields.flatMap((field): [string, string | readonly string[]][] => {
    const member = value.member(field.name)
    if (member.value !== undefined && !(field.isOptional === true && member.isNull))
      return [
        [field.name, field.isList === true ? member.items().map((item) => item.string()) : member.string()],
      ]
    if (given[field.name] !== undefined) return [[field.name, given[field.name]!]]
    return field.isOptional === true
      ? []
      : member.refuse(field.isList === true ? 'a list of texts' : 'a text')
  })
  return Object.fromEntries(fields)
}
