/**
 * JSON (RFC 8259) from outside, read in one pass. What nobody asks for is never built. So time and memory are
 * bounded by what the reader keeps, whatever the text holds. Each error says the file, the line and column,
 * the path (`layers[3].width`), what was expected there and what was found.
 */
import { type ErrorDetail, FormatError } from './errors.js'
import { joinedPath, JsonValue } from './json-value.js'

/** What an error of a JSON file says, in full. */
export interface JsonErrorDetail extends ErrorDetail {
  readonly file: string | undefined
  /** Bytes from the file's beginning. */
  readonly offset: number
  /** The value's path; '' for the whole. */
  readonly path: string
}

export interface JsonOptions {
  /** Who reads, for errors. */
  readonly operation: string
  /** The path, for errors. */
  readonly file?: string | undefined
  /** What to do about what is wrong, where nothing better is known. Default: correct the file. */
  readonly hint?: string
  /** The most bytes of the text, or UTF-16 code units of a string. Default 2^24. */
  readonly length?: number
  /** The most lists and records inside of each other. Default 64. */
  readonly depth?: number
  /** The most values that are built by `value`. Default 2^16. */
  readonly values?: number
  /** Where in the file the text begins, in bytes. Default 0. */
  readonly start?: number
  /** Makes the error; default a FormatError. */
  readonly error?: (detail: JsonErrorDetail) => Error
}

/**
 * A whole JSON text as a tree.
 *
 * @throws FormatError for anything else, or more than the options allow
 */
export function readJson(text: string | Uint8Array, options: JsonOptions): JsonValue {
  const reader = new JsonReader(text, options)
  const value = reader.value()
  reader.end()
  return value
}

/** A name in a record, or a place in a list. */
type Key = string | number

/** A place to come back to. */
export interface JsonPlace {
  readonly at: number
  readonly keys: readonly Key[]
  readonly keyed: readonly boolean[]
}

/** A number of more characters than this is no number that somebody wrote. */
const longestNumber = 1000
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const backslash = 0x5c

/**
 * Reads values one after the other, each by the method for what is expected. `record` and `list` call back at
 * each of their values, which has to be read (or skipped) there.
 */
export class JsonReader {
  readonly #text: string
  readonly #options: JsonOptions
  readonly #depth: number
  readonly #most: number
  #at = 0
  #built = 0
  #keys: Key[] = []
  /** Of each record around: whether its names are data, such as a vocabulary's tokens. */
  #keyed: boolean[] = []

