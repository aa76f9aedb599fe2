/** The bytes of a safetensors file; safetensors-read.ts says how they lie. */
import { MemoryError, ShapeError, UsageError } from '../base/index.js'
import type { StoredTensor } from './dense-tensor.js'
import { longestHeader } from './safetensors-read.js'
import {
  elementsOf,
  holds,
  isStored,
  nameOfDtype,
  storedBytes,
  storedDtypes,
  type StoredDtype,
} from './stored-dtypes.js'

/** How a file is to be written: its beginning, and the tensors whose numbers follow in this order. */
export interface SafetensorsPlan {
  /** The length of the header, and the header. */
  readonly head: Uint8Array
  readonly tensors: readonly (readonly [name: string, tensor: StoredTensor])[]
  /** Bytes of the numbers. */
  readonly size: number
}

/**
 * Writes tensors as a safetensors file: the same bytes for the same tensors, whatever their order. The
 * widest numbers come first and then the order is by name, so that all of them are aligned.
 *
 * @throws UsageError for a name or metadata that the format can't hold
 * @throws ShapeError where the shape doesn't fit the data
 * @throws MemoryError where the whole doesn't fit in memory
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const plan = planSafetensors(tensors, metadata)
  const bytes = allocate(plan.head.length + plan.size)
  bytes.set(plan.head)
  let offset = plan.head.length
  for (const [name, tensor] of plan.tensors) {
    const numbers = bytesToWrite(name, tensor)
    bytes.set(numbers, offset)
    offset += numbers.length
  }
  return bytes
}

/**
 * The header of a file of these tensors, of which only the names, shapes and dtypes are read.
 *
 * @throws UsageError, ShapeError as `writeSafetensors`
 */
export function planSafetensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: ReadonlyMap<string, string>,
): SafetensorsPlan {
  const ordered = [...tensors].sort(
    ([a, { dtype: first }], [b, { dtype: second }]) => widthOf(second) - widthOf(first) || (a < b ? -1 : 1),
  )
  const fields: string[] = []
  if (metadata.size > 0) {
    const texts = [...metadata]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, text]) => `${quoted(key)}:${quoted(text)}`)
    fields.push(`"__metadata__":{${texts.join(',')}}`)
  }
  let size = 0
  for (const [name, tensor] of ordered) {
    const { dtype, shape } = tensor
    const end = size + sizeToWrite(name, tensor)
    fields.push(
      `${quoted(name)}:{"dtype":"${nameOfDtype(dtype)}","shape":[${shape.join(',')}],"data_offsets":[${size},${end}]}`,
    )
    size = end
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`)
  const headerBytes = Math.ceil(header.length / 8) * 8
  if (headerBytes > longestHeader)
    throw usageError(`a header of at most ${longestHeader} bytes`, `${headerBytes}`, 'split the file')
  const head = new Uint8Array(8 + headerBytes).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true)
  head.set(header, 8)
  return { head, tensors: ordered, size }
}

/**
 * How many bytes a tensor takes in a file.
 *
 * @throws UsageError, ShapeError for one that can't be written
 */
export function sizeToWrite(name: string, { dtype, shape }: StoredTensor): number {
  if (name === '__metadata__')
    throw usageError(
      'another name for a tensor',
      JSON.stringify(name),
      'the format keeps it for its metadata',
    )
  const elements = shape.every((size) => Number.isSafeInteger(size) && size >= 0) ? elementsOf(shape) : NaN
  if (Number.isNaN(elements)) throw shapeError(name, shape, 'sizes from 0 on, of at most 2^53 numbers')
  return elements * storedBytes[checkedDtype(name, dtype)]
}

/**
 * A tensor's numbers as they stand in a file: a view.
 *
 * @throws UsageError, ShapeError where they are not what dtype and shape say
 */
export function bytesToWrite(name: string, { dtype, shape, data }: StoredTensor): Uint8Array {
  const stored = checkedDtype(name, dtype)
  if (!holds(stored, data)) throw dtypeError(name, dtype)
  if (elementsOf(shape) !== data.length) throw shapeError(name, shape, `${data.length} elements`)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function widthOf(dtype: string): number {
  return isStored(dtype) ? storedBytes[dtype] : 0
}

function checkedDtype(name: string, dtype: string): StoredDtype {
  if (isStored(dtype)) return dtype
  throw dtypeError(name, dtype)
}

function dtypeError(name: string, dtype: string): UsageError {
  const hint = `use ${storedDtypes.join(', ')}, with its typed array`
  return usageError(`the array of a dtype for ${JSON.stringify(name)}`, `dtype ${dtype}`, hint)
}

function shapeError(name: string, shape: readonly number[], expected: string): ShapeError {
  return new ShapeError({
    operation: 'writeSafetensors',
    expected: `${expected} for ${JSON.stringify(name)}`,
    found: `shape [${shape.join(', ')}]`,
    hint: 'give the shape that the data has',
  })
}

function quoted(text: string): string {
  if (/\p{Surrogate}/u.test(text))
    throw usageError(
      'whole characters',
      `${JSON.stringify(text)}, with half of a surrogate pair`,
      'rename it',
    )
  return JSON.stringify(text)
}

function usageError(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: 'writeSafetensors', expected, found, hint })
}

function allocate(size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size)
  } catch (cause) {
    throw new MemoryError({
      operation: 'writeSafetensors',
      expected: 'memory for the file',
      found: `${size} bytes`,
      hint: 'split the file, or write it with saveSafetensors',
      cause,
    })
  }
}
