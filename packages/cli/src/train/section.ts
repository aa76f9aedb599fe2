import { UsageError, type ErrorDetail } from 'heed'
import { nearest } from 'heed/internals'

/** A training configuration that makes no sense: which field, what was expected, what was found. */
export class ConfigError extends UsageError {
  override name = 'ConfigError'
  /** The configuration's file. */
  readonly file: string
  /** The field, as `training.rate`. */
  readonly field: string

  constructor(detail: Omit<ErrorDetail, 'operation'> & { readonly file: string; readonly field: string }) {
    super({ operation: detail.file, ...detail })
    this.file = detail.file
    this.field = detail.field
  }
}

interface Range {
  readonly least?: number
  /** Numbers above it, not itself. */
  readonly above?: number
  readonly most?: number
  /** Numbers below it, not itself. */
  readonly below?: number
}

/**
 * An object of a JSON configuration, read field by field; what is not known is refused with the nearest known
 * name.
 */
export class Section {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #file: string
  readonly #path: string

  /**
   * @param path the section's own name, '' for the whole configuration
   * @param known the names of all fields
   * @param elsewhere names of fields that stand in other sections, by the section's path
   * @throws {ConfigError} unless `value` is an object of these fields
   */
  constructor(
    value: unknown,
    place: { readonly file: string; readonly path: string },
    known: readonly string[],
    elsewhere: Readonly<Record<string, readonly string[]>> = {},
  ) {
    this.#file = place.file
    this.#path = place.path
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.error('', 'an object', shown(value), `give its fields: ${known.join(', ')}`)
    }
    this.#fields = value as Readonly<Record<string, unknown>>
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue
      const [home] = Object.entries(elsewhere).find(([, names]) => names.includes(name)) ?? []
      const close = nearest(name, known)
      throw this.error(
        name,
        `one of the fields ${known.join(', ')}`,
        'another',
        home !== undefined
          ? `it belongs into ${home}: { "${home}": { "${name}": … } }`
          : close === undefined
            ? 'remove it'
            : `did you mean '${close}'?`,
      )
    }
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined
  }

  raw(name: string): unknown {
    return this.#fields[name]
  }

  number(name: string, range: Range, fallback?: number): number {
    return this.#inRange(name, this.#value(name, fallback), 'a number', range)
  }

  integer(name: string, range: Range, fallback?: number): number {
    const value = this.#inRange(name, this.#value(name, fallback), 'a whole number', range)
    if (!Number.isSafeInteger(value)) throw this.error(name, 'a whole number', shown(value))
    return value
  }

  text(name: string, fallback?: string): string {
    const value = this.#value(name, fallback)
    if (typeof value !== 'string' || value === '') throw this.error(name, 'a text', shown(value))
    return value
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#value(name, fallback)
    if (typeof value !== 'boolean') throw this.error(name, 'true or false', shown(value))
    return value
  }

  choice<const C extends string>(name: string, choices: readonly C[], fallback: C): C {
    const value = this.#value(name, fallback)
    if (choices.includes(value as C)) return value as C
    const close = typeof value === 'string' ? nearest(value, choices) : undefined
    throw this.error(
      name,
      `one of ${choices.map((choice) => `"${choice}"`).join(', ')}`,
      shown(value),
      close === undefined ? undefined : `did you mean "${close}"?`,
    )
  }

  /** A list of texts; a single text counts as a list of one. */
  texts(name: string, fallback?: readonly string[]): readonly string[] {
    const value = this.#value(name, fallback)
    const list: unknown[] = typeof value === 'string' ? [value] : (value as unknown[])
    if (!Array.isArray(list) || !list.every((each) => typeof each === 'string' && each !== '')) {
      throw this.error(name, 'a list of texts', shown(value))
    }
    return list as string[]
  }

  /** A list of whole numbers. */
  numbers(name: string, range: Range): readonly number[] {
    const value = this.#value(name, undefined)
    if (!Array.isArray(value)) throw this.error(name, 'a list of whole numbers', shown(value))
    return value.map((each: unknown) => {
      const number = this.#inRange(name, each, 'whole numbers, each', range)
      if (Number.isSafeInteger(number)) return number
      throw this.error(name, 'a list of whole numbers', shown(each))
    })
  }

  /** Two numbers. */
  pair(name: string, range: Range, fallback: readonly [number, number]): readonly [number, number] {
    const value = this.#value(name, fallback)
    if (!Array.isArray(value) || value.length !== 2)
      throw this.error(name, 'a list of two numbers', shown(value))
    const [first, second] = value.map((each: unknown) =>
      this.#inRange(name, each, 'two numbers, each', range),
    )
    return [first!, second!]
  }

  /** An object whose names are data, each with a text. */
  record(name: string): Readonly<Record<string, string>> {
    const value = this.#fields[name]
    const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isRecord || !Object.values(value).every((each) => typeof each === 'string'))
      throw this.error(name, 'an object of texts', shown(value))
    return value as Record<string, string>
  }

  /** Any object, for whoever reads it further. */
  plain(name: string): Readonly<Record<string, unknown>> {
    const value = this.#fields[name]
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
    throw this.error(name, 'an object', shown(value))
  }

  /** A list of objects; a single object counts as a list of one. */
  sections(name: string, known: readonly string[]): readonly Section[] {
    const value = this.#value(name, undefined)
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    return list.map((each, i) => {
      const path = Array.isArray(value) ? `${this.#fieldPath(name)}[${i}]` : this.#fieldPath(name)
      return new Section(each, { file: this.#file, path }, known)
    })
  }

  section(name: string, known: readonly string[]): Section {
    const value = this.#fields[name]
    if (value === undefined) throw this.#missing(name)
    return new Section(value, { file: this.#file, path: this.#fieldPath(name) }, known)
  }

  /** An error about one field. */
  error(name: string, expected: string, found: string, hint = 'correct it'): ConfigError {
    const field = this.#fieldPath(name)
    const where = field === '' ? '' : `${field} to be `
    return new ConfigError({ expected: where + expected, found, hint, file: this.#file, field })
  }

  #missing(name: string): ConfigError {
    const field = this.#fieldPath(name)
    return new ConfigError({
      expected: `the field ${field}`,
      found: 'none',
      hint: "add it; 'heed train --help' shows an example",
      file: this.#file,
      field,
    })
  }

  #fieldPath(name: string): string {
    return this.#path === '' || name === '' ? this.#path + name : `${this.#path}.${name}`
  }

  #value(name: string, fallback: unknown): unknown {
    const value = this.#fields[name] ?? fallback
    if (value === undefined) throw this.#missing(name)
    return value
  }

  #inRange(name: string, value: unknown, kind: string, range: Range): number {
    const { least = -Infinity, above = -Infinity, most = Infinity, below = Infinity } = range
    const fits =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= least &&
      value <= most &&
      (value > above || above === -Infinity) &&
      (value < below || below === Infinity)
    if (fits) return value
    throw this.error(name, `${kind}${rangeText(range)}`, shown(value))
  }
}

function rangeText({ least, above, most, below }: Range): string {
  const low = least === undefined ? (above === undefined ? '' : ` above ${above}`) : ` from ${least}`
  const high = most === undefined ? (below === undefined ? '' : ` below ${below}`) : ` to ${most}`
  return low + high
}

/** A value of a JSON file in an error: short. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
