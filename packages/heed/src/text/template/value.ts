/** The values of templates: what JSON has, functions, and namespaces. */
import { templateError } from './lexer.js'

/** A value. Records are maps, so that no name of JavaScript's own is found in one; undefined: not there. */
export type Value =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Namespace
  | TemplateFunction

/** What `set` may change from within a loop. */
export class Namespace {
  readonly members: Map<string, Value>

  constructor(members: Map<string, Value>) {
    this.members = members
  }
}

/** A function of a template: given its arguments, in their order and by name. */
export type TemplateFunction = (list: readonly Value[], named: ReadonlyMap<string, Value>) => Value

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)
export const isRecord = (value: Value): value is ReadonlyMap<string, Value> => value instanceof Map

/** JSON's values as a template's. */
export function valueOf(json: unknown, depth = 0): Value {
  if (depth > 64) return null
  if (Array.isArray(json)) return json.map((one) => valueOf(one, depth + 1))
  if (typeof json === 'object' && json !== null)
    return new Map(Object.entries(json).map(([name, value]) => [name, valueOf(value, depth + 1)]))
  return typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean' ? json : null
}

/** Whether a value counts as true. */
export function isTrue(value: Value): boolean {
  if (value === null || value === undefined) return false
  if (isList(value)) return value.length > 0
  if (isRecord(value)) return value.size > 0
  return typeof value === 'object' || typeof value === 'function' ? true : Boolean(value)
}

/** Parts of a value that are written, or compared: a small one may have many, where lists share lists. */
class Budget {
  #left = 2 ** 20

  take(): void {
    if (--this.#left < 0) throw templateError(0, 'a value of fewer parts', `more than ${2 ** 20}`)
  }
}

/** A value as Python's `str` writes it. */
export function textOf(value: Value): string {
  if (typeof value === 'string') return value
  if (value === undefined) return ''
  return written(value, new Budget())
}

function written(value: Value, budget: Budget): string {
  budget.take()
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
    const inner = value.replace(
      /[\\\n\r\t]/g,
      (one) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r' })[one] ?? '\\t',
    )
    return quote + (quote === "'" ? inner.replaceAll("'", "\\'") : inner) + quote
  }
  if (isList(value)) return `[${value.map((one) => written(one, budget)).join(', ')}]`
  if (isRecord(value))
    return `{${[...value].map(([name, one]) => `${written(name, budget)}: ${written(one, budget)}`).join(', ')}}`
  return typeof value === 'number' ? String(value) : '<function>'
}

/** How JSON is written: spaces for each level, and what stands between. */
export interface JsonForm {
  readonly indent?: number | undefined
  readonly comma?: string
  readonly colon?: string
}

/** A value as Python's `json.dumps` writes it. */
export function jsonOf(value: Value, form: JsonForm = {}, level = 0, budget: Budget = new Budget()): string {
  budget.take()
  const { indent, comma = indent === undefined ? ', ' : ',', colon = ': ' } = form
  const line = (depth: number): string => (indent === undefined ? '' : `\n${' '.repeat(indent * depth)}`)
  const joined = (open: string, parts: readonly string[], close: string): string =>
    parts.length === 0
      ? open + close
      : `${open}${line(level + 1)}${parts.join(comma + line(level + 1))}${line(level)}${close}`
  if (isList(value))
    return joined(
      '[',
      value.map((one) => jsonOf(one, form, level + 1, budget)),
      ']',
    )
  if (isRecord(value))
    return joined(
      '{',
      [...value].map(([name, one]) => JSON.stringify(name) + colon + jsonOf(one, form, level + 1, budget)),
      '}',
    )
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? JSON.stringify(value)
    : 'null'
}

/** Whether two values are the same, as Python's `==` has it. */
export function isEqual(a: Value, b: Value, budget: Budget = new Budget()): boolean {
  budget.take()
  if (isList(a) && isList(b)) return a.length === b.length && a.every((one, i) => isEqual(one, b[i], budget))
  if (isRecord(a) && isRecord(b))
    return (
      a.size === b.size && [...a].every(([name, one]) => b.has(name) && isEqual(one, b.get(name), budget))
    )
  if (typeof a === 'boolean' && typeof b === 'number') return Number(a) === b
  if (typeof a === 'number' && typeof b === 'boolean') return a === Number(b)
  return (a ?? null) === (b ?? null) && (a === undefined) === (b === undefined)
}
