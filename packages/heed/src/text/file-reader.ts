import { FormatError } from '../base/index.js'

/** A value of a JSON file, with its path in the file: hands over what was asked for, or throws a FormatError. */
export class JsonValue {
  readonly value: unknown
  readonly path: string

  constructor(value: unknown, path: string) {
    this.value = value
    this.path = path
  }

  get isNull(): boolean {
    return this.value === null || this.value === undefined
  }

  /** A member; undefined in the file reads as null. */
  member(name: string): JsonValue {
    const value = this.record()
    return new JsonValue(Object.hasOwn(value, name) ? value[name] : null, `${this.path}.${name}`)
  }

  members(): [string, JsonValue][] {
    return Object.entries(this.record()).map(([name, value]) => [
      name,
      new JsonValue(value, `${this.path}['${name.slice(0, 50)}']`),
    ])
  }

  items(): JsonValue[] {
    if (!Array.isArray(this.value)) this.refuse('a list')
    return this.value.map((item: unknown, i) => new JsonValue(item, `${this.path}[${i}]`))
  }

  /** A string of whole characters. */
  string(): string {
    if (typeof this.value !== 'string') this.refuse('a string')
    if (/[\ud800-\udfff]/u.test(this.value)) this.refuse('a string without lone surrogates')
    return this.value
  }

  boolean(absent?: boolean): boolean {
    if (absent !== undefined && this.isNull) return absent
    if (typeof this.value !== 'boolean') this.refuse('true or false')
    return this.value
  }

  /** A whole number from 0 on. */
  count(): number {
    if (!Number.isSafeInteger(this.value) || (this.value as number) < 0)
      this.refuse('a whole number from 0 on')
    return this.value as number
  }

  choice<Name extends string>(names: readonly Name[]): Name {
    const found = names.find((name) => name === this.value)
    return found ?? this.refuse(names.map((name) => `'${name}'`).join(' or '))
  }

  refuse(expected: string, hint: string = 'check that it is a byte-level BPE tokenizer.json'): never {
    const { value, path } = this
    const shown =
      typeof value === 'string'
        ? `'${value.slice(0, 60)}'`
        : Array.isArray(value)
          ? 'a list'
          : typeof value === 'object' && value !== null
            ? 'an object'
            : String(value).slice(0, 60)
    throw new FormatError({
      operation: 'loadTokenizer',
      expected: `${path} to be ${expected}`,
      found: shown,
      hint,
    })
  }

  private record(): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      this.refuse('an object')
    }
    return this.value as Record<string, unknown>
  }
}
