/**
 * The tensors of a GGUF file. What the list of tensors claims is checked as a whole before one of them is
 * handed out: sizes, types, places. Numbers are read, and dequantized, in parts of some 256 KiB.
 */
import {
  bytesOf,
  type Dtype,
  f32ArrayToBf16,
  f32ArrayToF16,
  FormatError,
  inWords,
  MemoryError,
  type Shape,
  ShapeError,
  sizeOf,
  UsageError,
  shownName,
} from '../base/index.js'
import { empty, heapView, type Tensor } from '../tensor/index.js'
import { withFileBytes } from '#file-bytes'
import { bytesInMemory, type FileBytes } from './bytes-in-memory.js'
import type { FileTensor, FileTensors } from './file-tensor.js'
import { type GgufType, ggufTypes } from './gguf-types.js'
import { elementsOf } from './stored-dtypes.js'
import { Gguf, type GgufTensorEntry } from './gguf.js'

const operation = 'readGguf'
/** Numbers that are dequantized at a time: whole blocks of every type. */
const partLength = 2 ** 16

/** What a GGUF file holds. */
export interface GgufFile extends FileTensors {
  readonly format: 'gguf'
  /** Everything in the file that is no tensor: read when it is asked for. */
  readonly metadata: Gguf
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

/** A tensor in a GGUF file. */
export class GgufTensor implements FileTensor {
  readonly shape: readonly number[]
  readonly byteLength: number
  /** How many numbers it has. */
  readonly elements: number
  /** undefined: none that heed knows; then `dtype` is its number, `type 36`, and reading it is refused. */
  readonly type: GgufType | undefined
  readonly dtype: string
  readonly #name: string
  readonly #file: FileBytes
  readonly #start: number

  /** A tensor whose data stands from byte `start` on. */
  constructor({ name, shape, type }: GgufTensorEntry, file: FileBytes, start: number, byteLength: number) {
    this.shape = shape.toReversed()
    this.elements = shape.reduce((product, size) => product * size, 1)
    this.type = ggufTypes.get(type)
    this.dtype = this.type?.name ?? `type ${type}`
    this.byteLength = byteLength
    this.#name = name
    this.#file = file
    this.#start = start
  }

  /**
   * The blocks, as the file has them. Of a type that heed doesn't know: what stands up to the next tensor.
   */
  bytes(): Uint8Array {
    return this.#file.slice(this.#start, this.#start + this.byteLength)
  }

  /**
   * The blocks of numbers `begin` … `end` − 1, as the file has them; both are multiples of the block's
   * length.
   *
   * @throws as `read`
   */
  blocks(begin: number, end: number): Uint8Array {
    const { weights, bytes } = this.#known()
    this.#checkRange(begin, end, weights)
    return this.#file.slice(this.#start + (begin / weights) * bytes, this.#start + (end / weights) * bytes)
  }

  /**
   * Dequantizes numbers `begin` … `begin + target.length` − 1 into `target`. Both are multiples of the
   * block's length (`type.weights`).
   *
   * @throws FormatError for a type that heed doesn't know
   * @throws UsageError for a range that isn't there, or cuts a block
   */
  read(begin: number, target: Float32Array): void {
    const { dequantize, weights } = this.#known()
    this.#checkRange(begin, begin + target.length, weights)
    for (let done = 0; done < target.length; done += partLength) {
      const part = target.subarray(done, done + partLength)
      dequantize(this.blocks(begin + done, begin + done + part.length), part)
    }
  }

  /**
   * The numbers in f32, row-major. F32 that is in memory and aligned is not copied; I64 and F64 are rounded;
   * all others are exactly what the format's definition gives in f32.
   *
   * @throws FormatError for a type that heed doesn't know
   * @throws MemoryError where they don't fit in memory
   */
  toFloat32(): Float32Array {
    this.#known()
    if (this.dtype === 'F32') {
      const bytes = this.bytes()
      if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, this.elements)
    }
    const numbers = allocate(this.#name, this.elements)
    this.read(0, numbers)
    return numbers
  }

  /**
   * The numbers as a tensor of named axes, which may split or join the file's: only their number has to be
   * the same. They are dequantized straight to where they stay.
   *
   * @param dtype f32 (default), f16 or bf16, rounded to nearest; I8 may be i8, and I32 i32
   * @throws ShapeError where the shape has more or fewer numbers
   * @throws FormatError for a type that heed doesn't know, or that is no such dtype
   */
  toTensor<A extends string>(shape: Shape<A>, dtype: Dtype = 'f32'): Tensor<A> {
    this.#known()
    if (sizeOf(shape) !== this.elements)
      throw new ShapeError({
        operation: 'toTensor',
        expected: `${this.elements} numbers, as ${shownName(this.#name)} has in [${this.shape.join(', ')}]`,
        found: `${sizeOf(shape)} in ${Object.keys(shape).join(' × ') || 'a scalar'}`,
        hint: 'give the sizes of the tensor in the file',
      })
    const isFloat = dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
    if (!isFloat && this.dtype.toLowerCase() !== dtype)
      throw new FormatError({
        operation: 'toTensor',
        expected: dtype,
        found: `${this.dtype} in the file`,
        hint: 'ask for the dtype that the file has, or for f32',
        file: this.#file.path,
        offset: this.#start,
      })
    const made = empty(shape, { dtype })
    try {
      this.#copyInto(made, dtype)
    } catch (error) {
      made.dispose()
      throw error
    }
    return made
  }

