import { FormatError, ShapeError, sizeOf, type Dtype, type Shape, shownName } from '../base/index.js'
import { empty, heapView, tensor, type Tensor, type Values } from '../tensor/index.js'
import type { FileBytes } from './bytes-in-memory.js'
import type { FileTensor } from './file-tensor.js'
import {
  elementsOf,
  floatsOf,
  isStored,
  nameOfDtype,
  storedArray,
  storedBytes,
  storedDtypes,
  type ForeignDtype,
  type StoredArray,
  type StoredDtype,
} from './stored-dtypes.js'

/** A tensor to be written: numbers in row-major order. f16 and bf16 are bits in a Uint16Array. */
export interface StoredTensor {
  /** A foreign one can't be written. */
  readonly dtype: StoredDtype | ForeignDtype
  readonly shape: readonly number[]
  /** Writing to a file asks for it once, and keeps it no longer than that takes. */
  readonly data: StoredArray
}

/** Where a tensor's numbers lie, and whose they are. */
export interface TensorPlace {
  readonly bytes: FileBytes
  /** First byte and the byte after the last. */
  readonly begin: number
  readonly end: number
  /** For errors. */
  readonly name: string
}

/** Numbers that are read at a time where they are converted: what a processor keeps near. */
const atOnce = 2 ** 15

/** A tensor in a file that lies there number by number, row-major and little-endian. */
export class DenseTensor implements StoredTensor, FileTensor {
  /**
   * Of a dtype that heed doesn't read the format's name, in capital letters: reading the numbers is refused.
   */
  readonly dtype: StoredDtype | ForeignDtype
  readonly shape: readonly number[]
  /** Where it lies. */
  readonly place: TensorPlace

  /** A tensor of as many numbers as `place` has. */
  constructor(dtype: StoredDtype | ForeignDtype, shape: readonly number[], place: TensorPlace) {
    this.dtype = dtype
    this.shape = shape
    this.place = place
  }

  get byteLength(): number {
    return this.place.end - this.place.begin
  }

  bytes(): Uint8Array {
    const { bytes, begin, end } = this.place
    return bytes.slice(begin, end)
  }

  /**
   * The raw numbers: a view of the file's bytes where they are in memory and aligned, a new copy each time
   * where not.
   *
   * @throws FormatError for a dtype that heed doesn't read
   * @throws MemoryError where a file on the disk has more than fits in memory
   */
  get data(): StoredArray {
    return storedArray(this.#stored(), this.bytes())
  }

  #stored(): StoredDtype {
    const { dtype } = this
    if (isStored(dtype)) return dtype
    const { bytes, begin, name } = this.place
    throw new FormatError({
      operation: 'readSafetensors',
      expected: `${shownName(name)} in one of the dtypes ${storedDtypes.map(nameOfDtype).join(', ')}`,
      found: dtype,
      hint: "convert that tensor; the file's others can be read",
      file: bytes.path,
      offset: begin,
    })
  }

  /**
   * The numbers in f32: f32 itself is not copied, floats of 8 and 16 bits are exact, f64 and whole numbers
   * are rounded to nearest, and of bool true is 1.
   *
   * @throws FormatError for a dtype that heed doesn't read
   */
  toFloat32(): Float32Array {
    const stored = this.#stored()
    const { data } = this
    return data instanceof Float32Array ? data : floatsOf(stored, data)
  }

  /**
   * The numbers as a tensor of named axes, which may split or join the file's: only their number has to be
   * the same. What the file stores as the tensor does is copied once, from the file to where it stays; what
   * becomes f32 on the way is read in parts.
   *
   * @param dtype f32 (default), f16 and bf16 take any numbers, others only their own
   * @throws ShapeError where the shape has more or fewer numbers
   * @throws FormatError where the file has another dtype
   * @throws DtypeError where a number is too large for f16 or bf16
   */
  toTensor<A extends string>(shape: Shape<A>, dtype: Dtype = 'f32'): Tensor<A> {
    const stored = this.#stored()
    const isFloat = dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
    if (stored !== dtype && !isFloat)
      throw new FormatError({
        operation: 'toTensor',
        expected: dtype,
        found: `${nameOfDtype(stored)} in the file`,
        hint: 'ask for the dtype that the file has, or for f32',
        file: this.place.bytes.path,
      })
    const elements = elementsOf(this.shape)
    if (sizeOf(shape) !== elements)
      throw new ShapeError({
        operation: 'toTensor',
        expected: `a shape of ${elements} numbers, as ${shownName(this.place.name)} has`,
        found: `${sizeOf(shape)}`,
        hint: `give axes for the sizes ${this.shape.join(', ')}`,
      })
    if (stored !== dtype && dtype !== 'f32') return tensor(this.toFloat32(), shape, { dtype })
    if (dtype === 'f64') return tensor(this.data as Values, shape, { dtype })
    const made = empty(shape, { dtype })
    try {
      this.#fill(stored, heapView(made), stored === dtype)
    } catch (error) {
      made.dispose()
      throw error
    }
    return made
  }

  /** Fills the numbers of a new tensor of as many: as they are, or in f32. */
  #fill(stored: StoredDtype, target: Values, asTheyAre: boolean): void {
    const { bytes, begin } = this.place
    const { buffer, byteOffset, byteLength } = target
    // A device that computes in f64 has no f32 as it is.
    if (asTheyAre && byteLength === this.byteLength)
      return bytes.copy(begin, new Uint8Array(buffer, byteOffset, byteLength))
    const width = storedBytes[stored]
    const room = new Uint8Array(width * Math.min(target.length, atOnce))
    const floats = target instanceof Float32Array ? undefined : new Float32Array(room.length / width)
    for (let from = 0; from < target.length; from += atOnce) {
      const length = Math.min(atOnce, target.length - from)
      const part = room.subarray(0, width * length)
      bytes.copy(begin + from * width, part)
      const place = target.subarray(from, from + length)
      const own = place instanceof Float32Array ? place : floats!.subarray(0, length)
      floatsOf(stored, storedArray(stored, part), own)
      if (own !== place) place.set(own)
    }
  }
}
