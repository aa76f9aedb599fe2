/** Numbers as blocks of the types that heed writes. */
import { f32ArrayToBf16, f32ArrayToF16, f32ToF16, UsageError, shownName } from '../base/index.js'

type Encode = (numbers: Float32Array) => Uint8Array

const encoders: Readonly<Record<string, Encode>> = {
  F32: bytesOf,
  F16: (numbers) => bytesOf(f32ArrayToF16(numbers)),
  BF16: (numbers) => bytesOf(f32ArrayToBf16(numbers)),
  Q8_0: quantizeQ8_0,
}
/** The largest number that each holds. */
const largest: Readonly<Record<string, number>> = {
  F32: Infinity,
  F16: 65519.996,
  BF16: Infinity,
  Q8_0: 127 * 65504,
}

/** Whether numbers can be written as that type. */
export function isEncoded(type: string): boolean {
  return Object.hasOwn(encoders, type)
}

/**
 * The blocks of some numbers: whole blocks.
 *
 * @throws UsageError for numbers that the type can't hold, and types that aren't written
 */
export function encodeBlocks(type: string, numbers: Float32Array, name: string): Uint8Array {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation: 'writeGguf', expected, found, hint })
  }
  const shown = shownName(name)
  const encode = encoders[type]
  if (encode === undefined || !isEncoded(type))
    return refuse(
      `blocks of ${shown}, as bytes`,
      `numbers to be made ${type}`,
      'numbers become F32, F16, BF16 or Q8_0',
    )
  const most = largest[type]!
  if (most < Infinity)
    for (let i = 0; i < numbers.length; i++) {
      const size = Math.abs(numbers[i]!)
      if (!(size <= most) && (type === 'Q8_0' || size < Infinity))
        refuse(
          `numbers of ${shown} up to ${most}, as ${type} holds them`,
          String(numbers[i]),
          'write it as F32 or BF16',
        )
    }
  return encode(numbers)
}

function bytesOf(numbers: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/**
 * Blocks of 32: d (f16), the largest number / 127, and 32 signed bytes, each number / d, ties away from zero.
 * All of it in f32, and with the d that isn't rounded to f16 yet: ggml's quantize_row_q8_0_ref.
 */
export function quantizeQ8_0(numbers: Float32Array): Uint8Array {
  const blocks = numbers.length / 32
  const bytes = new Uint8Array(34 * blocks)
  for (let block = 0; block < blocks; block++) {
    const from = 32 * block
    const to = 34 * block
    let largestSize = 0
    for (let i = 0; i < 32; i++) {
      const size = Math.abs(numbers[from + i]!)
      if (size > largestSize) largestSize = size
    }
    const d = Math.fround(largestSize / 127)
    const inverse = d === 0 ? 0 : Math.fround(1 / d)
    const half = f32ToF16(d)
    bytes[to] = half & 255
    bytes[to + 1] = half >> 8
    for (let i = 0; i < 32; i++) {
      const scaled = Math.fround(numbers[from + i]! * inverse)
      // Conversion to a whole number cuts towards zero.
      bytes[to + 2 + i] = scaled < 0 ? scaled - 0.5 : scaled + 0.5
    }
  }
  return bytes
}
