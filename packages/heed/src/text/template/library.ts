/** What templates may call: filters, tests, and methods of strings and records. */
import {
  isEqual,
  isList,
  isRecord,
  isTrue,
  jsonOf,
  textOf,
  type TemplateFunction,
  type Value,
} from './value.js'

/** Refuses a call. */
export type Refuse = (expected: string, found: string) => never

/** A filter: the value, what else is given, and how to refuse. */
export type Filter = (
  value: Value,
  list: readonly Value[],
  named: ReadonlyMap<string, Value>,
  refuse: Refuse,
) => Value

const string = (value: Value, refuse: Refuse): string =>
  typeof value === 'string' ? value : refuse('a string', typeof value)

/** The items of a list, of a string, or the names of a record. */
export function itemsOf(value: Value, refuse: Refuse): readonly Value[] {
  if (value === undefined) return []
  if (isList(value)) return value
  if (isRecord(value)) return [...value.keys()]
  if (typeof value === 'string') return [...value]
  return refuse('a list', value === null ? 'none' : typeof value)
}

function memberOf(value: Value, name: Value): Value {
  let found: Value = value
  for (const part of textOf(name).split('.')) found = isRecord(found) ? found.get(part) : undefined
  return found
}

const chosen =
  (wanted: boolean, byMember: boolean): Filter =>
  (value, list, _, refuse) => {
    const [name, test, ...rest] = byMember ? list : [undefined, ...list]
    const check = test === undefined ? undefined : tests[textOf(test)]
    if (test !== undefined && check === undefined) return refuse('a known test', textOf(test))
    return itemsOf(value, refuse).filter((item) => {
      const own = byMember ? memberOf(item, name) : item
      return (check === undefined ? isTrue(own) : check(own, rest, refuse)) === wanted
    })
  }

/** Filters by name. */
export const filters: Readonly<Record<string, Filter>> = {
  trim: (value) => stripped(textOf(value), undefined, 'both'),
  upper: (value) => textOf(value).toUpperCase(),
  lower: (value) => textOf(value).toLowerCase(),
  capitalize: (value) => textOf(value).slice(0, 1).toUpperCase() + textOf(value).slice(1).toLowerCase(),
  title: (value) => titled(textOf(value)),
  string: (value) => textOf(value),
  safe: (value) => value,
  int: (value, [absent = 0]) => {
    const number = Math.trunc(Number(value))
    return Number.isFinite(number) ? number : absent
  },
  float: (value, [absent = 0]) => (Number.isFinite(Number(value)) ? Number(value) : absent),
  abs: (value) => Math.abs(Number(value)),
  length: (value, _, __, refuse) => (isRecord(value) ? value.size : itemsOf(value, refuse).length),
  count: (value, _, __, refuse) => (isRecord(value) ? value.size : itemsOf(value, refuse).length),
  first: (value, _, __, refuse) => itemsOf(value, refuse)[0],
  last: (value, _, __, refuse) => itemsOf(value, refuse).at(-1),
  list: (value, _, __, refuse) => [...itemsOf(value, refuse)],
  reverse: (value, _, __, refuse) =>
    typeof value === 'string' ? [...value].reverse().join('') : [...itemsOf(value, refuse)].reverse(),
  items: (value) => (isRecord(value) ? [...value] : []),
  join: (value, [between = ''], named, refuse) =>
    joined(
      itemsOf(value, refuse).map((item) =>
        named.has('attribute') ? memberOf(item, named.get('attribute')) : item,
      ),
      textOf(between),
      refuse,
    ),
  default: (value, [absent = '', always], named) =>
    value === undefined || (isTrue(always ?? named.get('boolean')) && !isTrue(value)) ? absent : value,
  d: (value, list, named, refuse) => filters['default']!(value, list, named, refuse),
  replace: (value, [from, to], _, refuse) => replaced(textOf(value), textOf(from), textOf(to), refuse),
  tojson: (value, [indent], named) => {
    const spaces = indent ?? named.get('indent')
    const between = named.get('separators')
    const [comma, colon] = isList(between) ? between.map(textOf) : []
    return jsonOf(value, {
      indent: typeof spaces === 'number' ? Math.min(16, spaces) : undefined,
      ...(comma !== undefined && colon !== undefined && { comma, colon }),
    })
  },
  map: (value, [name], named, refuse) =>
    itemsOf(value, refuse).map((item) => {
      if (named.has('attribute')) return memberOf(item, named.get('attribute'))
      const filter = Object.hasOwn(filters, textOf(name)) ? filters[textOf(name)] : undefined
      return filter === undefined
        ? refuse('a known filter', textOf(name))
        : filter(item, [], new Map(), refuse)
    }),
  select: chosen(true, false),
  reject: chosen(false, false),
  selectattr: chosen(true, true),
  rejectattr: chosen(false, true),
  unique: (value, _, __, refuse) =>
    itemsOf(value, refuse).filter((item, i, all) => all.findIndex((one) => isEqual(one, item)) === i),
  indent: (value, [width = 4, first = false]) => {
    const spaces = ' '.repeat(Math.min(64, Number(width) || 0))
    const lines = textOf(value).split('\n')
    return lines
      .map((line, i) => (line === '' || (i === 0 && !isTrue(first)) ? line : spaces + line))
      .join('\n')
  },
}

