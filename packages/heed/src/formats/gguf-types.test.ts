import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeBlocks, quantizeQ8_0 } from './gguf-encode.js'
import { ggufTypesByName } from './gguf-types.js'

// Random blocks, three of each type, and the SHA-256 of the f32 that ggml's own dequantize_row_… makes of
// them.
const expected = JSON.parse(
  readFileSync(new URL('testing/gguf-blocks.json', import.meta.url), 'utf8'),
) as Record<string, { blocks: string; sha256: string }>

describe('blocks of a GGUF file', () => {
  it.each(Object.entries(expected))(
    'of type %s are, bit for bit, what ggml makes of them',
    (name, { blocks, sha256 }) => {
      const { weights, bytes, dequantize } = ggufTypesByName.get(name)!
      const stored = Buffer.from(blocks, 'base64')
      expect(stored.length).toBe(3 * bytes)
      const numbers = new Float32Array(3 * weights)
      dequantize(stored, numbers)
      expect(createHash('sha256').update(new Uint8Array(numbers.buffer)).digest('hex')).toBe(sha256)
      // Also where the bytes are at an odd place.
      const moved = new Uint8Array(stored.length + 1)
      moved.set(stored, 1)
      const again = new Float32Array(numbers.length)
      dequantize(moved.subarray(1), again)
      expect(Buffer.from(again.buffer).equals(Buffer.from(numbers.buffer))).toBe(true)
    },
  )

  it('of plain numbers are those numbers, at odd places too', () => {
    const cases = {
      F32: new Float32Array([1.5, -0, Infinity]),
      F64: new Float64Array([0.1, -1e300, 3]),
      I8: new Int8Array([-128, 0, 127]),
      I16: new Int16Array([-32768, 0, 32767]),
      I32: new Int32Array([-(2 ** 31), 1, 2 ** 24 + 1]),
      I64: new BigInt64Array([-(2n ** 63n), 1n, 2n ** 53n + 1n]),
      F16: new Uint16Array([0x3c00, 0x8001, 0x7c00]),
      BF16: new Uint16Array([0x3f80, 0xc000, 0x7f80]),
    }
    const halves = { F16: [1, -(2 ** -24), Infinity], BF16: [1, -2, Infinity] }
    for (const [name, numbers] of Object.entries(cases)) {
      const bytes = new Uint8Array(numbers.byteLength + 1)
      bytes.set(new Uint8Array(numbers.buffer), 1)
      const target = new Float32Array(3)
      ggufTypesByName.get(name)!.dequantize(bytes.subarray(1), target)
      const own = Array.from(numbers as ArrayLike<number>, (value) => Math.fround(Number(value)))
      expect([...target], name).toEqual(name in halves ? halves[name as keyof typeof halves] : own)
    }
  })
})

describe('Q8_0', () => {
  it('is rounded as ggml does it: the largest is 127, ties go away from zero, zeros have no scale', () => {
    const numbers = new Float32Array(64)
    numbers.set([127, 0.5, -0.5, 1.5, -2.5, 0.49999997, -126.5])
    const bytes = quantizeQ8_0(numbers)
    const signed = new Int8Array(bytes.buffer)
    expect([bytes[0], bytes[1]]).toEqual([0x00, 0x3c])
    expect([...signed.subarray(2, 9)]).toEqual([127, 1, -1, 2, -3, 0, -127])
    expect([...bytes.subarray(34)]).toEqual(Array(34).fill(0))
    const back = new Float32Array(64)
    ggufTypesByName.get('Q8_0')!.dequantize(bytes, back)
    expect([...back.subarray(0, 7)]).toEqual([127, 1, -1, 2, -3, 0, -127])
  })

  it('divides by the scale before that is rounded to f16', () => {
    // 1 / 127 in f16 is larger by a fifth of a part in a thousand: 0.5 / 0.007877 would be 63.48.
    const numbers = new Float32Array(32).fill(63.5 / 127)
    numbers[0] = 1
    expect(quantizeQ8_0(numbers)[3]).toBe(64)
  })
})

describe('numbers that a type can not hold', () => {
  it.each([
    ['F16', 65520, 'F16'],
    ['Q8_0', Number.NaN, 'Q8_0'],
    ['Q8_0', Infinity, 'Q8_0'],
    ['Q8_0', 1e7, 'Q8_0'],
  ])('%s: %s is refused', (type, number, message) => {
    const numbers = new Float32Array(32)
    numbers[3] = number
    expect(() => encodeBlocks(type, numbers, 'x')).toThrow(message)
  })

  it('F16 keeps infinity, and the largest number', () => {
    expect([...new Uint16Array(encodeBlocks('F16', Float32Array.of(65519, Infinity), 'x').buffer)]).toEqual([
      0x7bff, 0x7c00,
    ])
  })

  it('types that only files have are refused', () => {
    expect(() => encodeBlocks('Q4_K', new Float32Array(256), 'x')).toThrow('numbers become F32, F16')
  })
})
