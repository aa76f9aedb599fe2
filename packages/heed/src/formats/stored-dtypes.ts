/**
 * The number formats of a safetensors file: their names, sizes and arrays, and what each number is in f32.
 * F8_E4M3 and F8_E5M2 are those of "FP8 Formats for Deep Learning" (arXiv:2209.05433); F8_E8M0 is the scale
 * of OCP's "Microscaling Formats (MX) Specification".
 */
import {
  bf16ArrayToF32,
  bytesOf as bytesOfDtype,
  f16ArrayToF32,
  f16ToF32,
  type DtypeArrays,
} from '../base/index.js'

/** The number formats that a file may hold: heed's own, and those that only files have. */
export interface StoredArrays extends DtypeArrays {
  i64: BigInt64Array
  u64: BigUint64Array
  u32: Uint32Array
  i16: Int16Array
  u16: Uint16Array
  f8_e4m3: Uint8Array
  f8_e5m2: Uint8Array
  f8_e8m0: Uint8Array
  bool: Uint8Array
}
/** The dtypes of a safetensors file that can be read: `F8_E4M3` in small letters, as all of them are. */
export type StoredDtype = keyof StoredArrays
/** The format's name of a dtype that heed doesn't read: `F4`, `C64`, or one of the future. */
export type ForeignDtype = Uppercase<string>
/** The numbers of a tensor in a file. Floats of 8 and 16 bits are bits in an array of whole numbers. */
export type StoredArray = StoredArrays[StoredDtype]

/** Bytes per element. */
export const storedBytes: Readonly<Record<StoredDtype, number>> = {
  ...bytesOfDtype,
  i64: 8,
  u64: 8,
  u32: 4,
  i16: 2,
  u16: 2,
  f8_e4m3: 1,
  f8_e5m2: 1,
  f8_e8m0: 1,
  bool: 1,
}
export const storedDtypes: readonly StoredDtype[] = Object.keys(storedBytes) as StoredDtype[]

const arrayTypes = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i16: Int16Array,
  u16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  f8_e4m3: Uint8Array,
  f8_e5m2: Uint8Array,
  f8_e8m0: Uint8Array,
  bool: Uint8Array,
} as const

/** Bits of an element of those that heed doesn't read. What isn't here can't be checked against a shape. */
const foreignBits: Readonly<Record<string, number>> = { C64: 64, F6_E2M3: 6, F6_E3M2: 6, F4: 4 }

/** Whether heed reads numbers of this format. */
export function isStored(dtype: string): dtype is StoredDtype {
  return Object.hasOwn(storedBytes, dtype)
}

/** Whether `data` is the array that holds this format. */
export function holds(dtype: StoredDtype, data: unknown): data is StoredArray {
  return data instanceof arrayTypes[dtype]
}

/** The dtype of the format's name, `BF16`; undefined for what is no such name. */
export function dtypeOfName(name: string): StoredDtype | ForeignDtype | undefined {
  if (!/^[A-Z][A-Z0-9_]{0,31}$/.test(name)) return undefined
  const stored = name.toLowerCase()
  return isStored(stored) ? stored : (name as ForeignDtype)
}

/** The format's name of a dtype. */
export function nameOfDtype(dtype: StoredDtype | ForeignDtype): string {
  return dtype.toUpperCase()
}

/** Bits of an element; undefined where nothing is known of the format. */
export function bitsOf(dtype: StoredDtype | ForeignDtype): number | undefined {
  if (isStored(dtype)) return 8 * storedBytes[dtype]
  return Object.hasOwn(foreignBits, dtype) ? foreignBits[dtype] : undefined
}

/** The product of the sizes; NaN where one of them, or the product on the way, passes 2^53. */
export function elementsOf(shape: readonly number[]): number {
  let elements = 1
  for (const size of shape) {
    elements *= size
    if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(size)) return NaN
  }
  return elements
}

/** Bytes as numbers: a view where they are aligned, a copy where not. */
export function storedArray(dtype: StoredDtype, bytes: Uint8Array): StoredArray {
  const width = storedBytes[dtype]
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes)
  return new arrayTypes[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / width)
}

/**
 * The numbers in f32. Floats of 8 and 16 bits are exact, f64 and whole numbers are rounded to nearest, ties
 * to even, and of bool true is 1.
 *
 * @param target where they are put; default a new array
 */
export function floatsOf(
  dtype: StoredDtype,
  data: StoredArray,
  target: Float32Array = new Float32Array(data.length),
): Float32Array {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < target.length; i++) target[i] = nearestFloat(data[i]!)
    return target
  }
  switch (dtype) {
    case 'f16':
      return f16ArrayToF32(data as Uint16Array, target)
    case 'bf16':
      return bf16ArrayToF32(data as Uint16Array, target)
    case 'f8_e4m3':
    case 'f8_e5m2':
    case 'f8_e8m0':
    case 'bool': {
      const table = tableOf(dtype)
      for (let i = 0; i < target.length; i++) target[i] = table[data[i]!]!
      return target
    }
    default:
      target.set(data)
      return target
  }
}

/**
 * A number of 64 bits as near as f32 has one. By way of f64 it would be rounded twice; so what f64 can't hold
 * loses its last 11 bits first, and the lowest that stays says whether there was anything in them.
 */
function nearestFloat(value: bigint): number {
  const near = Number(value)
  if (Number.isSafeInteger(near)) return near
  return 2048 * Number((value >> 11n) | ((value & 2047n) === 0n ? 0n : 1n))
}

/** What each byte stands for. */
const ofByte = {
  bool: (byte: number) => (byte === 0 ? 0 : 1),
  /** 1 sign, 5 exponent and 2 fraction bits: the upper half of binary16. */
  f8_e5m2: (byte: number) => f16ToF32(byte << 8),
  /** 1, 4 and 3 bits, a bias of 7 and no infinity: in binary16's places it is 2^8 times too small. */
  f8_e4m3: (byte: number) =>
    (byte & 0x7f) === 0x7f ? NaN : 256 * f16ToF32(((byte & 0x80) << 8) | ((byte & 0x7f) << 7)),
  /** 8 exponent bits: a power of 2. */
  f8_e8m0: (byte: number) => (byte === 0xff ? NaN : 2 ** (byte - 127)),
} as const
const tables = new Map<string, Float32Array>()

function tableOf(dtype: keyof typeof ofByte): Float32Array {
  let table = tables.get(dtype)
  if (table === undefined)
    tables.set(dtype, (table = Float32Array.from({ length: 256 }, (_, i) => ofByte[dtype](i))))
  return table
}
