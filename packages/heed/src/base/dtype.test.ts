import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bf16ArrayToF32,
  bf16ToF32,
  bytesOf,
  f16ArrayToF32,
  f16ToF32,
  f32ArrayToBf16,
  f32ArrayToF16,
  f32ToBf16,
  f32ToF16,
  isDtype,
  UsageError,
  viewOf,
  zerosOf,
  type Dtype,
} from './index.js'

const every = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

/** The value of the bits of a format with so many exponent and fraction bits, by IEEE 754's definition. */
function valueOf(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) ? -1 : 1
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}

/**
 * The nearest bits by search among all the format's values, ties to even bits. Beyond the largest finite
 * value, infinity stands where the next value would be, as IEEE 754 rounds.
 */
function nearestBits(value: number, exponentBits: number, fractionBits: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 2 ** (exponentBits + fractionBits) : 0
  const magnitude = Math.abs(value)
  const infinity = (2 ** exponentBits - 1) * 2 ** fractionBits
  const placed = (bits: number): number =>
    bits === infinity ? 2 ** (2 ** (exponentBits - 1)) : valueOf(bits, exponentBits, fractionBits)
  if (magnitude >= placed(infinity)) return sign + infinity
  let low = 0
  let high = infinity
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (placed(middle) <= magnitude) low = middle
    else high = middle
  }
  const below = magnitude - placed(low)
  const above = placed(high) - magnitude
  return sign + (below < above || (below === above && low % 2 === 0) ? low : high)
}

const formats = [
  {
    name: 'f16',
    exponentBits: 5,
    fractionBits: 10,
    widen: f16ToF32,
    narrow: f32ToF16,
    widenAll: f16ArrayToF32,
    narrowAll: f32ArrayToF16,
  },
  {
    name: 'bf16',
    exponentBits: 8,
    fractionBits: 7,
    widen: bf16ToF32,
    narrow: f32ToBf16,
    widenAll: bf16ArrayToF32,
    narrowAll: f32ArrayToBf16,
  },
] as const

describe.each(formats)('$name', ({ exponentBits, fractionBits, widen, narrow, widenAll, narrowAll }) => {
  const infinity = (2 ** exponentBits - 1) * 2 ** fractionBits
  const isNaNBits = (bits: number): boolean => (bits & 0x7fff) > infinity
  const define = (bits: number): number => valueOf(bits, exponentBits, fractionBits)
  const nearest = (value: number): number => nearestBits(value, exponentBits, fractionBits)

  it('widens all 65,536 values to what they are defined to be', () => {
    const wide = widenAll(every)
    const wrong = [...every].filter(
      (bits) => !Object.is(widen(bits), define(bits)) || !Object.is(wide[bits], define(bits)),
    )
    expect(wrong).toEqual([])
  })

  it('gives all 65,536 values back, NaN payloads included', () => {
    expect(narrowAll(widenAll(every))).toEqual(every)
    const wrong = [...every].filter((bits) => !isNaNBits(bits) && narrow(widen(bits)) !== bits)
    expect(wrong).toEqual([])
  })

  it('rounds midpoints to even, and their neighbours to their own side', () => {
    const wrong: number[] = []
    const around = new Float32Array(3)
    const words = new Uint32Array(around.buffer)
    for (let bits = 0; bits < infinity; bits++) {
      const next = bits + 1 === infinity ? 2 ** (2 ** (exponentBits - 1)) : define(bits + 1)
      around[1] = define(bits) / 2 + next / 2
      words[0] = words[1]! - 1
      words[2] = words[1]! + 1
      const even = bits + (bits % 2)
      if (narrow(around[0]!) !== bits || narrow(around[1]!) !== even || narrow(around[2]!) !== bits + 1)
        wrong.push(bits)
      if (narrow(-around[1]!) !== even + 0x8000) wrong.push(-bits)
    }
    expect(wrong).toEqual([])
  })

  it('rounds any f32 to the nearest value', () => {
    fc.assert(
      fc.property(fc.float(), (value) => {
        const expected = Number.isNaN(value) ? undefined : nearest(value)
        for (const bits of [narrow(value), narrowAll(Float32Array.of(value))[0]!]) {
          if (expected === undefined) expect(isNaNBits(bits)).toBe(true)
          else expect(bits).toBe(expected)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('rounds any f32 bits to the nearest value', () => {
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 1, maxLength: 200 }), (words) => {
        const values = new Float32Array(words.buffer, words.byteOffset, words.length)
        narrowAll(values).forEach((bits, i) => {
          const value = values[i]!
          if (Number.isNaN(value)) expect(isNaNBits(bits)).toBe(true)
          else expect(bits).toBe(nearest(value))
        })
      }),
    )
  })

  it('keeps a NaN whose payload is cut away a NaN', () => {
    const words = Uint32Array.of(0x7f800001, 0xff800001)
    const narrowed = narrowAll(new Float32Array(words.buffer))
    expect([...narrowed].map(isNaNBits)).toEqual([true, true])
    expect(narrowed[1]! >>> 15).toBe(1)
  })

  it('refuses a target of another length', () => {
    expect(() => widenAll(every, new Float32Array(3))).toThrow(UsageError)
    expect(() => narrowAll(new Float32Array(3), every)).toThrow(UsageError)
  })
})

describe('dtypes', () => {
  it('know their bytes and arrays', () => {
    for (const dtype of Object.keys(bytesOf) as Dtype[]) {
      expect(isDtype(dtype)).toBe(true)
      expect(zerosOf(dtype, 3).BYTES_PER_ELEMENT).toBe(bytesOf[dtype])
      const bytes = new Uint8Array(32)
      viewOf(dtype, bytes.buffer, 8, 2).fill(1)
      expect(bytes.some((byte, i) => byte !== 0 && i >= 8 && i < 8 + 2 * bytesOf[dtype])).toBe(true)
    }
    expect([isDtype('toString'), isDtype('f8'), isDtype(3)]).toEqual([false, false, false])
  })
})
