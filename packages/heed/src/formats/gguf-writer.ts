/**
 * Writes GGUF files of version 3. Source: ggml's docs/gguf.md; the limits on names and sizes are those of
 * llama.cpp's reader.
 */
import { ShapeError, UsageError } from '../base/index.js'
import { writeFileWhole } from './files.js'
import { encodeBlocks, isEncoded } from './gguf-encode.js'
import type { GgufTensor } from './gguf-tensors.js'
import { type GgufType, ggufTypesByName } from './gguf-types.js'
import { type GgufValue, ggufValueBytes, ggufValueTypes } from './gguf.js'

const operation = 'writeGguf'
const longestTensorName = 63
const longestKey = 2 ** 16 - 1
/** Numbers that are read at a time where a tensor is copied: whole blocks of every type. */
const partLength = 2 ** 16

/** A tensor to be written. */
export interface GgufEntry {
  /** The outermost size first. Rows, of the last size, are whole blocks of the type. */
  readonly shape: readonly number[]
  /** `F32`, `F16`, `BF16` or `Q8_0`; any other type that `ggufTypes` has where the parts are bytes. */
  readonly type: string
  /**
   * All of it in order, in pieces of whole blocks: numbers, which are rounded to the type, or the bytes of
   * blocks. Called when it is written.
   */
  readonly parts: () => Iterable<Float32Array | Uint8Array>
}

/** What a file is to hold: values in this order, tensors in this order. */
export interface GgufContent {
  /** `general.alignment`, if it is there, is heeded. */
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufEntry>
}

/**
 * Writes a GGUF file, part by part: into a temporary file beside it, which is flushed and renamed.
 *
 * @throws UsageError for a name, value or number that the format can't hold
 * @throws ShapeError where a tensor has more or fewer numbers than its shape, or rows that are no whole
 * blocks
 * @throws HeedError where it can't be written
 */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  await writeFileWhole(path, ggufParts(content))
}

/**
 * The bytes of a GGUF file, in memory.
 *
 * @throws as `writeGguf`
 */