  /** @throws FormatError where bytes are no UTF-8, or there are too many */
  constructor(text: string | Uint8Array, options: JsonOptions) {
    const { length = 2 ** 24, depth = 64, values = 2 ** 16 } = options
    this.#options = options
    this.#depth = depth
    this.#most = values
    this.#text = ''
    if (text.length > length) this.refuse(`at most ${length} bytes`, { found: String(text.length) })
    this.#text = typeof text === 'string' ? text : this.#decoded(text)
    if (this.#text.charCodeAt(0) === 0xfeff) this.#at = 1
  }

  /** Where the next value begins, for `refuse`. */
  get at(): number {
    this.#space()
    return this.#at
  }

  /** Where the next value begins, to come back to. */
  place(): JsonPlace {
    this.#space()
    return { at: this.#at, keys: [...this.#keys], keyed: [...this.#keyed] }
  }

  /** Goes on reading from a place. */
  goTo({ at, keys, keyed }: JsonPlace): void {
    this.#at = at
    this.#keys = [...keys]
    this.#keyed = [...keyed]
  }

  /**
   * Reads `{ … }`, calling `member` at each value.
   *
   * @param keyed true: the names are data. They are not kept here, and `member` sees to it that none comes
   * twice
   */
  record(member: (name: string) => void, keyed = false): void {
    this.#members(member, keyed, keyed ? undefined : new Set())
  }

  #members(member: (name: string) => void, keyed: boolean, seen: Set<string> | undefined): void {
    this.#open(openBrace, 'an object', keyed)
    if (!this.#take(closeBrace))
      do {
        this.#space()
        const at = this.#at
        if (this.#text.charCodeAt(at) !== quote) this.#refuseToken('a name in quotes')
        const name = this.string()
        this.#keys[this.#keys.length - 1] = name
        if (seen?.has(name)) this.refuse('there once', { found: 'it again', at })
        seen?.add(name)
        if (!this.#take(colon)) this.#refuseToken("':'")
        this.#space()
        member(name)
      } while (this.#goesOn(closeBrace))
    this.#close()
  }

  /** Reads `[ … ]`, calling `item` at each value. */
  list(item: (index: number) => void): void {
    this.#open(openBracket, 'a list', false)
    let index = 0
    if (!this.#take(closeBracket))
      do {
        this.#keys[this.#keys.length - 1] = index
        this.#space()
        item(index++)
      } while (this.#goesOn(closeBracket))
    this.#close()
  }

  /** A string of whole characters. */
  string(): string {
    this.#space()
    const text = this.#text
    if (text.charCodeAt(this.#at) !== quote) this.refuse('a string')
    const start = ++this.#at
    let end = start
    let escaped = false
    let halves = false
    for (;;) {
      const unit = text.charCodeAt(end)
      if (unit === quote) break
      if (unit === backslash) {
        escaped = true
        end++
      } else if (!(unit >= 0x20)) {
        const found = Number.isNaN(unit) ? 'the end' : `the control character ${unit}`
        this.refuse('a string that ends', { found, at: Math.min(end, text.length) })
      } else if ((unit & 0xf800) === 0xd800) halves = true
      end++
    }
    this.#at = end + 1
    let value = text.slice(start, end)
    if (escaped) {
      try {
        value = JSON.parse(text.slice(start - 1, end + 1)) as string
      } catch (cause) {
        this.refuse('a string with the escapes of JSON', { found: 'another', at: start - 1, cause })
      }
      halves ||= /[\ud800-\udfff]/.test(value)
    }
    if (halves && /\p{Surrogate}/u.test(value))
      this.refuse('a string without lone surrogates', { found: 'one', at: start - 1 })
    return value
  }

  /** A number that f64 holds. */
  number(): number {
    this.#space()
    const text = this.#text
    const start = this.#at
    // Most are whole and short.
    let value = 0
    let at = start
    for (; at - start < 15; at++) {
      const digit = text.charCodeAt(at) - 0x30
      if (!(digit >= 0 && digit <= 9)) break
      value = 10 * value + digit
    }
    const next = text.charCodeAt(at)
    const isWhole = next === 0x2c || next === 0x5d || next === 0x7d // , ] }
    if (at === start || !isWhole || (at > start + 1 && text.charCodeAt(start) === 0x30)) {
      numberPattern.lastIndex = start
      const digits = numberPattern.exec(text)?.[0]
      if (digits === undefined) this.refuse('a number')
      if (digits.length > longestNumber)
        this.refuse(`a number of at most ${longestNumber} digits`, {
          found: `one of ${digits.length} digits`,
        })
      value = Number(digits)
      if (!Number.isFinite(value)) this.refuse('a number that fits in 64 bits')
      at = start + digits.length
    }
    this.#at = at
    return value
  }

  /** A whole number from 0 up to `most`, in digits alone. */
  count(most: number = Number.MAX_SAFE_INTEGER): number {
    this.#space()
    const at = this.#at
    const value = this.number()
    const digits = /^(?:0|[1-9]\d*)$/.test(this.#text.slice(at, this.#at))
    if (!digits || value > most) {
      const upTo = most === Number.MAX_SAFE_INTEGER ? 'below 2^53' : `to ${most}`
      this.refuse(`a whole number from 0 ${upTo}`, { at })
    }
    return value
  }

  /** Whether what comes next begins with this. */
  sees(text: string): boolean {
    this.#space()
    return this.#text.startsWith(text, this.#at)
  }

  /**
   * Any value, as a tree.
   *
   * @param streams members of the value, a record, that are read by these and are not in the tree
   */
  value(streams?: Readonly<Record<string, (reader: JsonReader) => void>>): JsonValue {
    return this.#build(undefined, pathOf(this.#keys, this.#keyed), streams)
  }

  #build(
    parent: JsonValue | undefined,
    key: Key,
    streams: Readonly<Record<string, (reader: JsonReader) => void>> = {},
  ): JsonValue {
    this.#space()
    if (++this.#built > this.#most) this.refuse(`at most ${this.#most} values in all`, { found: 'more' })
    const at = this.#at
    const node = (value: JsonValue['value']): JsonValue => new JsonValue(value, parent, key, this, at)
    if (this.sees('{')) {
      const members = new Map<string, JsonValue>()
      const record = node(members)
      this.record((name) => {
        if (Object.hasOwn(streams, name)) streams[name]!(this)
        else members.set(name, this.#build(record, name))
      })
      return record
    }
    if (this.sees('[')) {
      const items: JsonValue[] = []
      const list = node(items)
      this.list((index) => items.push(this.#build(list, index)))
      return list
    }
    if (this.sees('"')) return node(this.string())
    for (const literal of [null, true, false]) {
      if (!this.sees(String(literal))) continue
      this.#at += String(literal).length
      return node(literal)
    }
    if (!/[-\d]/.test(this.#text.charAt(this.#at))) this.refuse('a value of JSON')
    return node(this.number())
  }

  /** Reads over a value. */
  skip(): void {
    if (this.sees('{')) this.#members(() => this.skip(), false, undefined)
    else if (this.sees('[')) this.list(() => this.skip())
    else if (this.sees('"')) this.string()
    else {
      const literal = ['null', 'true', 'false'].find((text) => this.sees(text))
      if (literal === undefined) this.number()
      else this.#at += literal.length
    }
  }

  /** Nothing but white space may come any more. */
  end(): void {
    this.#space()
    if (this.#at < this.#text.length) this.refuse('nothing more')
  }

  /**
   * Throws the error that says what is wrong with the value that is being read.
   *
   * @param expected a phrase for what would have been right: 'a list'
   */
  refuse(
    expected: string,
    more: {
      readonly found?: string
      readonly hint?: string
      readonly at?: number
      readonly cause?: unknown
    } = {},
  ): never {
    return this.refuseAt(more.at ?? this.#at, pathOf(this.#keys, this.#keyed), expected, more)
  }

  #refuseToken(expected: string): never {
    const path = pathOf(this.#keys, this.#keyed)
    return this.refuseAt(this.#at, '', `JSON with ${expected}${path === '' ? '' : ` in ${path}`}`)
  }

  /** The same for a value that stands at `at`, with its path. */
  refuseAt(
    at: number,
    path: string,
    expected: string,
    more: { readonly found?: string; readonly hint?: string; readonly cause?: unknown } = {},
  ): never {
    const { operation, file, start = 0, hint = 'correct the file', error } = this.#options
    const { bytes } = placeIn(this.#text, at)
    const detail: JsonErrorDetail = {
      operation,
      expected: path === '' ? expected : `${path} to be ${expected}`,
      found: `${more.found ?? this.#shown(at)} at ${this.whereIs(at)}`,
      hint: more.hint ?? hint,
      file,
      offset: start + bytes,
      path,
      ...('cause' in more ? { cause: more.cause } : {}),
    }
    throw error === undefined ? new FormatError(detail) : error(detail)
  }

  /** Line, column and file of a place: `3:14 of 'config.json'`. */
  whereIs(at: number): string {
    const { file } = this.#options
    const { line, column } = placeIn(this.#text, at)
    return `${line}:${column}${file === undefined ? '' : ` of '${file}'`}`
  }

  /** What stands at a place, short. */
  #shown(at: number): string {
    const first = this.#text[at]
    if (first === undefined) return 'the end'
    if (first === '{') return 'an object'
    if (first === '[') return 'a list'
    const part =
      /^(?:"(?:[^"\\]|\\.)*"?|[^\s,\]}:[{"]+|.)/su.exec(this.#text.slice(at, at + 60))?.[0] ?? first
    return /^[\x20-\x7e]+$/.test(part) ? part : JSON.stringify(part)
  }

  #decoded(bytes: Uint8Array): string {
    try {
      return decodeUtf8(bytes)
    } catch (cause) {
      const { operation, file, start = 0, hint = 'correct the file', error } = this.#options
      const offset = start + placeOfBrokenUtf8(bytes)
      const where = file === undefined ? '' : ` of '${file}'`
      const found = `another byte at ${offset}${where}`
      const detail = { operation, expected: 'JSON in UTF-8', found, hint, file, offset, path: '', cause }
      throw error === undefined ? new FormatError(detail) : error(detail)
    }
  }

  #space(): void {
    const text = this.#text
    let at = this.#at
    for (;;) {
      const unit = text.charCodeAt(at)
      // Also at the end, where it is NaN.
      if (!(unit <= 0x20) || (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09)) break
      at++
    }
    this.#at = at
  }

  /** Takes a character if it comes next. */
  #take(unit: number): boolean {
    this.#space()
    if (this.#text.charCodeAt(this.#at) !== unit) return false
    this.#at++
    return true
  }

  #open(bracket: number, kind: string, keyed: boolean): void {
    this.#space()
    if (this.#text.charCodeAt(this.#at) !== bracket) this.refuse(kind)
    if (this.#keys.length === this.#depth)
      this.refuse(`at most ${this.#depth} levels deep`, { found: 'more' })
    this.#at++
    this.#keys.push(noKey)
    this.#keyed.push(keyed)
  }

  #goesOn(bracket: number): boolean {
    this.#keys[this.#keys.length - 1] = noKey
    if (this.#take(bracket)) return false
    if (!this.#take(comma)) this.#refuseToken(`',' or '${String.fromCharCode(bracket)}'`)
    return true
  }

  #close(): void {
    this.#keys.pop()
    this.#keyed.pop()
  }
}

/** Stands for the key where there is none yet. */
const noKey = -1

function pathOf(keys: readonly Key[], keyed: readonly boolean[]): string {
  return keys.reduce<string>((path, key, i) => (key === noKey ? path : joinedPath(path, key, keyed[i])), '')
}

/** Line and column from 1 on, and the bytes of UTF-8 before. */
function placeIn(text: string, at: number): { line: number; column: number; bytes: number } {
  let line = 1
  let lineStart = 0
  let bytes = 0
  for (let i = 0; i < at; i++) {
    const unit = text.charCodeAt(i)
    // Each half of a pair is two of its four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3
    if (unit !== 0x0a) continue
    line++
    lineStart = i + 1
  }
  return { line, column: at - lineStart + 1, bytes }
}

/** @throws TypeError where bytes are no UTF-8 */
function decodeUtf8(bytes: Uint8Array): string {
  // Browsers don't decode from memory that threads share.
  const own = bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes)
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(own)
}

/** The first byte that no character has, of bytes that are no UTF-8. */
function placeOfBrokenUtf8(bytes: Uint8Array): number {
  let begin = 0
  for (let length = 2 ** 16; length >= 1; length = length === 1 ? 0 : 1) {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const end = bytes.length
    for (let at = begin; at < end; at += length) {
      try {
        decoder.decode(Uint8Array.from(bytes.subarray(at, at + length)), { stream: true })
        begin = at + length
      } catch {
        break
      }
    }
  }
  return Math.min(begin, bytes.length)
}
