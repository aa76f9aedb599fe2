/**
 * GGUF's IQ1, IQ2 and IQ3 types: blocks of 256 numbers in groups of 8 or 4, each the index of a point in a
 * grid (gguf-grids.ts). Fields as in ggml-common.h: `d` the scale (f16), `qs` the lower bits of the indices,
 * `qh` their upper ones, `signs` a bit for each number, `scales` those of parts.
 *
 * On rounding see gguf-blocks.ts: no product before the last needs more than 22 bits.
 */
import { halfAt, wordAt } from './gguf-blocks.js'
import { gridIQ1, gridIQ2_S, gridIQ2_XS, gridIQ2_XXS, gridIQ3_S, gridIQ3_XXS } from './gguf-grids.js'

/** Seven signs and an eighth, such that an even number of them is negative: ggml's ksigns_iq2xs. */
const evenSigns: Uint8Array = Uint8Array.from({ length: 128 }, (_, seven) => {
  let odd = seven ^ (seven >> 4)
  odd ^= odd >> 2
  odd ^= odd >> 1
  return seven | ((odd & 1) << 7)
})

/** Writes `scale` times a point of 8 or 4; where a bit of `signs` is 1, negative. */
function put(
  target: Float32Array,
  to: number,
  grid: Int8Array,
  point: number,
  size: 8 | 4,
  scale: number,
  signs: number,
): void {
  const from = point * size
  for (let i = 0; i < size; i++) {
    const value = scale * grid[from + i]!
    target[to + i] = ((signs >> i) & 1) === 0 ? value : -value
  }
}

/**
 * `d qs[64]`, for each part of 32 four indices of a byte, then a word with four times 7 signs and 4 bits of
 * scale: d · (s + ½) / 4 · ±point
 */
export function dequantizeIQ2_XXS(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ2_XXS()
  for (let at = 0, to = 0; to < target.length; at += 66) {
    const d = halfAt(bytes, at)
    for (let from = at + 2; from < at + 66; from += 8) {
      const word = wordAt(bytes, from + 4)
      const scale = d * (0.5 + (word >>> 28)) * 0.25
      for (let i = 0; i < 4; i++, to += 8)
        put(target, to, grid, bytes[from + i]!, 8, scale, evenSigns[(word >>> (7 * i)) & 127]!)
    }
  }
}

/** `d qs[32] scales[8]`, in 16 bits 9 of index and 7 of signs, parts of 16: d · (s + ½) / 4 · ±point */
export function dequantizeIQ2_XS(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ2_XS()
  for (let at = 0, to = 0; to < target.length; at += 74) {
    const d = halfAt(bytes, at)
    for (let group = 0; group < 32; group++, to += 8) {
      const scale = d * (0.5 + halfByte(bytes, at + 66, group >> 1)) * 0.25
      const both = bytes[at + 2 + 2 * group]! | (bytes[at + 3 + 2 * group]! << 8)
      put(target, to, grid, both & 511, 8, scale, evenSigns[both >> 9]!)
    }
  }
}

/** `d qs[32] signs[32] qh[8] scales[8]`, indices of 10 bits, parts of 16: d · (s + ½) / 4 · ±point */
export function dequantizeIQ2_S(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ2_S()
  for (let at = 0, to = 0; to < target.length; at += 82) {
    const d = halfAt(bytes, at)
    for (let group = 0; group < 32; group++, to += 8) {
      const scale = d * (0.5 + halfByte(bytes, at + 74, group >> 1)) * 0.25
      const high = (bytes[at + 66 + (group >> 2)]! >> (2 * (group & 3))) & 3
      const point = bytes[at + 2 + group]! | (high << 8)
      put(target, to, grid, point, 8, scale, bytes[at + 34 + group]!)
    }
  }
}

/**
 * `d qs[64] scales_and_signs[32]`, points of 4, for each part of 32 a word as in IQ2_XXS: d · (s + ½) / 2 ·
 * ±point
 */