  #copyInto<A extends string>(made: Tensor<A>, dtype: Dtype): void {
    const view = heapView(made)
    const isSame = this.dtype.toLowerCase() === dtype && view.BYTES_PER_ELEMENT === bytesOf[dtype]
    if (isSame) this.#file.copy(this.#start, new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    else if (view instanceof Float32Array) this.read(0, view)
    else {
      const part = new Float32Array(Math.min(partLength, this.elements))
      for (let at = 0; at < this.elements; at += partLength) {
        const numbers = part.subarray(0, this.elements - at)
        this.read(at, numbers)
        const place = view.subarray(at, at + numbers.length)
        if (dtype === 'f16') f32ArrayToF16(numbers, place as Uint16Array)
        else if (dtype === 'bf16') f32ArrayToBf16(numbers, place as Uint16Array)
        else place.set(numbers)
      }
    }
  }

  #checkRange(begin: number, end: number, weights: number): void {
    if (begin >= 0 && begin <= end && end <= this.elements && begin % weights === 0 && end % weights === 0)
      return
    throw new UsageError({
      operation,
      expected: `whole blocks of ${weights} of the ${this.elements} numbers of ${shownName(this.#name)}`,
      found: `${begin} to ${end}`,
      hint: `give multiples of ${weights}`,
    })
  }

  #known(): GgufType {
    if (this.type !== undefined) return this.type
    throw new FormatError({
      operation,
      expected: `${shownName(this.#name)} in a type that heed knows, such as Q4_K`,
      found: this.dtype,
      hint: "convert that tensor; the file's others can be read",
      file: this.#file.path,
      offset: this.#start,
    })
  }
}

/**
 * Reads a GGUF file. The tensors are views of `bytes`, which must not change from here on.
 *
 * @param file the path, for errors
 * @throws FormatError for anything that isn't such a file
 */
export function readGguf(bytes: Uint8Array, file?: string): GgufFile {
  if (!ArrayBuffer.isView(bytes) || bytes.BYTES_PER_ELEMENT !== 1)
    throw new UsageError({
      operation,
      expected: 'the bytes of a file, a Uint8Array',
      found: inWords(bytes),
      hint: 'a file on the disk is read by withGguf(path, use); of an ArrayBuffer make new Uint8Array(buffer)',
    })
  return ggufIn(bytesInMemory(bytes, file), file)
}

/**
 * Runs `use` with a GGUF file on the disk. Its lists are read, and each value and tensor when it is asked
 * for, as long as `use` runs.
 *
 * @throws FormatError for anything that isn't such a file, or can't be read
 */
export function withGguf<T>(path: string, use: (file: GgufFile) => T): T {
  return withFileBytes(path, (bytes) => use(ggufIn(bytes, path)))
}

/** The content of a GGUF file, whose bytes must not change from here on. */
export function ggufIn(bytes: FileBytes, file: string | undefined = bytes.path): GgufFile {
  const metadata = new Gguf(bytes, operation, file)
  const refuse = (expected: string, found: string, offset?: number): never => {
    const hint = 'the file is damaged, cut short, or of a kind that heed does not know'
    throw new FormatError({ operation, expected, found, hint, file, offset })
  }
  const parts = metadata.has('split.count') ? metadata.number('split.count')! : 1
  if (parts > 1)
    throw new FormatError({
      operation,
      expected: 'a whole model in one GGUF file',
      found: `one of ${parts} parts`,
      hint: "join them with llama.cpp's llama-gguf-split --merge",
      file: bytes.path,
    })
  const tensors = new Map<string, GgufTensor>()
  const entries = metadata.tensors()
  if (entries.length === 0) return { format: 'gguf', metadata, tensors }
  if (!metadata.isLittleEndian) refuse('a little-endian file', 'a big-endian one, with tensors')
  const alignment = metadata.alignment()
  const start = metadata.dataStart()
  const room = bytes.length - start
  const inOrder = entries.toSorted((a, b) => a.offset - b.offset)
  const lengths = new Map<string, number>()
  let end = 0
  let before = ''
  inOrder.forEach((entry, i) => {
    const { name, offset, shape, type } = entry
    const shown = shownName(name)
    if (offset % alignment !== 0) refuse(`${shown} at a multiple of ${alignment}`, `byte ${offset}`, start)
    if (offset < end) refuse(`${shown} behind ${shownName(before)}, from ${end} on`, `byte ${offset}`, start)
    const elements = elementsOf(shape)
    if (!Number.isSafeInteger(elements))
      refuse(`fewer than 2^53 numbers in ${shown}`, `[${shape.join(', ')}]`)
    const known = ggufTypes.get(type)
    if (known !== undefined && (shape[0] ?? 1) % known.weights !== 0)
      refuse(`rows of ${shown} in blocks of ${known.weights}, as ${known.name} has`, `rows of ${shape[0]}`)
    const next = inOrder[i + 1]?.offset ?? room
    const length = known === undefined ? Math.max(0, next - offset) : (elements / known.weights) * known.bytes
    if (!(offset + length <= room))
      refuse(`${shown} within ${Math.max(0, room)} bytes of data`, `bytes ${offset} to ${offset + length}`)
    lengths.set(name, length)
    end = offset + length
    before = name
  })
  for (const entry of entries)
    tensors.set(entry.name, new GgufTensor(entry, bytes, start + entry.offset, lengths.get(entry.name)!))
  return { format: 'gguf', metadata, tensors }
}

function allocate(name: string, elements: number): Float32Array {
  try {
    return new Float32Array(elements)
  } catch (cause) {
    throw new MemoryError({
      operation,
      expected: `memory for the ${elements} numbers of ${shownName(name)}`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'read it as a tensor, or in parts',
      cause,
    })
  }
}
