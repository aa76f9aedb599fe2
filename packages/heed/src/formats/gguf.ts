/**
 * GGUF, versions 2 and 3: a header, metadata (names and values), the list of tensors, and their data.
 * Source: ggml's docs/gguf.md.
 *
 *     "GGUF"  version u32  tensors u64  values u64
 *     value:  name string  type u32  …
 *     tensor: name string  dimensions u32  size u64 each  type u32  offset u64
 */
import { FormatError, utf8Length } from '../base/index.js'

/** The bytes of a file, in memory or still on the disk. */
export interface GgufBytes {
  readonly length: number
  /** Bytes `begin` … `end` − 1. */
  slice(begin: number, end: number): Uint8Array
}

/** A tensor as the list of tensors states it. */
export interface GgufTensorEntry {
  readonly name: string
  /** The innermost dimension first. */
  readonly shape: readonly number[]
  /** ggml's number of the type: 0 is f32, 1 f16, … */
  readonly type: number
  /** Where its data begins, in bytes from where the data of all begins. */
  readonly offset: number
}

/** Of what is in a list, or alone. */
export type GgufValueType =
  | 'u8'
  | 'i8'
  | 'u16'
  | 'i16'
  | 'u32'
  | 'i32'
  | 'f32'
  | 'bool'
  | 'string'
  | 'u64'
  | 'i64'
  | 'f64'

/** The types of values by the numbers that the file writes for them. */
export const ggufValueTypes: readonly (GgufValueType | 'list')[] =
  'u8 i8 u16 i16 u32 i32 f32 bool string list u64 i64 f64'.split(' ') as GgufValueType[]
/** What a number of each type takes, in bytes. */
export const ggufValueBytes: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]

/** A value with its type, exact: whole numbers of 64 bits are bigints. A list has one type. */
export interface GgufValue {
  readonly type: GgufValueType
  readonly value:
    | string
    | boolean
    | number
    | bigint
    | readonly string[]
    | readonly boolean[]
    | ArrayLike<number>
    | ArrayLike<bigint>
}

const typeNames = ggufValueTypes
const sizes = ggufValueBytes
const [typeFloat, typeBoolean, typeString, typeList] = [6, 7, 8, 9]
const mostValues = 2 ** 16
const mostTensors = 2 ** 16
const mostDimensions = 4
const longestName = 2 ** 16
/** Of all lists of texts together, and of all names together, in bytes: many times what any file has. */
const [mostTexts, mostNameBytes] = [2 ** 23, 2 ** 24]
/** Read from the disk at a time. */
const windowLength = 2 ** 20

interface Place {
  readonly type: number
  /** Of a list: what it has, how many; of all others 1. */
  readonly count: number
  readonly isList: boolean
  readonly offset: number
}

/**
 * The header of a GGUF file. Names of values are read at once, the values when they are asked for; tensors'
 * data never is.
 */
export class Gguf {
  readonly version: number
  readonly tensorCount: number
  readonly #source: GgufBytes
  readonly #operation: string
  readonly #file: string | undefined
  readonly #places = new Map<string, Place>()
  /** False of files for machines of that kind: the tensors' numbers are big-endian, too. */
  readonly isLittleEndian: boolean
  readonly #tensorsAt: number
  #tensorsEnd: number | undefined
  #texts = 0
  #nameBytes = 0
  #at = 0
  #window: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(this.#window.buffer)
  #windowStart = 0

  /**
   * @param operation who reads, for errors
   * @throws FormatError where it is no GGUF file, of another version, or ends too early
   */
  constructor(bytes: Uint8Array | GgufBytes, operation = 'readGguf', file?: string) {
    this.#source =
      bytes instanceof Uint8Array
        ? { length: bytes.length, slice: (begin, end) => bytes.subarray(begin, end) }
        : bytes
    this.#operation = operation
    this.#file = file
    this.#need(4)
    const magic = this.#view.getUint32(this.#at - this.#windowStart)
    if (magic !== 0x47475546) this.#refuse("'GGUF' at the beginning", 'other bytes')
    this.#at = 4
    this.#need(4)
    this.isLittleEndian = this.#view.getUint16(this.#at - this.#windowStart, true) !== 0
    this.version = this.#integer(4)
    if (this.version !== 2 && this.version !== 3) this.#refuse('version 2 or 3', this.version)
    this.tensorCount = this.#count(mostTensors, 24, 'tensors')
    const count = this.#count(mostValues, 13, 'values')
    for (let i = 0; i < count; i++) this.#readPlace()
    this.#tensorsAt = this.#at
  }

