/**
 * The header of a safetensors file: JSON of one form only, read strictly. A general JSON parser would let
 * duplicate names through and build whatever a hostile header nests; this one knows nothing but
 *
 *     { "__metadata__": { "name": "text", … },
 *       "tensor": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, … }
 *
 * and says where in the file it stopped.
 */
import { FormatError } from '../base/index.js'

/** One tensor as the header states it, not yet checked against the data. */
export interface HeaderEntry {
  readonly dtype: string
  readonly shape: readonly number[]
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly begin: number
  readonly end: number
  /** Where in the file the entry's name stands, in bytes, for errors. */
  readonly offset: number
}

export interface Header {
  readonly entries: Map<string, HeaderEntry>
  readonly metadata: Map<string, string>
}

const maximumRank = 64
const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/**
 * Reads the header that fills `bytes` from `start` to `end`.
 *
 * @throws FormatError with the offset
 */
export function readHeader(bytes: Uint8Array, start: number, end: number, file: string | undefined): Header {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let position = start

  function refuse(expected: string, found: string, offset: number = position, cause?: unknown): never {
    const hint = 'the file is damaged, or not a safetensors file'
    throw new FormatError({
      operation: 'readSafetensors',
      expected,
      found: `${found} at byte ${offset}`,
      hint,
      file,
      offset,
      cause,
    })
  }

  /** The next byte that is no white space, without taking it; -1 at the end. */
  function peek(): number {
    while (position < end) {
      const byte = bytes[position]!
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
      position++
    }
    return -1
  }

  function shown(byte: number): string {
    return byte === -1
      ? 'the end of the header'
      : byte > 0x20 && byte < 0x7f
        ? `'${String.fromCharCode(byte)}'`
        : `byte ${byte}`
  }

  function take(byte: number): void {
    const next = peek()
    if (next !== byte) refuse(shown(byte), shown(next))
    position++
  }

  function readString(): string {
    take(quote)
    const first = position
    let escaped = false
    for (; position < end; position++) {
      const byte = bytes[position]!
      if (byte === quote) break
      if (byte < 0x20) refuse('a string without control characters', shown(byte))
      if (byte === backslash) {
        escaped = true
        position++
      }
    }
    if (position >= end) refuse('the end of a string', 'the end of the header', end)
    let text: string
    try {
      text = decoder.decode(new Uint8Array(bytes.subarray(first, position)))
      if (escaped) text = JSON.parse(`"${text}"`) as string
    } catch (cause) {
      return refuse('a string of JSON in UTF-8', 'another', first, cause)
    }
    if (/\p{Surrogate}/u.test(text)) refuse('a string of whole characters', 'half of a surrogate pair', first)
    position++
    return text
  }

  function readInteger(): number {
    const first = peek() === -1 ? refuse('a whole number', 'the end of the header') : position
    let value = 0
    while (position < end && bytes[position]! >= 0x30 && bytes[position]! <= 0x39)
      value = value * 10 + bytes[position++]! - 0x30
    const digits = position - first
    if (digits === 0) refuse('a whole number of at least 0', shown(peek()))
    if (digits > 16 || !Number.isSafeInteger(value))
      refuse('a whole number below 2^53', `one of ${digits} digits`, first)
    if (digits > 1 && bytes[first] === 0x30) refuse('a whole number', 'a leading 0', first)
    return value
  }

  /** Reads `[…]` or `{…}`, calling `item` at the start of each element. */
  function readList(open: number, close: number, item: () => void): void {
    take(open)
    if (peek() === close) {
      position++
      return
    }
    for (;;) {
      item()
      if (peek() === close) break
      take(comma)
    }
    position++
  }

  function readIntegers(limit: number): number[] {
    const numbers: number[] = []
    readList(openBracket, closeBracket, () => {
      if (numbers.length === limit) refuse(`at most ${limit} numbers`, 'more')
      numbers.push(readInteger())
    })
    return numbers
  }

  /** Reads `{ "name": … }`, calling `value` behind the colon, and refuses a name that was there before. */
  function readRecord(
    seen: { has(name: string): boolean },
    value: (name: string, offset: number) => void,
  ): void {
    readList(openBrace, closeBrace, () => {
      peek()
      const offset = position
      const name = readString()
      if (seen.has(name)) refuse('each name once', `${JSON.stringify(name.slice(0, 100))} again`, offset)
      take(colon)
      value(name, offset)
    })
  }

  function readEntry(name: string, offset: number): HeaderEntry {
    const fields = new Set<string>()
    let dtype = ''
    let shape: number[] = []
    let offsets: number[] = []
    readRecord(fields, (field, at) => {
      fields.add(field)
      if (field === 'dtype') dtype = readString()
      else if (field === 'shape') shape = readIntegers(maximumRank)
      else if (field === 'data_offsets') offsets = readIntegers(2)
      else refuse('dtype, shape or data_offsets', JSON.stringify(field.slice(0, 100)), at)
    })
    if (fields.size < 3 || offsets.length < 2) {
      refuse(
        `a dtype, a shape and two data_offsets for ${JSON.stringify(name.slice(0, 100))}`,
        'less',
        offset,
      )
    }
    return { dtype, shape, begin: offsets[0]!, end: offsets[1]!, offset }
  }

  const entries = new Map<string, HeaderEntry>()
  const metadata = new Map<string, string>()
  let hasMetadata = false
  readRecord(
    { has: (name) => entries.has(name) || (hasMetadata && name === '__metadata__') },
    (name, offset) => {
      if (name === '__metadata__') {
        hasMetadata = true
        readRecord(metadata, (key) => metadata.set(key, readString()))
      } else entries.set(name, readEntry(name, offset))
    },
  )
  const rest = peek()
  if (rest !== -1) refuse('nothing but spaces behind the header', shown(rest))
  return { entries, metadata }
}
