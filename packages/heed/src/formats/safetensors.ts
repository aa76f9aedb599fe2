/**
 * The safetensors format (github.com/huggingface/safetensors, "Format"). A file has a little-endian u64 with
 * the length of the header, the header in JSON, and then the tensors' numbers. These are row-major and
 * little-endian, end to end with neither gap nor overlap.
 *
 * What is read may be hostile. Every claim in the header is checked before a tensor is handed out, in time
 * and memory proportional to the header.
 */
import {
  bf16ArrayToF32,
  bytesOf as bytesOfDtype,
  f16ArrayToF32,
  FormatError,
  MemoryError,
  ShapeError,
  sizeOf,
  UsageError,
  type Dtype,
  type DtypeArrays,
  type Shape,
  inWords,
} from '../base/index.js'
import { empty, heapView, tensor, type Tensor, type Values } from '../tensor/index.js'
import { withFileBytes } from '#file-bytes'
import { bytesInMemory, type FileBytes } from './bytes-in-memory.js'
import type { FileTensor } from './file-tensor.js'
import { readHeader } from './safetensors-header.js'

/** The number formats that a file may hold: heed's own, and two that only files have. */
export interface StoredArrays extends DtypeArrays {
  i64: BigInt64Array
  bool: Uint8Array
}
/** The dtypes of a safetensors file that can be read. */
export type StoredDtype = keyof StoredArrays
/**
 * The format's name of a dtype that heed doesn't read: `I16`, `U64`, `F8_E4M3`, `C64`, or one of the future.
 */
export type ForeignDtype = Uppercase<string>
/** The numbers of a tensor in a file. */
export type StoredArray = StoredArrays[StoredDtype]

const fileNames: Readonly<Record<StoredDtype, string>> = {
  f64: 'F64',
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  i64: 'I64',
  i32: 'I32',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
}
const dtypesByFileName: ReadonlyMap<string, StoredDtype> = new Map(
  (Object.keys(fileNames) as StoredDtype[]).map((dtype) => [fileNames[dtype], dtype]),
)
/** Bits of an element of those that heed doesn't read; what isn't here isn't checked against the shape. */
const foreignBits: Readonly<Record<string, number>> = {
  C64: 64,
  U64: 64,
  U32: 32,
  I16: 16,
  U16: 16,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
}
const bytesOf: Readonly<Record<StoredDtype, number>> = { ...bytesOfDtype, i64: 8, bool: 1 }
const arrayTypes = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const

/** The longest header, in bytes. The format's own limit is 100 MB, of which no file makes use. */
const maximumHeaderBytes = 3 * 2 ** 23

/** A tensor to be written: numbers in row-major order. f16 and bf16 are bits in a Uint16Array. */
export interface StoredTensor {
  /** A foreign one can't be written. */
  readonly dtype: StoredDtype | ForeignDtype
  readonly shape: readonly number[]
  readonly data: StoredArray
}

/** A tensor in a file that was read. */
export class SafetensorsTensor implements StoredTensor, FileTensor {
  /**
   * Of a dtype that heed doesn't read the format's name, in capital letters: reading the numbers is refused.
   */
  readonly dtype: StoredDtype | ForeignDtype
  readonly shape: readonly number[]
  readonly #name: string
  readonly #file: FileBytes
  readonly #begin: number
  readonly #end: number

  /** A tensor whose numbers are the bytes from `begin` up to `end` of `file`. */
  constructor(
    dtype: StoredDtype | ForeignDtype,
    shape: readonly number[],
    file: FileBytes,
    begin: number,
    end: number,
    name = '',
  ) {
    this.dtype = dtype
    this.shape = shape
    this.#name = name
    this.#file = file
    this.#begin = begin
    this.#end = end
  }

  get byteLength(): number {
    return this.#end - this.#begin
  }

  bytes(): Uint8Array {
    return this.#file.slice(this.#begin, this.#end)
  }

  /**
   * The raw numbers: a view of the file's bytes where they are in memory and aligned, a new copy each time
   * where not.
   *
   * @throws FormatError for a dtype that heed doesn't read
   * @throws MemoryError where a file on the disk has more than fits in memory
   */
  get data(): StoredArray {
    const { dtype } = this
    if (!isStored(dtype)) return this.#refuseDtype()
    const width = bytesOf[dtype]
    const inPlace = this.#file.slice(this.#begin, this.#end)
    const bytes = inPlace.byteOffset % width === 0 ? inPlace : new Uint8Array(inPlace)
    return new arrayTypes[dtype](bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / width)
  }