  /** The names of the values, in the file's order. */
  names(): string[] {
    return [...this.#places.keys()]
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  /** How many texts or numbers a list has; undefined where there is no list of the name. */
  countOf(name: string): number | undefined {
    const place = this.#places.get(name)
    return place?.isList === true ? place.count : undefined
  }

  /** A number of any type; undefined where there is none of the name. */
  number(name: string): number | undefined {
    const place = this.#goTo(name, (type, isList) => !isList && isNumber(type), 'a number')
    return place && this.#number(place.type)
  }

  boolean(name: string): boolean | undefined {
    const place = this.#goTo(name, (type, isList) => !isList && type === typeBoolean, 'a truth value')
    return place && this.#number(place.type) !== 0
  }

  /** @throws FormatError for bytes that are no UTF-8 */
  string(name: string): string | undefined {
    const place = this.#goTo(name, (type, isList) => !isList && type === typeString, 'a text')
    return place && this.#strings(1)[0]!
  }

  /** A list of texts. */
  strings(name: string): string[] | undefined {
    const place = this.#goTo(name, (type, isList) => isList && type === typeString, 'a list of texts')
    return place && this.#strings(place.count)
  }

  /**
   * The texts of a list one after the other, as [start, end) of bytes in UTF-8, without a string for each.
   *
   * @throws FormatError for bytes that are no UTF-8
   */
  eachText(name: string, each: (bytes: Uint8Array, start: number, end: number, index: number) => void): void {
    const place = this.#goTo(name, (type, isList) => isList && type === typeString, 'a list of texts')
    if (place === undefined) return
    for (let i = 0; i < place.count; i++) {
      const length = this.#integer(8)
      this.#need(length)
      const bytes = this.#window
      const start = this.#at - this.#windowStart
      const end = start + length
      for (let at = start; at < end;) {
        const units = bytes[at]! < 0x80 ? 1 : utf8Length(bytes, at)
        at += units
        if (units === 0 || at > end) this.#refuse('text in UTF-8', 'other bytes')
      }
      this.#at += length
      each(bytes, start, end, i)
    }
  }

  /** A list of numbers of any type, as f64. */
  numbers(name: string): Float64Array | undefined {
    const place = this.#goTo(name, (type, isList) => isList && isNumber(type), 'a list of numbers')
    if (place === undefined) return undefined
    const { type, count } = place
    const numbers = new Float64Array(count)
    if (type === typeFloat || type === 5) {
      this.#need(4 * count)
      const start = this.#at - this.#windowStart
      const view = this.#view
      const little = this.isLittleEndian
      if (type === 5) for (let i = 0; i < count; i++) numbers[i] = view.getInt32(start + 4 * i, little)
      else for (let i = 0; i < count; i++) numbers[i] = view.getFloat32(start + 4 * i, little)
    } else for (let i = 0; i < count; i++) numbers[i] = this.#number(type)
    return numbers
  }

  /** A list of numbers of a byte each, as it lies in the file. */
  bytes(name: string): Uint8Array | undefined {
    const place = this.#goTo(name, (type, isList) => isList && type < 2, 'a list of bytes')
    if (place === undefined) return undefined
    this.#need(place.count)
    const start = this.#at - this.#windowStart
    return this.#window.slice(start, start + place.count)
  }

  /** A value or a list of any type, exact; undefined where there is none of the name. */
  value(name: string): GgufValue | undefined {
    const place = this.#goTo(name, () => true, '')
    if (place === undefined) return undefined
    const { isList, count } = place
    const type = typeNames[place.type] as GgufValueType
    if (place.type === typeString) {
      const texts = this.#strings(count)
      return { type, value: isList ? texts : texts[0]! }
    }
    const next = (): number | bigint =>
      place.type === 10 || place.type === 11 ? this.#long(place.type) : this.#number(place.type)
    if (place.type === typeBoolean) {
      const value = isList ? Array.from({ length: count }, () => next() !== 0) : next() !== 0
      return { type, value }
    }
    if (!isList) return { type, value: next() }
    const list = new listTypes[type as keyof typeof listTypes](count) as { [index: number]: number | bigint }
    for (let i = 0; i < count; i++) list[i] = next()
    return { type, value: list as ArrayLike<number> }
  }

  /** What offsets of tensors are multiples of, in bytes. */
  alignment(): number {
    const name = 'general.alignment'
    const alignment = this.number(name) ?? 32
    if (alignment < 1 || alignment > 2 ** 31 || !Number.isInteger(Math.log2(alignment)))
      this.refuse(name, 'a power of two up to 2^31', alignment)
    return alignment
  }

  /** Where the tensors' data begins, in bytes: behind their list, aligned. */
  dataStart(): number {
    const alignment = this.alignment()
    if (this.#tensorsEnd === undefined) this.tensors()
    return Math.ceil(this.#tensorsEnd! / alignment) * alignment
  }

  /**
   * The list of tensors.
   *
   * @throws FormatError where it ends too early, has a name twice or more dimensions than there are
   */
  tensors(): GgufTensorEntry[] {
    this.#at = this.#tensorsAt
    this.#nameBytes = 0
    const names = new Set<string>()
    const entries = Array.from({ length: this.tensorCount }, () => {
      const name = this.#name()
      if (names.has(name)) this.#refuse(`tensor '${shown(name)}' to be there once`, 'it again')
      names.add(name)
      const dimensions = this.#integer(4)
      if (dimensions > mostDimensions) this.#refuse(`at most ${mostDimensions} dimensions`, dimensions)
      const shape = Array.from({ length: dimensions }, () => this.#integer(8))
      return { name, shape, type: this.#integer(4), offset: this.#integer(8) }
    })
    this.#tensorsEnd = this.#at
    return entries
  }

  /** Throws the error about a value. */
  refuse(name: string, expected: string, found: string | number): never {
    const place = this.#places.get(name)
    if (place !== undefined) this.#at = place.offset
    return this.#refuse(`${name} to be ${expected}`, found)
  }

  #readPlace(): void {
    const name = this.#name()
    if (this.#places.has(name)) this.#refuse(`'${shown(name)}' to be there once`, 'it again')
    let type = this.#type(name)
    const isList = type === typeList
    let count = 1
    if (isList) {
      type = this.#type(name)
      if (type === typeList) this.#refuse(`'${shown(name)}' without lists of lists`, 'one')
      count = this.#count(Infinity, type === typeString ? 8 : sizes[type]!, `values of '${shown(name)}'`)
    }
    this.#places.set(name, { type, count, isList, offset: this.#at })
    if (type !== typeString) this.#skip(count * sizes[type]!)
    else {
      this.#texts += count
      if (this.#texts > mostTexts) this.#refuse(`at most ${mostTexts} texts`, `${count} in '${shown(name)}'`)
      for (let i = 0; i < count; i++) this.#skip(this.#integer(8))
    }
  }

  #type(name: string): number {
    const type = this.#integer(4)
    if (type >= typeNames.length) this.#refuse(`a type of 0 to 12 for '${shown(name)}'`, type)
    return type
  }

  #name(): string {
    const length = this.#integer(8)
    if (length > longestName) this.#refuse(`a name of at most ${longestName} bytes`, length)
    this.#nameBytes += length
    if (this.#nameBytes > mostNameBytes) this.#refuse(`names of at most ${mostNameBytes} bytes`, 'more')
    this.#at -= 8
    return this.#strings(1)[0]!
  }

  #goTo(name: string, fits: (type: number, isList: boolean) => boolean, expected: string): Place | undefined {
    const place = this.#places.get(name)
    if (place === undefined) return undefined
    this.#at = place.offset
    const { type, isList } = place
    if (!fits(type, isList)) {
      const found = isList ? `a list of ${typeNames[type]}` : typeNames[type]!
      this.#refuse(`${name} to be ${expected}`, found)
    }
    return place
  }

  /** How many things follow, each of `least` bytes at least. */
  #count(most: number, least: number, what: string): number {
    const count = this.#integer(8)
    const room = Math.min(most, Math.floor((this.#source.length - this.#at) / least))
    if (count > room) this.#refuse(`at most ${room} ${what}`, count)
    return count
  }

  #integer(size: 4 | 8): number {
    this.#need(size)
    const start = this.#at - this.#windowStart
    this.#at += size
    const little = this.isLittleEndian
    if (size === 4) return this.#view.getUint32(start, little)
    const low = this.#view.getUint32(start + (little ? 0 : 4), little)
    return low + 2 ** 32 * this.#view.getUint32(start + (little ? 4 : 0), little)
  }

  #number(type: number): number {
    this.#need(sizes[type]!)
    const start = this.#at - this.#windowStart
    this.#at += sizes[type]!
    const view = this.#view
    const little = this.isLittleEndian
    switch (type) {
      case 1:
        return view.getInt8(start)
      case 2:
        return view.getUint16(start, little)
      case 3:
        return view.getInt16(start, little)
      case 4:
        return view.getUint32(start, little)
      case 5:
        return view.getInt32(start, little)
      case 6:
        return view.getFloat32(start, little)
      case 10:
      case 11:
        return Number(readLong(view, start, type, little))
      case 12:
        return view.getFloat64(start, little)
      default:
        return view.getUint8(start)
    }
  }

  #long(type: number): bigint {
    this.#need(8)
    const start = this.#at - this.#windowStart
    this.#at += 8
    return readLong(this.#view, start, type, this.isLittleEndian)
  }

  /** Texts that follow each other: decoded together, then cut. */
  #strings(count: number): string[] {
    const start = this.#at
    let length = 0
    for (let i = 0; i < count; i++) {
      const bytes = this.#integer(8)
      this.#skip(bytes)
      length += bytes
    }
    const end = this.#at
    this.#at = start
    this.#need(end - start)
    const joined = new Uint8Array(length)
    const units = new Int32Array(count)
    const window = this.#window
    let to = 0
    for (let i = 0; i < count; i++) {
      const bytes = this.#integer(8)
      const from = this.#at - this.#windowStart
      let ofText = 0
      for (let j = from; j < from + bytes; j++) {
        const byte = window[j]!
        joined[to++] = byte
        // Bytes that continue a character count nothing; those that begin one of four bytes are two units.
        if ((byte & 0xc0) !== 0x80) ofText += byte < 0xf0 ? 1 : 2
        else if (j === from) this.#refuse('text in UTF-8', 'other bytes')
      }
      units[i] = ofText
      this.#at += bytes
    }
    let text: string
    try {
      text = utf8.decode(joined)
    } catch {
      this.#at = start
      this.#refuse('text in UTF-8', 'other bytes')
    }
    const texts = new Array<string>(count)
    let at = 0
    for (let i = 0; i < count; i++) texts[i] = text.slice(at, (at += units[i]!))
    return texts
  }

  #skip(length: number): void {
    const left = this.#source.length - this.#at
    if (length > left) this.#refuse(`at most ${left} bytes`, length)
    this.#at += length
  }

  /** Sees to it that so many bytes are in the window. */
  #need(length: number): void {
    const at = this.#at
    const start = at - this.#windowStart
    if (start >= 0 && start + length <= this.#window.length) return
    const left = this.#source.length - at
    if (length > left) this.#refuse(`${length} bytes`, `the end after ${left}`)
    this.#window = this.#source.slice(at, at + Math.min(left, Math.max(length, windowLength)))
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.byteLength)
    this.#windowStart = at
  }

  #refuse(expected: string, found: string | number): never {
    throw new FormatError({
      operation: this.#operation,
      expected,
      found: `${found} at byte ${this.#at}`,
      hint: 'the file is damaged, or no GGUF file of version 2 or 3',
      file: this.#file,
      offset: this.#at,
    })
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const listTypes = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
} as const

function readLong(view: DataView, at: number, type: number, isLittleEndian: boolean): bigint {
  return type === 10 ? view.getBigUint64(at, isLittleEndian) : view.getBigInt64(at, isLittleEndian)
}

function isNumber(type: number): boolean {
  return (type < typeString && type !== typeBoolean) || type > typeList
}

function shown(name: string): string {
  return name.slice(0, 60)
}