export function ggufBytes(content: GgufContent): Uint8Array {
  const parts = [...ggufParts(content)].map((part) => part.slice())
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Numbers in memory as a tensor to be written; a function makes them when it is written. */
export function ggufNumbers(
  shape: readonly number[],
  numbers: Float32Array | (() => Float32Array),
  type = 'F32',
): GgufEntry {
  return { shape, type, parts: () => [typeof numbers === 'function' ? numbers() : numbers] }
}

/**
 * A tensor of a file that is open until the other is written: the same blocks, or numbers in another type.
 */
export function ggufCopy(tensor: GgufTensor, type: string = tensor.dtype): GgufEntry {
  return {
    shape: tensor.shape,
    type,
    *parts() {
      for (let at = 0; at < tensor.elements; at += partLength) {
        const length = Math.min(partLength, tensor.elements - at)
        if (type === tensor.dtype) yield tensor.blocks(at, at + length)
        else {
          const numbers = new Float32Array(length)
          tensor.read(at, numbers)
          yield numbers
        }
      }
    },
  }
}

/**
 * What a tensor is stored as in a file that is to be of a type, as llama.cpp's own conversion has it: F32 for
 * vectors, and F16 where rows are no whole blocks.
 */
export function ggufTypeFor(shape: readonly number[], type: string): string {
  if (shape.length < 2) return 'F32'
  const { weights } = typeOf(type)
  return shape.at(-1)! % weights === 0 ? type : 'F16'
}

/** The file's bytes in order. A part is valid until the next one is asked for. */
function* ggufParts({ metadata, tensors }: GgufContent): Generator<Uint8Array> {
  const alignment = alignmentOf(metadata)
  const header = new Bytes()
  header.letters('GGUF')
  header.integer(4, 3)
  header.integer(8, tensors.size)
  header.integer(8, metadata.size)
  for (const [key, value] of metadata) {
    header.text(key, `the name ${JSON.stringify(key.slice(0, 100))}`, longestKey)
    writeValue(header, key, value)
  }
  let offset = 0
  const lengths: number[] = []
  for (const [name, entry] of tensors) {
    const type = typeOf(entry.type)
    const length = lengthOf(name, entry, type)
    header.text(name, `the name ${JSON.stringify(name.slice(0, 100))}`, longestTensorName)
    header.integer(4, entry.shape.length)
    for (const size of entry.shape.toReversed()) header.integer(8, size)
    header.integer(4, type.number)
    header.integer(8, offset)
    lengths.push(length)
    offset += Math.ceil(length / alignment) * alignment
  }
  const headerBytes = header.whole()
  yield headerBytes
  if (tensors.size > 0) yield* zeros(headerBytes.length, alignment)
  let i = 0
  for (const [name, entry] of tensors) {
    const length = lengths[i++]!
    yield* dataOf(name, entry, length)
    yield* zeros(length, alignment)
  }
}

function* dataOf(name: string, entry: GgufEntry, length: number): Generator<Uint8Array> {
  const type = typeOf(entry.type)
  let written = 0
  for (const part of entry.parts()) {
    const unit = part instanceof Float32Array ? type.weights : type.bytes
    if (part.length % unit !== 0)
      throw shapeError(`parts of ${shown(name)} of whole blocks, of ${unit}`, String(part.length))
    const bytes = part instanceof Float32Array ? encodeBlocks(entry.type, part, name) : part
    written += bytes.length
    if (written > length) break
    yield bytes
  }
  if (written !== length)
    throw shapeError(
      `${length} bytes for [${entry.shape.join(', ')}] of ${shown(name)}`,
      `${written > length ? 'more' : written}`,
    )
}

/** What fills up to the next multiple of the alignment. */
function* zeros(length: number, alignment: number): Generator<Uint8Array> {
  let left = (alignment - (length % alignment)) % alignment
  for (; left > 0; left -= 2 ** 20) yield new Uint8Array(Math.min(left, 2 ** 20))
}

function lengthOf(name: string, { shape }: GgufEntry, type: GgufType): number {
  const elements = shape.reduce((product, size) => product * size, 1)
  if (shape.length > 4 || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw shapeError(`at most 4 whole sizes of ${shown(name)}`, `[${shape.join(', ')}]`)
  if (!Number.isSafeInteger(elements * type.bytes))
    throw shapeError(`fewer than 2^53 bytes for ${shown(name)}`, `[${shape.join(', ')}]`)
  if ((shape.at(-1) ?? 1) % type.weights !== 0)
    throw shapeError(
      `rows of ${shown(name)} in blocks of ${type.weights}, as ${type.name} has`,
      `rows of ${shape.at(-1)}`,
    )
  return (elements / type.weights) * type.bytes
}

function typeOf(name: string): GgufType {
  const type = ggufTypesByName.get(name)
  if (type !== undefined) return type
  const names = [...ggufTypesByName.keys()].filter(isEncoded)
  throw usageError(`a type such as ${names.join(', ')}`, JSON.stringify(name), 'see ggufTypesByName')
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): number {
  const stated = metadata.get('general.alignment')
  if (stated === undefined) return 32
  const { type, value } = stated
  if (type === 'u32' && typeof value === 'number' && value >= 1 && Number.isInteger(Math.log2(value)))
    return value
  throw usageError(
    "'general.alignment' as a u32, a power of two",
    `${type} ${typeof value === 'number' ? value : typeof value}`,
    'leave it out',
  )
}

function writeValue(to: Bytes, key: string, { type, value }: GgufValue): void {
  const number = ggufValueTypes.indexOf(type)
  const what = `the value of ${JSON.stringify(key.slice(0, 100))}`
  if (number < 0) throw usageError(`a type of ${what}`, String(type), `use ${ggufValueTypes.join(', ')}`)
  const one = (item: unknown): void => {
    if (type === 'string') to.text(item, what)
    else if (type === 'bool') to.boolean(item, what)
    else to.number(type, ggufValueBytes[number]!, item, what)
  }
  if (typeof value !== 'object') {
    to.integer(4, number)
    one(value)
    return
  }
  to.integer(4, ggufValueTypes.indexOf('list'))
  to.integer(4, number)
  to.integer(8, value.length)
  for (let i = 0; i < value.length; i++) one(value[i])
}

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(2 ** 12)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  letters(letters: string): void {
    for (const letter of letters) this.#bytes[this.#reserve(1)] = letter.charCodeAt(0)
  }

  integer(size: 4 | 8, value: number): void {
    const at = this.#reserve(size)
    if (size === 4) this.#view.setUint32(at, value, true)
    else this.#view.setBigUint64(at, BigInt(value), true)
  }

  /** Length and text. */
  text(text: unknown, what: string, most = Infinity): void {
    if (typeof text !== 'string') throw usageError(`a text as ${what}`, typeof text, 'give a string')
    if (/\p{Surrogate}/u.test(text))
      throw usageError(`whole characters in ${what}`, 'half of a surrogate pair', 'change it')
    // No character takes more than three bytes for each of its units.
    const room = this.#reserve(8 + 3 * text.length)
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(room + 8))
    if (written > most) throw usageError(`at most ${most} bytes in ${what}`, String(written), 'shorten it')
    this.#view.setBigUint64(room, BigInt(written), true)
    this.#length = room + 8 + written
  }

  boolean(value: unknown, what: string): void {
    if (typeof value !== 'boolean')
      throw usageError(`true or false as ${what}`, String(value), 'give a boolean')
    this.#bytes[this.#reserve(1)] = Number(value)
  }

  /** A number, which the type must hold exactly; f32 is rounded. */
  number(type: string, size: number, value: unknown, what: string): void {
    const refuse = (): never => {
      throw usageError(`a number of ${type} as ${what}`, String(value), 'give another type')
    }
    const at = this.#reserve(size)
    const view = this.#view
    if (type === 'f32' || type === 'f64') {
      if (typeof value !== 'number') return refuse()
      if (size === 4) view.setFloat32(at, value, true)
      else view.setFloat64(at, value, true)
      return
    }
    const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
    if (!isWhole) return refuse()
    const whole = BigInt(value as bigint | number)
    const fits = type.startsWith('i') ? BigInt.asIntN(8 * size, whole) : BigInt.asUintN(8 * size, whole)
    if (fits !== whole) return refuse()
    for (let i = 0; i < size; i++) this.#bytes[at + i] = Number((whole >> BigInt(8 * i)) & 255n)
  }

  #reserve(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length)
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

const encoder = new TextEncoder()

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

function shapeError(expected: string, found: string): ShapeError {
  return new ShapeError({ operation, expected, found, hint: 'give the shape that the numbers have' })
}

function usageError(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation, expected, found, hint })
}
