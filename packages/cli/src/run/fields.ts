import { nearest, type JsonValue } from 'heed/internals'
import type { TaskEntry, TaskField } from './task-list.js'

/** The inputs of a task by their names, in the order in which the task lists them. */
export type Fields = Readonly<Record<string, string | readonly string[]>>

/** Options of a pipeline, by its names. */
export type TaskOptions = Readonly<Record<string, unknown>>

/**
 * The inputs of a task from JSON. Members of other names are passed over, unless they look like an input that
 * isn't there: a misspelled `text_pair` would leave a pair's second text unread.
 *
 * @param given inputs that hold where JSON has none
 * @throws {FormatError} where one is missing or misspelled, or is no text
 */
export function fieldsOf(task: TaskEntry, value: JsonValue, given: Fields = {}): Fields {
  if (typeof value.value === 'string') return { ...given, [task.read]: value.string() }
  if (value.value instanceof Map) refuseMisspelled(task, value, [...value.value.keys()], given)
  const fields = task.fields.flatMap((field): [string, string | readonly string[]][] => {
    const member = memberOf(value, field)
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

/** The member that has an input; records of data may have it by another name. */
function memberOf(value: JsonValue, { name, inRecords }: TaskField): JsonValue {
  const own = value.member(name)
  return own.value === undefined && inRecords !== undefined ? value.member(inRecords) : own
}

function refuseMisspelled(task: TaskEntry, value: JsonValue, names: readonly string[], given: Fields): void {
  const known = task.fields.flatMap(({ name, inRecords }) => [name, inRecords ?? name])
  const lacking = task.fields.filter(
    (field) => memberOf(value, field).value === undefined && given[field.name] === undefined,
  )
  for (const name of names) {
    if (known.includes(name)) continue
    const meant = nearest(
      name,
      lacking.map((field) => field.name),
    )
    if (meant !== undefined)
      value.member(name).refuse(`'${meant}'`, { found: `'${name}'`, hint: 'correct the name of the input' })
  }
}