export function dequantizeIQ3_XXS(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ3_XXS()
  for (let at = 0, to = 0; to < target.length; at += 98) {
    const d = halfAt(bytes, at)
    for (let part = 0; part < 8; part++) {
      const word = wordAt(bytes, at + 66 + 4 * part)
      const scale = d * (0.5 + (word >>> 28)) * 0.5
      for (let i = 0; i < 8; i++, to += 4) {
        const signs = evenSigns[(word >>> (7 * (i >> 1))) & 127]! >> (4 * (i & 1))
        put(target, to, grid, bytes[at + 2 + 8 * part + i]!, 4, scale, signs)
      }
    }
  }
}

/**
 * `d qs[64] qh[8] signs[32] scales[4]`, points of 4, indices of 9 bits, parts of 32: d · (2 s + 1) · ±point
 */
export function dequantizeIQ3_S(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ3_S()
  for (let at = 0, to = 0; to < target.length; at += 110) {
    const d = halfAt(bytes, at)
    for (let group = 0; group < 64; group++, to += 4) {
      const scale = d * (1 + 2 * halfByte(bytes, at + 106, group >> 3))
      const point = bytes[at + 2 + group]! | (((bytes[at + 66 + (group >> 3)]! >> (group & 7)) & 1) << 8)
      put(target, to, grid, point, 4, scale, bytes[at + 74 + (group >> 1)]! >> (4 * (group & 1)))
    }
  }
}

/**
 * `d qs[32] qh[16]`, for each part of 32 in 16 bits: four times 3 upper bits of an index, 3 of scale, the
 * sign of the shift: d · (2 s + 1) · (point ± ⅛)
 */
export function dequantizeIQ1_S(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ1()
  for (let at = 0, to = 0; to < target.length; at += 50) {
    const d = halfAt(bytes, at)
    for (let part = 0; part < 8; part++) {
      const high = bytes[at + 34 + 2 * part]! | (bytes[at + 35 + 2 * part]! << 8)
      const scale = d * (2 * ((high >> 12) & 7) + 1)
      const shift = (high & 0x8000) === 0 ? 0.125 : -0.125
      for (let i = 0; i < 4; i++, to += 8) {
        const point = bytes[at + 2 + 4 * part + i]! | (((high >> (3 * i)) & 7) << 8)
        putShifted(target, to, grid, point, scale, shift)
      }
    }
  }
}

/**
 * `qs[32] qh[16] scales[8]`, for each group of 8 in 4 bits: 3 upper bits of the index and the sign of the
 * shift. Four times 16 bits of scales hold four of 3 bits, for parts of 16, and 4 bits of d: d · (2 s + 1) ·
 * (point ± ⅛)
 */
export function dequantizeIQ1_M(bytes: Uint8Array, target: Float32Array): void {
  const grid = gridIQ1()
  const half = new Uint8Array(2)
  for (let at = 0, to = 0; to < target.length; at += 56) {
    const upper = (i: number): number => bytes[at + 49 + 2 * i]! >> 4
    half[0] = upper(0) | (upper(1) << 4)
    half[1] = upper(2) | (upper(3) << 4)
    const d = halfAt(half, 0)
    for (let group = 0; group < 32; group++, to += 8) {
      const word = at + 48 + 2 * (group >> 3)
      const scales = bytes[word]! | (bytes[word + 1]! << 8)
      const scale = d * (2 * ((scales >> (3 * ((group >> 1) & 3))) & 7) + 1)
      const high = halfByte(bytes, at + 32, group)
      const point = bytes[at + group]! | ((high & 7) << 8)
      putShifted(target, to, grid, point, scale, (high & 8) === 0 ? 0.125 : -0.125)
    }
  }
}

function putShifted(
  target: Float32Array,
  to: number,
  grid: Int8Array,
  point: number,
  scale: number,
  shift: number,
): void {
  for (let i = 0; i < 8; i++) target[to + i] = scale * (grid[8 * point + i]! + shift)
}

/** Number `index` of those that stand in 4 bits each, the lower half of a byte first. */
function halfByte(bytes: Uint8Array, at: number, index: number): number {
  return (bytes[at + (index >> 1)]! >> (4 * (index & 1))) & 15
}
