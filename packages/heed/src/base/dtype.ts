/**
 * Number formats: their sizes, the typed arrays that hold them, and the conversions between f32 and the two
 * 16-bit formats.
 *
 * - f16 is IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits.
 * - bf16 is the upper half of an f32: 1, 8 and 7 bits.
 *
 * Not every engine has an array of either, so their bits live in a Uint16Array. Numbers in memory are
 * little-endian, as in WebAssembly.
 *
 * Conversions round to nearest, ties to even. Infinities stay, what is too large becomes infinite, and
 * subnormals are exact. NaN stays NaN; the array versions keep its upper payload bits, too.
 */
import { UsageError } from './errors.js'

/**
 * What an element is stored as. Operations compute in f32; f16 and bf16 are storage, i32 and u8 numbers, ids
 * and masks.
 */
export type Dtype = 'f32' | 'f16' | 'bf16' | 'i32' | 'u8' | 'i8' | 'f64'

/** The typed array that holds each dtype. */
export interface DtypeArrays {
  f32: Float32Array
  f16: Uint16Array
  bf16: Uint16Array
  i32: Int32Array
  u8: Uint8Array
  i8: Int8Array
  f64: Float64Array
}

/** Bytes per element. */
export const bytesOf: Readonly<Record<Dtype, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  i32: 4,
  u8: 1,
  i8: 1,
  f64: 8,
}

/** Whether `value` names a dtype. */
export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(bytesOf, value)
}

const arrayTypes = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u8: Uint8Array,
  i8: Int8Array,
  f64: Float64Array,
} as const

/** A view of `length` elements of memory, from `byteOffset` on (a multiple of the element's size). */
export function viewOf<D extends Dtype>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): DtypeArrays[D] {
  return new arrayTypes[dtype](buffer as ArrayBuffer, byteOffset, length) as DtypeArrays[D]
}

/** A new array of zeros. */
export function zerosOf<D extends Dtype>(dtype: D, length: number): DtypeArrays[D] {
  return new arrayTypes[dtype](length) as DtypeArrays[D]
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** The number that these 16 bits of binary16 stand for. */
export function f16ToF32(half: number): number {
  bits[0] = f16Widen(half)
  return float[0]!
}

/** The 16 bits of binary16 nearest to `value`, which is taken as an f32. */
export function f32ToF16(value: number): number {
  float[0] = value
  return f16Narrow(bits[0]!)
}

/** The number that these 16 bits of bfloat16 stand for. */
export function bf16ToF32(half: number): number {
  bits[0] = half << 16
  return float[0]!
}

/** The 16 bits of bfloat16 nearest to `value`, which is taken as an f32. */
export function f32ToBf16(value: number): number {
  float[0] = value
  return bf16Narrow(bits[0]!)
}

/** Widens a whole array of binary16 bits. */
export function f16ArrayToF32(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  checkLengths('f16ArrayToF32', source, target)
  const table = f16Table()
  const out = bitsOf(target)
  for (let i = 0; i < source.length; i++) out[i] = table[source[i]!]!
  return target
}

/** Narrows a whole array to binary16 bits. */
export function f32ArrayToF16(
  source: Float32Array,
  target: Uint16Array = new Uint16Array(source.length),
): Uint16Array {
  checkLengths('f32ArrayToF16', source, target)
  const from = bitsOf(source)
  for (let i = 0; i < from.length; i++) target[i] = f16Narrow(from[i]!)
  return target
}

/** Widens a whole array of bfloat16 bits. */
export function bf16ArrayToF32(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  checkLengths('bf16ArrayToF32', source, target)
  const out = bitsOf(target)
  for (let i = 0; i < source.length; i++) out[i] = source[i]! << 16
  return target
}

/** Narrows a whole array to bfloat16 bits. */
export function f32ArrayToBf16(
  source: Float32Array,
  target: Uint16Array = new Uint16Array(source.length),
): Uint16Array {
  checkLengths('f32ArrayToBf16', source, target)
  const from = bitsOf(source)
  for (let i = 0; i < from.length; i++) target[i] = bf16Narrow(from[i]!)
  return target
}

function bitsOf(array: Float32Array): Uint32Array {
  return new Uint32Array(array.buffer, array.byteOffset, array.length)
}

function checkLengths(
  operation: string,
  source: { readonly length: number },
  target: { readonly length: number },
): void {
  if (target.length !== source.length) {
    throw new UsageError({
      operation,
      expected: `a target of ${source.length} elements`,
      found: String(target.length),
      hint: 'give it the length of the source',
    })
  }
}

let widened: Uint32Array | undefined

/** Every binary16 value as f32 bits (256 KiB), made at first use. */
function f16Table(): Uint32Array {
  if (widened === undefined) {
    widened = new Uint32Array(65536)
    for (let half = 0; half < 65536; half++) widened[half] = f16Widen(half)
  }
  return widened
}

/** binary16 bits to binary32 bits. */
function f16Widen(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0
  if (fraction === 0) return sign >>> 0
  // Subnormal, fraction × 2^-24: move its leading bit to the implicit place, bit 10.
  const shift = Math.clz32(fraction) - 21
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0
}

/** binary32 bits to binary16 bits. */
function f16Narrow(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) {
    const payload = (magnitude >>> 13) & 0x3ff
    return sign | 0x7c00 | (payload === 0 ? 0x200 : payload)
  }
  if (magnitude >= 0x47800000) return sign | 0x7c00 // 2^16 and more
  if (magnitude >= 0x38800000) {
    // Normal, 2^-14 and more. The carry of rounding may run into the exponent, up to infinity.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  }
  if (magnitude <= 0x33000000) return sign // 2^-25, half the least subnormal, ties to zero
  const shift = 126 - (magnitude >>> 23)
  const fraction = (magnitude & 0x7fffff) | 0x800000
  const kept = fraction >>> shift
  return sign | ((fraction + (1 << (shift - 1)) - 1 + (kept & 1)) >>> shift)
}

/** binary32 bits to bfloat16 bits. */
function bf16Narrow(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) {
    const upper = word >>> 16
    return (upper & 0x7f) === 0 ? upper | 0x40 : upper
  }
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
}
