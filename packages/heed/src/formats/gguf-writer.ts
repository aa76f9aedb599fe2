/**
 * Writes GGUF files of version 3. Source: ggml's docs/gguf.md; the limits on names and sizes are those of
 * llama.cpp's reader.
 */
import { ShapeError, UsageError, shownName } from '../base/index.js'
import { writeFileWhole } from './files.js'
import { encodeBlocks, isEncoded } from './gguf-encode.js'
import type { GgufTensor } from './gguf-tensors.js'
import { ggufHeader } from './gguf-header-writer.js'
import { type GgufType, ggufTypesByName } from './gguf-types.js'
import type { GgufValue } from './gguf.js'

const operation = 'writeGguf'
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
  let offset = 0
  const lengths: number[] = []
  const entries = [...tensors].map(([name, entry]) => {
    const type = typeOf(entry.type)
    const length = lengthOf(name, entry, type)
    const listed = { name, shape: entry.shape.toReversed(), type: type.number, offset }
    lengths.push(length)
    offset += Math.ceil(length / alignment) * alignment
    return listed
  })
  const headerBytes = ggufHeader(metadata, entries)
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
      throw shapeError(`parts of ${shownName(name)} of whole blocks, of ${unit}`, String(part.length))
    const bytes = part instanceof Float32Array ? encodeBlocks(entry.type, part, name) : part
    written += bytes.length
    if (written > length) break
    yield bytes
  }
  if (written !== length)
    throw shapeError(
      `${length} bytes for [${entry.shape.join(', ')}] of ${shownName(name)}`,
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
    throw shapeError(`at most 4 whole sizes of ${shownName(name)}`, `[${shape.join(', ')}]`)
  if (!Number.isSafeInteger(elements * type.bytes))
    throw shapeError(`fewer than 2^53 bytes for ${shownName(name)}`, `[${shape.join(', ')}]`)
  if ((shape.at(-1) ?? 1) % type.weights !== 0)
    throw shapeError(
      `rows of ${shownName(name)} in blocks of ${type.weights}, as ${type.name} has`,
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

function shapeError(expected: string, found: string): ShapeError {
  return new ShapeError({ operation, expected, found, hint: 'give the shape that the numbers have' })
}

function usageError(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation, expected, found, hint })
}
