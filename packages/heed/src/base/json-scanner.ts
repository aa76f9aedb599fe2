/** The strings and numbers of a JSON text, byte by byte, and the errors that say where something is wrong. */
import { type ErrorDetail, FormatError } from './errors.js'
import { joinedPath } from './json-value.js'
import { readUtf8, utf8Length, writeCodePoint } from './utf8.js'

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

/** A number of more characters than this is no number that somebody wrote. */
const longestNumber = 1000
const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/
const quote = 0x22
const comma = 0x2c
const zero = 0x30
const backslash = 0x5c
const closeBracket = 0x5d
const closeBrace = 0x7d

/**
 * Where a value stands in the lists and records around it: places in lists from 0 on, -1 where there is no
 * key yet, and for a name -2 - 2 × the place of its quote, 1 less where it is data, such as a vocabulary's
 * token.
 */
export const noKey = -1

export class JsonScanner {
  /** What `span` read: the bytes [from, to) of `source`, until the next string is read. */
  source: Uint8Array = noBytes
  from: number = 0
  to: number = 0
  protected readonly bytes: Uint8Array = noBytes
  protected readonly options: JsonOptions
  protected position: number = 0
  protected keys: number[] = []
  /** Where strings with escapes are written. */
  #unescaped: Uint8Array = noBytes
  /** Short strings that were made before, by their hash: most of them come again. */
  readonly #texts: string[] = []

  /** @throws FormatError where there are too many bytes */
  constructor(text: string | Uint8Array, options: JsonOptions) {
    const { length = 2 ** 24 } = options
    this.options = options
    if (text.length > length) this.refuse(`at most ${length} bytes`, { found: String(text.length) })
    this.bytes = typeof text === 'string' ? encoded(text) : text
    const [first, second, third] = this.bytes
    if (first === 0xef && second === 0xbb && third === 0xbf) this.position = 3
  }

  /** A string of whole characters. */
  string(): string {
    this.span()
    return this.spanText()
  }

  /** Reads a string of whole characters and leaves its bytes of UTF-8 at [from, to) of `source`. */
  span(): void {
    this.space()
    const bytes = this.bytes
    if (bytes[this.position] !== quote) this.refuse('a string')
    const start = ++this.position
    let at = start
    for (;;) {
      const byte = bytes[at]!
      if (byte === quote) break
      if (byte >= 0x80) at = this.pastCharacter(at)
      else if (byte === backslash) {
        this.#unescape(start, at)
        return
      } else if (byte >= 0x20) at++
      else this.#refuseControl(at)
    }
    this.position = at + 1
    this.source = bytes
    this.from = start
    this.to = at
  }