  #refuseDtype(): never {
    throw new FormatError({
      operation: 'readSafetensors',
      expected: `${JSON.stringify(this.#name.slice(0, 100))} in one of the dtypes ${Object.values(fileNames).join(', ')}`,
      found: this.dtype,
      hint: "convert that tensor; the file's others can be read",
      file: this.#file.path,
      offset: this.#begin,
    })
  }

  /**
   * The numbers in f32: f32 itself is not copied, f16 and bf16 are exact, f64 and i32 are rounded to
   * nearest, i64 by way of f64, and of bool true is 1.
   *
   * @throws FormatError for a dtype that heed doesn't read
   */
  toFloat32(): Float32Array {
    const { data, dtype } = this
    if (data instanceof Float32Array) return data
    if (data instanceof Uint16Array) return dtype === 'f16' ? f16ArrayToF32(data) : bf16ArrayToF32(data)
    if (data instanceof BigInt64Array) return Float32Array.from(data, Number)
    if (dtype === 'bool') return Float32Array.from(data, (byte) => (byte === 0 ? 0 : 1))
    return new Float32Array(data)
  }

  /**
   * The numbers as a tensor of named axes, which may split or join the file's: only their number has to be
   * the same. What the file stores as the tensor does is copied once, from the file to where it stays.
   *
   * @param dtype f32 (default), f16 and bf16 take any numbers, others only their own
   * @throws ShapeError where the shape has more or fewer numbers
   * @throws FormatError where the file has another dtype
   */
  toTensor<A extends string>(shape: Shape<A>, dtype: Dtype = 'f32'): Tensor<A> {
    if (this.dtype === dtype && sizeOf(shape) === elementsOf(this.shape)) {
      const made = empty(shape, { dtype })
      const { buffer, byteOffset, byteLength } = heapView(made)
      if (byteLength === this.#end - this.#begin) {
        this.#file.copy(this.#begin, new Uint8Array(buffer, byteOffset, byteLength))
        return made
      }
      made.dispose() // a device that computes in f64
    }
    if (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16')
      return tensor(this.toFloat32(), shape, { dtype })
    if (this.dtype === dtype) return tensor(this.data as Values, shape, { dtype })
    throw new FormatError({
      operation: 'toTensor',
      expected: dtype,
      found: `${this.dtype} in the file`,
      hint: 'ask for the dtype that the file has, or for f32',
    })
  }
}

/** What a file holds: its tensors by name, in the header's order, and its metadata. */
export interface Safetensors {
  readonly tensors: Map<string, SafetensorsTensor>
  readonly metadata: Map<string, string>
}

/**
 * Reads a safetensors file. The tensors are views of `bytes`, which must not change from here on.
 *
 * @param file the path, for errors
 * @throws FormatError for anything that isn't exactly such a file
 */
export function readSafetensors(bytes: Uint8Array, file?: string): Safetensors {
  if (!ArrayBuffer.isView(bytes) || bytes.BYTES_PER_ELEMENT !== 1)
    throw new UsageError({
      operation: 'readSafetensors',
      expected: 'the bytes of a file, a Uint8Array',
      found: inWords(bytes),
      hint: 'a file on the disk is read by withSafetensors(path, use); of an ArrayBuffer make new Uint8Array(buffer)',
    })
  return safetensorsIn(bytesInMemory(bytes, file), file)
}

/**
 * Runs `use` with a safetensors file on the disk. Its header is read, and each tensor when it is asked for,
 * as long as `use` runs.
 *
 * @throws FormatError for anything that isn't exactly such a file, or can't be read
 */
export function withSafetensors<T>(path: string, use: (file: Safetensors) => T): T {
  return withFileBytes(path, (bytes) => use(safetensorsIn(bytes, path)))
}