/** A test: `value is string`. */
export type Test = (value: Value, list: readonly Value[], refuse: Refuse) => boolean

/** Tests by name. */
export const tests: Readonly<Record<string, Test>> = {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  none: (value) => value === null,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  true: (value) => value === true,
  false: (value) => value === false,
  mapping: (value) => isRecord(value),
  sequence: (value) => isList(value) || typeof value === 'string' || isRecord(value),
  iterable: (value) => isList(value) || typeof value === 'string' || isRecord(value),
  callable: (value) => typeof value === 'function',
  odd: (value) => Math.abs(Number(value)) % 2 === 1,
  even: (value) => Number(value) % 2 === 0,
  divisibleby: (value, [by]) => Number(value) % Number(by) === 0,
  equalto: (value, [other]) => isEqual(value, other),
  eq: (value, [other]) => isEqual(value, other),
  ne: (value, [other]) => !isEqual(value, other),
  sameas: (value, [other]) => isEqual(value, other),
  in: (value, [within], refuse) => contains(within, value, refuse),
}

/** Whether a value is in a list, in a string, or the name of a member. */
export function contains(within: Value, value: Value, refuse: Refuse): boolean {
  if (typeof within === 'string') return within.includes(string(value, refuse))
  if (isRecord(within)) return typeof value === 'string' && within.has(value)
  return itemsOf(within, refuse).some((item) => isEqual(item, value))
}

/** Characters of a text that is made at once. */
const mostCharacters = 2 ** 24

function replaced(text: string, from: string, to: string, refuse: Refuse): string {
  const times = from === '' ? text.length + 1 : text.split(from).length - 1
  if (text.length + times * to.length > mostCharacters)
    return refuse(`a text of at most ${mostCharacters} characters`, 'more')
  return text.replaceAll(from, () => to)
}

function joined(items: readonly Value[], between: string, refuse: Refuse): string {
  const texts: string[] = []
  let length = items.length * between.length
  for (const item of items) {
    if (length > mostCharacters) return refuse(`a text of at most ${mostCharacters} characters`, 'more')
    const text = textOf(item)
    length += text.length
    texts.push(text)
  }
  return length > mostCharacters
    ? refuse(`a text of at most ${mostCharacters} characters`, 'more')
    : texts.join(between)
}

function stripped(text: string, characters: string | undefined, side: 'both' | 'left' | 'right'): string {
  const isCut = (one: string): boolean =>
    characters === undefined ? /\s/.test(one) : characters.includes(one)
  let [start, end] = [0, text.length]
  if (side !== 'right') while (start < end && isCut(text[start]!)) start++
  if (side !== 'left') while (end > start && isCut(text[end - 1]!)) end--
  return text.slice(start, end)
}

function titled(text: string): string {
  return text
    .toLowerCase()
    .replace(/(^|[^a-z])([a-z])/g, (_, before: string, one: string) => before + one.toUpperCase())
}

/** A method of a string or of a record. Undefined: there is none. */
export function methodOf(of: Value, name: string, refuse: Refuse): TemplateFunction | undefined {
  if (typeof of === 'string') {
    const method = Object.hasOwn(stringMethods, name) ? stringMethods[name] : undefined
    return method && ((list) => method(of, list, refuse))
  }
  if (!isRecord(of)) return undefined
  switch (name) {
    case 'items':
      return () => [...of]
    case 'keys':
      return () => [...of.keys()]
    case 'values':
      return () => [...of.values()]
    case 'get':
      return ([key, absent = null]) => of.get(textOf(key)) ?? absent
    default:
      return undefined
  }
}

type Method = (text: string, list: readonly Value[], refuse: Refuse) => Value
const maybe = (value: Value): string | undefined => (typeof value === 'string' ? value : undefined)

const stringMethods: Readonly<Record<string, Method>> = {
  strip: (text, [characters]) => stripped(text, maybe(characters), 'both'),
  lstrip: (text, [characters]) => stripped(text, maybe(characters), 'left'),
  rstrip: (text, [characters]) => stripped(text, maybe(characters), 'right'),
  startswith: (text, [what], refuse) => anyOf(what, refuse).some((one) => text.startsWith(one)),
  endswith: (text, [what], refuse) => anyOf(what, refuse).some((one) => text.endsWith(one)),
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  title: (text) => titled(text),
  capitalize: (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase(),
  replace: (text, [from, to], refuse) => replaced(text, string(from, refuse), string(to, refuse), refuse),
  find: (text, [what], refuse) => text.indexOf(string(what, refuse)),
  split: (text, [by, most], refuse) => {
    if (by === undefined || by === null) return text.trim() === '' ? [] : text.trim().split(/\s+/)
    const parts = text.split(string(by, refuse))
    const limit = typeof most === 'number' && most >= 0 ? most : Infinity
    return parts.length <= limit + 1
      ? parts
      : [...parts.slice(0, limit), parts.slice(limit).join(string(by, refuse))]
  },
  splitlines: (text) => (text === '' ? [] : text.replace(/\n$/, '').split('\n')),
  join: (text, [list], refuse) => joined(itemsOf(list, refuse), text, refuse),
}

function anyOf(what: Value, refuse: Refuse): readonly string[] {
  return isList(what) ? what.map((one) => string(one, refuse)) : [string(what, refuse)]
}
