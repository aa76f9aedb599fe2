import { expect, test } from 'vitest'
import { readSafetensors, writeSafetensors, type StoredArray, type StoredDtype } from './index.js'
import { bitsOf, dtypeOfName, floatsOf, nameOfDtype, storedArray, storedDtypes } from './stored-dtypes.js'

/** Every byte, and every pair of bytes. */
const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
const pairs = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer)

/** Of a float of `bits` bits the definition: IEEE 754, 3.4, with every number from 2^-149 on exact in f64. */
function ieee(word: number, bits: number, exponentBits: number, infinite: boolean): number {
  const fractionBits = bits - 1 - exponentBits
  const sign = word >> (bits - 1) === 1 ? -1 : 1
  const exponent = (word >> fractionBits) % 2 ** exponentBits
  const fraction = (word % 2 ** fractionBits) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  const last = exponent === 2 ** exponentBits - 1
  if (last && infinite) return fraction === 0 ? sign * Infinity : NaN
  // E4M3 gives up infinity: only all ones are no number.
  if (last && fraction === 1 - 2 ** -fractionBits) return NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}
const twosComplement = (word: number, bits: number): number =>
  word >= 2 ** (bits - 1) ? word - 2 ** bits : word

const definitions: readonly [StoredDtype, (word: number) => number][] = [
  ['u8', (byte) => byte],
  ['i8', (byte) => twosComplement(byte, 8)],
  ['bool', (byte) => Math.min(byte, 1)],
  ['f8_e4m3', (byte) => ieee(byte, 8, 4, false)],
  ['f8_e5m2', (byte) => ieee(byte, 8, 5, true)],
  ['f8_e8m0', (byte) => (byte === 255 ? NaN : 2 ** (byte - 127))],
  ['u16', (word) => word],
  ['i16', (word) => twosComplement(word, 16)],
  ['f16', (word) => ieee(word, 16, 5, true)],
  ['bf16', (word) => ieee(word, 16, 8, true)],
]

test.each(definitions)('%s is by its definition, bit for bit, in each of its values', (dtype, definition) => {
  const all = bitsOf(dtype) === 8 ? bytes : pairs
  const found = floatsOf(dtype, storedArray(dtype, all))
  const wrong = Array.from(found.keys()).filter((word) => !Object.is(found[word], definition(word)))
  expect(wrong).toEqual([])
  expect(found.length).toBe(bitsOf(dtype) === 8 ? 256 : 65536)
})

test('limits of the floats of 8 bits are those of their papers', () => {
  const of = (dtype: StoredDtype, ...values: number[]): number[] => [
    ...floatsOf(dtype, Uint8Array.from(values)),
  ]
  expect(of('f8_e4m3', 0x7e, 0x08, 0x01, 0x38, 0xb8, 0x7f)).toEqual([448, 2 ** -6, 2 ** -9, 1, -1, NaN])
  expect(of('f8_e5m2', 0x7b, 0x7c, 0x04, 0x01, 0xbc, 0x7d)).toEqual([
    57344,
    Infinity,
    2 ** -14,
    2 ** -16,
    -1,
    NaN,
  ])
  expect(of('f8_e8m0', 0, 127, 254, 255)).toEqual([2 ** -127, 1, 2 ** 127, NaN])
})

/** The nearest f32, ties to even, by trying both neighbours in whole numbers. */
function nearestFloat(value: bigint): number {
  const size = value < 0n ? -value : value
  const shift = BigInt(Math.max(0, size.toString(2).length - 24))
  const below = (size >> shift) << shift
  const [rest, half] = [size - below, shift === 0n ? 0n : 1n << (shift - 1n)]
  const up = rest > half || (rest === half && half > 0n && ((size >> shift) & 1n) === 1n)
  const near = Number(below + (up ? 1n << shift : 0n))
  return value < 0n ? -near : near
}

test('whole numbers of 64 bits are rounded once', () => {
  const near = [24n, 25n, 31n, 52n, 53n, 54n, 60n, 62n].flatMap((power) => {
    const one = 1n << power
    const tie = one + (one >> 24n)
    return [one - 1n, one, one + 1n, tie - 1n, tie, tie + 1n, tie + (one >> 23n), one + (one >> 54n)]
  })
  const signed = [0n, ...near, ...near.map((value) => -value), 2n ** 63n - 1n, -(2n ** 63n)]
  const unsigned = [...near, ...near.map((value) => 2n * value), 2n ** 64n - 1n]
  // By way of f64 this one would become a tie, and go down.
  const tricky = 2n ** 60n + 2n ** 36n + 1n
  expect(nearestFloat(tricky)).not.toBe(Math.fround(Number(tricky)))
  expect(floatsOf('i64', BigInt64Array.from([...signed, tricky]))).toEqual(
    Float32Array.from([...signed, tricky], nearestFloat),
  )
  expect(floatsOf('u64', BigUint64Array.from(unsigned))).toEqual(Float32Array.from(unsigned, nearestFloat))
})

test('numbers of 32 bits, and f64, are rounded to nearest', () => {
  const whole = [0, 1, 2 ** 24 - 1, 2 ** 24 + 1, 2 ** 24 + 3, 2 ** 31 - 1]
  const cases: readonly [StoredDtype, StoredArray, number[]][] = [
    ['i32', Int32Array.from([...whole, -3]), [...whole, -3].map(Math.fround)],
    ['u32', Uint32Array.from([...whole, 2 ** 32 - 1]), [...whole, 2 ** 32].map(Math.fround)],
    [
      'f64',
      Float64Array.of(0.1, 1e300, 1 + 2 ** -24, 1 + 2 ** -24 + 2 ** -50),
      [Math.fround(0.1), Infinity, 1, 1 + 2 ** -23],
    ],
    ['f32', Float32Array.of(0.5, -0, NaN), [0.5, -0, NaN]],
  ]
  for (const [dtype, data, expected] of cases) expect([...floatsOf(dtype, data)]).toEqual(expected)
})

test('names are those of the format', () => {
  expect(storedDtypes.map(nameOfDtype).sort().join(' ')).toBe(
    'BF16 BOOL F16 F32 F64 F8_E4M3 F8_E5M2 F8_E8M0 I16 I32 I64 I8 U16 U32 U64 U8',
  )
  for (const dtype of storedDtypes) expect(dtypeOfName(nameOfDtype(dtype))).toBe(dtype)
  for (const name of ['f32', 'F32 ', '', 'é', '__PROTO__', 'CONSTRUCTOR'])
    expect(storedDtypes).not.toContain(dtypeOfName(name))
})

test('every dtype comes back from a file as it went in', () => {
  const data = new Map(
    storedDtypes.map((dtype) => {
      const numbers = storedArray(dtype, bytes)
      return [dtype, { dtype, shape: [numbers.length], data: numbers }] as const
    }),
  )
  const { tensors } = readSafetensors(writeSafetensors(data))
  for (const dtype of storedDtypes) {
    const { data: found, shape } = tensors.get(dtype)!
    expect(shape).toEqual([(256 * 8) / bitsOf(dtype)!])
    expect(found.constructor).toBe(data.get(dtype)!.data.constructor)
    expect(Buffer.compare(Buffer.from(found.buffer, found.byteOffset, found.byteLength), bytes)).toBe(0)
  }
})