function safetensorsIn(bytes: FileBytes, file?: string): Safetensors {
  const refuse = (expected: string, found: string, offset: number): never => {
    const hint = 'the file is damaged, cut short, or not a safetensors file'
    throw new FormatError({ operation: 'readSafetensors', expected, found, hint, file, offset })
  }
  if (bytes.length < 8) refuse('at least 8 bytes', String(bytes.length), 0)
  const first = bytes.slice(0, 8)
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true)
  if (length > maximumHeaderBytes)
    refuse(`a header of at most ${maximumHeaderBytes} bytes`, `one of ${length}`, 0)
  const start = 8 + Number(length)
  if (start > bytes.length)
    refuse(`a header of ${length} bytes`, `${bytes.length - 8} bytes behind its length`, 0)

  const header = readHeader(bytes.slice(0, start), 8, file)
  const { entries, metadata } = header
  const tensors = new Map<string, SafetensorsTensor>()
  for (const [name, { dtype: fileDtype, shape, begin, end, at }] of entries) {
    const shown = JSON.stringify(name.slice(0, 100))
    const dtype = dtypesByFileName.get(fileDtype) ?? (isForeign(fileDtype) ? fileDtype : undefined)
    if (dtype === undefined)
      return header.refuse(at, `a dtype such as F32 for ${shown}`, JSON.stringify(fileDtype.slice(0, 100)))
    if (begin > end || end > bytes.length - start) {
      header.refuse(at, `${shown} within ${bytes.length - start} bytes of data`, `bytes ${begin} to ${end}`)
    }
    const bits = isStored(dtype)
      ? 8 * bytesOf[dtype]
      : Object.hasOwn(foreignBits, dtype)
        ? foreignBits[dtype]
        : undefined
    // Of elements of less than a byte the last byte may be filled up.
    if (bits !== undefined && Math.ceil((elementsOf(shape) * bits) / 8) !== end - begin) {
      header.refuse(at, `${end - begin} bytes for ${shown}`, `shape [${shape.join(', ')}] of ${fileDtype}`)
    }
    tensors.set(name, new SafetensorsTensor(dtype, shape, bytes, start + begin, start + end, name))
  }

  let covered = 0
  const byPlace = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  for (const [name, { begin, end, at }] of byPlace) {
    if (begin !== covered) {
      header.refuse(
        at,
        `${JSON.stringify(name.slice(0, 100))} to begin at byte ${covered} of the data, end to end`,
        `byte ${begin}`,
      )
    }
    covered = end
  }
  if (covered !== bytes.length - start)
    refuse(`${covered} bytes of data`, String(bytes.length - start), start + covered)
  return { tensors, metadata }
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
    const dtype = checkTensor(name, tensor)
    const { shape, data } = tensor
    const end = size + data.byteLength
    fields.push(
      `${quoted(name)}:{"dtype":"${fileNames[dtype]}","shape":[${shape.join(',')}],"data_offsets":[${size},${end}]}`,
    )
    size = end
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`)
  const headerBytes = Math.ceil(header.length / 8) * 8
  if (headerBytes > maximumHeaderBytes) {
    throw usageError(`a header of at most ${maximumHeaderBytes} bytes`, `${headerBytes}`, 'split the file')
  }
  const bytes = allocate(8 + headerBytes + size)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true)
  bytes.set(header, 8)
  bytes.fill(0x20, 8 + header.length, 8 + headerBytes)
  let offset = 8 + headerBytes
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
    offset += data.byteLength
  }
  return bytes
}

function widthOf(dtype: string): number {
  return isStored(dtype) ? bytesOf[dtype] : 0
}

function isStored(dtype: string): dtype is StoredDtype {
  return Object.hasOwn(fileNames, dtype)
}

function isForeign(dtype: string): dtype is ForeignDtype {
  return /^[A-Z][A-Z0-9_]{0,31}$/.test(dtype)
}

/** The product of the sizes; NaN where it passes 2^53 on the way. */
function elementsOf(shape: readonly number[]): number {
  let elements = 1
  for (const size of shape) {
    elements *= size
    if (!Number.isSafeInteger(elements)) return NaN
  }
  return elements
}

function checkTensor(name: string, { dtype, shape, data }: StoredTensor): StoredDtype {
  const shown = JSON.stringify(name)
  if (name === '__metadata__')
    throw usageError('another name for a tensor', shown, 'the format keeps it for its metadata')
  if (!isStored(dtype) || !(data instanceof arrayTypes[dtype])) {
    throw usageError(
      `the array of a dtype for ${shown}`,
      `dtype ${dtype}`,
      `use ${Object.keys(fileNames).join(', ')}, with its typed array`,
    )
  }
  if (elementsOf(shape) !== data.length || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ShapeError({
      operation: 'writeSafetensors',
      expected: `${data.length} elements for ${shown}`,
      found: `shape [${shape.join(', ')}]`,
      hint: 'give the shape that the data has',
    })
  }
  return dtype
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
      hint: 'split the file',
      cause,
    })
  }
}
