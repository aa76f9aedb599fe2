/**
 * GGUF's K types: blocks of 256 numbers, whose parts of 16 or 32 have scales of their own, which are
 * themselves quantized. Fields as in ggml-common.h: `d` the scale of the scales and `dmin` of the smallest
 * values (f16), `scales` the parts' own, `qs` (`ql`) the numbers' lower bits, `qh` (`hmask`) their upper
 * ones.
 *
 * On rounding see gguf-blocks.ts: d · scale has 19 bits at most, and is exact in f32.
 */
import { halfAt, signedBytes } from './gguf-blocks.js'

/** `scales[16] qs[64] d dmin`: d · (s & 15) · q − dmin · (s >> 4), q in 2 bits, parts of 16 */
export function dequantizeQ2_K(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 84) {
    const d = halfAt(bytes, at + 80)
    const dmin = halfAt(bytes, at + 82)
    for (let part = 0; part < 16; part++, to += 16) {
      const scale = bytes[at + part]!
      const dl = d * (scale & 15)
      const ml = dmin * (scale >> 4)
      // Eight parts share 32 bytes: two beside each other, four in the bits.
      const from = at + 16 + (part >> 3) * 32 + (part & 1) * 16
      const shift = part & 6
      for (let i = 0; i < 16; i++) target[to + i] = dl * ((bytes[from + i]! >> shift) & 3) - ml
    }
  }
}

/**
 * `hmask[32] qs[64] scales[12] d`: d · (s − 32) · (q − 4 where hmask's bit is 0), q in 2 bits, s in 6, parts
 * of 16
 */
export function dequantizeQ3_K(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 110) {
    const d = halfAt(bytes, at + 108)
    for (let part = 0; part < 16; part++, to += 16) {
      const low = (bytes[at + 96 + (part & 7)]! >> (part < 8 ? 0 : 4)) & 15
      const high = (bytes[at + 104 + (part & 3)]! >> (2 * (part >> 2))) & 3
      const dl = d * ((low | (high << 4)) - 32)
      const from = at + 32 + (part >> 3) * 32 + (part & 1) * 16
      const mask = at + (part & 1) * 16
      const shift = part & 6
      const bit = part >> 1
      for (let i = 0; i < 16; i++) {
        const offset = 4 - (((bytes[mask + i]! >> bit) & 1) << 2)
        target[to + i] = dl * (((bytes[from + i]! >> shift) & 3) - offset)
      }
    }
  }
}

/** Scale and smallest value of part `part` in 6 bits each, out of twelve bytes: scale | smallest << 8. */
function scaleAndMin(bytes: Uint8Array, at: number, part: number): number {
  const low = bytes[at + part]!
  if (part < 4) return (low & 63) | ((bytes[at + part + 4]! & 63) << 8)
  const both = bytes[at + part + 4]!
  return (both & 15) | ((bytes[at + part - 4]! >> 6) << 4) | ((both >> 4) << 8) | ((low >> 6) << 12)
}

/** `d dmin scales[12] qs[128]`: d · s · q − dmin · m, q in 4 bits, parts of 32 */
export function dequantizeQ4_K(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 144) {
    const d = halfAt(bytes, at)
    const dmin = halfAt(bytes, at + 2)
    for (let part = 0; part < 8; part += 2, to += 64) {
      const first = scaleAndMin(bytes, at + 4, part)
      const second = scaleAndMin(bytes, at + 4, part + 1)
      const [d1, m1] = [d * (first & 63), dmin * (first >> 8)]
      const [d2, m2] = [d * (second & 63), dmin * (second >> 8)]
      const from = at + 16 + 16 * part
      for (let i = 0; i < 32; i++) {
        const q = bytes[from + i]!
        target[to + i] = d1 * (q & 15) - m1
        target[to + 32 + i] = d2 * (q >> 4) - m2
      }
    }
  }
}

/** `d dmin scales[12] qh[32] qs[128]`: d · s · q − dmin · m, q in 5 bits, parts of 32 */
export function dequantizeQ5_K(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 176) {
    const d = halfAt(bytes, at)
    const dmin = halfAt(bytes, at + 2)
    for (let part = 0; part < 8; part += 2, to += 64) {
      const first = scaleAndMin(bytes, at + 4, part)
      const second = scaleAndMin(bytes, at + 4, part + 1)
      const [d1, m1] = [d * (first & 63), dmin * (first >> 8)]
      const [d2, m2] = [d * (second & 63), dmin * (second >> 8)]
      const from = at + 48 + 16 * part
      for (let i = 0; i < 32; i++) {
        const q = bytes[from + i]!
        const high = bytes[at + 16 + i]! >> part
        target[to + i] = d1 * ((q & 15) | ((high & 1) << 4)) - m1
        target[to + 32 + i] = d2 * ((q >> 4) | ((high & 2) << 3)) - m2
      }
    }
  }
}

/** `ql[128] qh[64] scales[16] d`, scales signed bytes: d · s · (q − 32), q in 6 bits, parts of 16 */
export function dequantizeQ6_K(bytes: Uint8Array, target: Float32Array): void {
  const signs = signedBytes(bytes)
  for (let at = 0, to = 0; to < target.length; at += 210) {
    const d = halfAt(bytes, at + 208)
    for (let half = 0; half < 2; half++, to += 128) {
      const low = at + 64 * half
      const high = at + 128 + 32 * half
      const scales = at + 192 + 8 * half
      for (let side = 0; side < 2; side++) {
        const d1 = d * signs[scales + side]!
        const d2 = d * signs[scales + side + 2]!
        const d3 = d * signs[scales + side + 4]!
        const d4 = d * signs[scales + side + 6]!
        for (let i = 16 * side; i < 16 * side + 16; i++) {
          const a = bytes[low + i]!
          const b = bytes[low + 32 + i]!
          const h = bytes[high + i]!
          target[to + i] = d1 * (((a & 15) | ((h & 3) << 4)) - 32)
          target[to + 32 + i] = d2 * (((b & 15) | ((h & 12) << 2)) - 32)
          target[to + 64 + i] = d3 * (((a >> 4) | (h & 48)) - 32)
          target[to + 96 + i] = d4 * (((b >> 4) | ((h & 192) >> 2)) - 32)
        }
      }
    }
  }
}

const word = new Uint8Array(4)
const float = new Float32Array(word.buffer)

/** `d qs[256] bsums[16]`, d in f32, the sums (i16) for products alone: d · q */
export function dequantizeQ8_K(bytes: Uint8Array, target: Float32Array): void {
  const qs = signedBytes(bytes)
  for (let at = 0, to = 0; to < target.length; at += 292, to += 256) {
    for (let i = 0; i < 4; i++) word[i] = bytes[at + i]!
    const d = float[0]!
    for (let i = 0; i < 256; i++) target[to + i] = d * qs[at + 4 + i]!
  }
}