  /** The rest of a string that begins at `start` and has its first escape at `at`. */
  #unescape(start: number, at: number): void {
    const bytes = this.bytes
    let text = this.#unescaped
    let length = 0
    let isWhole = true
    for (let i = start; ;) {
      if (length + 8 > text.length || i < at) {
        // The first part stands before the first escape.
        const needed = length + Math.max(0, at - i) + 8
        if (needed > text.length) {
          const longer = new Uint8Array(2 * needed)
          longer.set(text.subarray(0, length))
          this.#unescaped = text = longer
        }
        while (i < at) text[length++] = bytes[i++]!
      }
      const byte = bytes[i]!
      if (byte === quote) {
        this.position = i + 1
        break
      }
      if (byte !== backslash) {
        if (!(byte >= 0x20)) this.#refuseControl(i)
        const end = byte < 0x80 ? i + 1 : this.pastCharacter(i)
        while (i < end) text[length++] = bytes[i++]!
        continue
      }
      if (i + 1 >= bytes.length) this.#refuseControl(i + 1)
      const escaped = escapes.indexOf(String.fromCharCode(bytes[i + 1]!))
      if (escaped >= 0) {
        text[length++] = escapedAs.charCodeAt(escaped)
        i += 2
        continue
      }
      let point = this.#unit(i, start)
      i += 6
      if ((point & 0xfc00) === 0xd800 && bytes[i] === backslash && bytes[i + 1] === 0x75) {
        const low = this.#unit(i, start)
        if ((low & 0xfc00) === 0xdc00) {
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
          i += 6
        }
      }
      if (point >> 11 === 0x1b) isWhole = false
      length = writeCodePoint(point, text, length)
    }
    if (!isWhole) this.refuse('a string without lone surrogates', { found: 'one', at: start - 1 })
    this.source = text
    this.from = 0
    this.to = length
  }

  /** The number of `\u0041`, which stands at `at` in the string that begins at `start`. */
  #unit(at: number, start: number): number {
    const bytes = this.bytes
    let unit = bytes[at + 1] === 0x75 ? 0 : NaN
    for (let i = at + 2; i < at + 6; i++) {
      const byte = bytes[i]!
      const letter = byte | 0x20
      const isLetter = letter >= 0x61 && letter <= 0x66
      unit = 16 * unit + (isLetter ? letter - 0x57 : byte >= zero && byte < zero + 10 ? byte - zero : NaN)
    }
    if (Number.isNaN(unit))
      this.refuse('a string with the escapes of JSON', { found: 'another', at: start - 1 })
    return unit
  }

  #refuseControl(at: number): never {
    const byte = this.bytes[at]
    const found = byte === undefined ? 'the end' : `the control character ${byte}`
    return this.refuse('a string that ends', { found, at })
  }

  /** Where the character behind the one at `at` begins. */
  protected pastCharacter(at: number): number {
    const length = utf8Length(this.bytes, at)
    if (length === 0) {
      const { operation, file, start = 0, hint = 'correct the file', error } = this.options
      const where = file === undefined ? '' : ` of '${file}'`
      const offset = start + at
      const found = `another byte at ${offset}${where}`
      const detail = { operation, expected: 'JSON in UTF-8', found, hint, file, offset, path: '' }
      throw error === undefined ? new FormatError(detail) : error(detail)
    }
    return at + length
  }

  /** What `span` read, as a string. */
  protected spanText(): string {
    const { source, from, to } = this
    const length = to - from
    if (length > 24) return readUtf8(source, from, to)
    let hash = length
    for (let i = from; i < to; i++) hash = (31 * hash + source[i]!) & 0x3ff
    const known = this.#texts[hash]
    if (known?.length === length) {
      let i = 0
      while (i < length && source[from + i]! < 0x80 && known.charCodeAt(i) === source[from + i]) i++
      if (i === length) return known
    }
    return (this.#texts[hash] = readUtf8(source, from, to))
  }

  /** A number that f64 holds. */
  number(): number {
    this.space()
    const start = this.position
    // Most are whole and short.
    const short = this.#digits()
    if (short >= 0) return short
    const bytes = this.bytes
    let end = start
    while (numberCharacters.has(bytes[end]!)) end++
    const digits = numberPattern.exec(readUtf8(bytes, start, end))?.[0]
    if (digits === undefined) this.refuse('a number')
    if (digits.length > longestNumber)
      this.refuse(`a number of at most ${longestNumber} digits`, {
        found: `one of ${digits.length} digits`,
      })
    const value = Number(digits)
    if (!Number.isFinite(value)) this.refuse('a number that fits in 64 bits')
    this.position = start + digits.length
    return value
  }

  /** A number of up to 15 digits and nothing else; -1 where they aren't there. */
  #digits(): number {
    const bytes = this.bytes
    const start = this.position
    let value = 0
    let at = start
    for (; at - start < 15; at++) {
      const digit = bytes[at]! - zero
      if (!(digit >= 0 && digit <= 9)) break
      value = 10 * value + digit
    }
    const after = bytes[at]!
    const isWhole = after === comma || after <= 0x20 || after === closeBracket || after === closeBrace
    if (at === start || !isWhole || (at > start + 1 && bytes[start] === zero)) return -1
    this.position = at
    return value
  }

  /** A whole number from 0 up to `most`, in digits alone. */
  count(most: number = Number.MAX_SAFE_INTEGER): number {
    this.space()
    const at = this.position
    let value = this.#digits()
    if (value < 0) {
      value = this.number()
      if (!/^(?:0|[1-9]\d*)$/.test(readUtf8(this.bytes, at, this.position))) value = Infinity
    }
    if (value > most) {
      const upTo = most === Number.MAX_SAFE_INTEGER ? 'below 2^53' : `to ${most}`
      this.refuse(`a whole number from 0 ${upTo}`, { at })
    }
    return value
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
    return this.refuseAt(more.at ?? this.position, this.path(), expected, more)
  }

  /** The same for a value that stands at `at`, with its path. */
  refuseAt(
    at: number,
    path: string,
    expected: string,
    more: { readonly found?: string; readonly hint?: string; readonly cause?: unknown } = {},
  ): never {
    const { operation, file, start = 0, hint = 'correct the file', error } = this.options
    const detail: JsonErrorDetail = {
      operation,
      expected: path === '' ? expected : `${path} to be ${expected}`,
      found: `${more.found ?? this.#shown(at)} at ${this.whereIs(at)}`,
      hint: more.hint ?? hint,
      file,
      offset: start + at,
      path,
      ...('cause' in more ? { cause: more.cause } : {}),
    }
    throw error === undefined ? new FormatError(detail) : error(detail)
  }

  /** Line, column and file of a place: `3:14 of 'config.json'`. */
  whereIs(at: number): string {
    const { file } = this.options
    const { line, column } = placeIn(this.bytes, at)
    return `${line}:${column}${file === undefined ? '' : ` of '${file}'`}`
  }

  /** What stands at a place, short. */
  #shown(at: number): string {
    // A character may be cut off behind; what is shown is shorter.
    const text = readUtf8(this.bytes, at, Math.min(at + 240, this.bytes.length))
    const first = text[0]
    if (first === undefined) return 'the end'
    if (first === '{') return 'an object'
    if (first === '[') return 'a list'
    const part = /^(?:"(?:[^"\\]|\\.)*"?|[^\s,\]}:[{"]+|.)/su.exec(text.slice(0, 60))?.[0] ?? first
    return /^[\x20-\x7e]+$/.test(part) ? part : JSON.stringify(part)
  }

  protected path(): string {
    let path = ''
    for (const key of this.keys) {
      if (key === noKey) continue
      const code = -2 - key
      path = key >= 0 ? joinedPath(path, key) : joinedPath(path, this.#nameAt(code >> 1), (code & 1) === 1)
    }
    return path
  }

  /** The name whose quote stands at a place, which was read before. */
  #nameAt(at: number): string {
    let end = at + 1
    while (this.bytes[end] !== quote) end += this.bytes[end] === backslash ? 2 : 1
    return JSON.parse(readUtf8(this.bytes, at, end + 1)) as string
  }

  protected space(): void {
    const bytes = this.bytes
    let at = this.position
    for (;;) {
      const byte = bytes[at]!
      // Also at the end, where it is undefined.
      if (!(byte <= 0x20) || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
      at++
    }
    this.position = at
  }
}

const noBytes = new Uint8Array(0)
const escapes = '"\\/bfnrt'
const escapedAs = '"\\/\b\f\n\r\t'
const numberCharacters: ReadonlySet<number> = new Set(new TextEncoder().encode('0123456789+-.eE'))

/** A text in UTF-8. Halves of pairs, which it can't hold, become escapes, as which they are refused. */
function encoded(text: string): Uint8Array {
  const halves = /\p{Surrogate}/gu
  const whole = text.replace(halves, (half) => `\\u${half.charCodeAt(0).toString(16)}`)
  return new TextEncoder().encode(whole)
}

/** Line and column from 1 on, the column in UTF-16 code units. */
function placeIn(bytes: Uint8Array, at: number): { line: number; column: number } {
  let line = 1
  let column = 1
  for (let i = 0; i < at; i++) {
    const byte = bytes[i]!
    if (byte === 0x0a) {
      line++
      column = 1
    } else if (byte < 0x80) column++
    else if (byte >= 0xc0) column += byte >= 0xf0 ? 2 : 1
  }
  return { line, column }
}
