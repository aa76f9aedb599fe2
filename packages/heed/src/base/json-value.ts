/**
 * A value of a JSON text as part of a tree, which knows where it stands: hands over what was asked for, or
 * refuses.
 */
import { nearest } from './nearest.js'

/** What a value was read from. */
interface JsonText {
  whereIs(at: number): string
  refuseAt(
    at: number,
    path: string,
    expected: string,
    more: { readonly found?: string; readonly hint?: string; readonly cause?: unknown },
  ): never
}

export class JsonValue {
  /** undefined: the record has no such member. */
  readonly value:
    | string
    | number
    | boolean
    | null
    | undefined
    | readonly JsonValue[]
    | ReadonlyMap<string, JsonValue>
  readonly #parent: JsonValue | undefined
  /** Of the uppermost: its path. */
  readonly #key: string | number
  readonly #text: JsonText
  readonly #at: number

  constructor(
    value: JsonValue['value'],
    parent: JsonValue | undefined,
    key: string | number,
    text: JsonText,
    at: number,
  ) {
    this.value = value
    this.#parent = parent
    this.#key = key
    this.#text = text
    this.#at = at
  }

  /** `layers[3].width` */
  get path(): string {
    return this.#parent === undefined ? String(this.#key) : joinedPath(this.#parent.path, this.#key)
  }

  /** Line, column and file: `3:14 of 'config.json'`. */
  get where(): string {
    return this.#text.whereIs(this.#at)
  }

  /** Whether it is null, or isn't there. */
  get isNull(): boolean {
    return this.value === null || this.value === undefined
  }

  /** A member of a record, there or not. */
  member(name: string): JsonValue {
    return this.#record().get(name) ?? new JsonValue(undefined, this, name, this.#text, this.#at)
  }

  /** A record's members. */
  members(): [string, JsonValue][] {
    return [...this.#record()]
  }

  /** Refuses members of other names than these. */
  only(names: readonly string[]): this {
    for (const [name, member] of this.#record()) {
      if (names.includes(name)) continue
      const close = nearest(name, names)
      const hint = close === undefined ? 'remove it' : `did you mean '${close}'?`
      member.refuse(`one of the fields ${names.join(', ')}`, { found: 'another', hint })
    }
    return this
  }

  items(): readonly JsonValue[] {
    return Array.isArray(this.value) ? (this.value as readonly JsonValue[]) : this.refuse('a list')
  }

  string(): string {
    return typeof this.value === 'string' ? this.value : this.refuse('a string')
  }

  boolean(absent?: boolean): boolean {
    if (absent !== undefined && this.isNull) return absent
    return typeof this.value === 'boolean' ? this.value : this.refuse('true or false')
  }

  /** A whole number from 0 up to `most`. */
  count(most: number = Number.MAX_SAFE_INTEGER): number {
    const { value } = this
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value
    return this.refuse(`a whole number from 0 ${most === Number.MAX_SAFE_INTEGER ? 'on' : `to ${most}`}`)
  }

  choice<const Name extends string>(names: readonly Name[]): Name {
    const found = names.find((name) => name === this.value)
    return found ?? this.refuse(names.map((name) => `'${name}'`).join(' or '))
  }

  /** The value as JavaScript's own: records, lists, texts and numbers. */
  plain(): unknown {
    const { value } = this
    if (value instanceof Map) {
      const members = value as ReadonlyMap<string, JsonValue>
      // Own properties, also of the name __proto__.
      return Object.fromEntries([...members].map(([name, member]) => [name, member.plain()]))
    }
    return Array.isArray(value) ? (value as readonly JsonValue[]).map((item) => item.plain()) : value
  }

  /**
   * Throws the error that says where it stands and what is wrong with it.
   *
   * @param expected a phrase for what would have been right: 'a list'
   */
  refuse(
    expected: string,
    more: { readonly found?: string; readonly hint?: string; readonly cause?: unknown } = {},
  ): never {
    const found = this.value === undefined && more.found === undefined ? { found: 'none' } : {}
    return this.#text.refuseAt(this.#at, this.path, expected, { ...found, ...more })
  }

  #record(): ReadonlyMap<string, JsonValue> {
    return this.value instanceof Map
      ? (this.value as ReadonlyMap<string, JsonValue>)
      : this.refuse('an object')
  }
}

/** `layers`, 3 and `width` as `layers[3].width`; other names, and those that are data, as `['a b']`. */
export function joinedPath(path: string, key: string | number, isData = false): string {
  if (typeof key === 'number') return `${path}[${key}]`
  if (!isData && /^[A-Za-z_]\w{0,60}$/.test(key)) return path === '' ? key : `${path}.${key}`
  return `${path}['${JSON.stringify(key.slice(0, 50)).slice(1, -1)}']`
}
