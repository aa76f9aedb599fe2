/**
 * GGUF's types whose numbers are names of values in a table of 16, and the ternary ones. Fields as in
 * ggml-common.h: `d` the scale (f16; `e` as a power of two), `qs` the numbers, `scales_l` and `scales_h` the
 * lower and upper bits of parts' scales.
 *
 * On rounding see gguf-blocks.ts.
 */
import { halfAt } from './gguf-blocks.js'

/** Denser around zero, where most weights are: ggml's kvalues_iq4nl. */
const notLinear = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const
/** Twice what 4 bits as a float stand for: a sign, two bits of exponent, one of fraction (OCP's E2M1). */
const e2m1 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12] as const

/** `d qs[16]`: d · value of q */
export function dequantizeIQ4_NL(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 18, to += 32)
    lookUp(bytes, at + 2, 16, notLinear, halfAt(bytes, at), target, to)
}

/** `d scales_h scales_l[4] qs[128]`: d · (s − 32) · value of q, s in 6 bits, parts of 32 */
export function dequantizeIQ4_XS(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 136) {
    const d = halfAt(bytes, at)
    const high = bytes[at + 2]! | (bytes[at + 3]! << 8)
    for (let part = 0; part < 8; part++, to += 32) {
      const low = (bytes[at + 4 + (part >> 1)]! >> (4 * (part & 1))) & 15
      const scale = (low | (((high >> (2 * part)) & 3) << 4)) - 32
      lookUp(bytes, at + 8 + 16 * part, 16, notLinear, d * scale, target, to)
    }
  }
}

/** `e qs[16]`: 2^(e − 127) · the float q, as OCP's microscaling formats have it */
export function dequantizeMXFP4(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 17, to += 32)
    lookUp(bytes, at + 1, 16, e2m1, 2 ** (bytes[at]! - 128), target, to)
}

/** `d[4] qs[32]`, a scale for each part of 16 as a float of 8 bits without sign (E4M3): d · the float q */
export function dequantizeNVFP4(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 36)
    for (let part = 0; part < 4; part++, to += 16)
      lookUp(bytes, at + 4 + 8 * part, 8, e2m1, halfOfE4M3(bytes[at + part]!), target, to)
}

/**
 * Half of what a byte as E4M3 stands for; as ggml has it, without sign, and 0 for the one that is no number.
 */
function halfOfE4M3(byte: number): number {
  const exponent = (byte >> 3) & 15
  const fraction = byte & 7
  if (byte === 0x7f) return 0
  return exponent === 0 ? fraction * 2 ** -10 : (1 + fraction / 8) * 2 ** (exponent - 8)
}

/** The lower halves of `count` bytes, then the upper ones. */
function lookUp(
  bytes: Uint8Array,
  from: number,
  count: number,
  values: readonly number[],
  d: number,
  target: Float32Array,
  to: number,
): void {
  for (let i = 0; i < count; i++) {
    const q = bytes[from + i]!
    target[to + i] = d * values[q & 15]!
    target[to + count + i] = d * values[q >> 4]!
  }
}

const powersOf3 = [1, 3, 9, 27, 81] as const

/**
 * `qs[48] qh[4] d`: d · (t − 1). A byte holds five digits t of base 3 (of `qh` four), as a fraction of 256,
 * the first digit the largest: its k-th one is the whole part of 3 · (byte · 3^k mod 256) / 256.
 */
export function dequantizeTQ1_0(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 54) {
    const d = halfAt(bytes, at + 52)
    for (const [from, count, digits] of ternaryRuns)
      for (let digit = 0; digit < digits; digit++, to += count)
        for (let i = 0; i < count; i++) {
          const q = (bytes[at + from + i]! * powersOf3[digit]!) & 255
          target[to + i] = d * (((q * 3) >> 8) - 1)
        }
  }
}

/** Where bytes begin, how many there are, and the digits of each. */
const ternaryRuns = [
  [0, 32, 5],
  [32, 16, 5],
  [48, 4, 4],
] as const

/** `qs[64] d`: d · (t − 1), t in 2 bits */
export function dequantizeTQ2_0(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 66) {
    const d = halfAt(bytes, at + 64)
    for (let half = 0; half < 64; half += 32)
      for (let shift = 0; shift < 8; shift += 2, to += 32)
        for (let i = 0; i < 32; i++) target[to + i] = d * (((bytes[at + half + i]! >> shift) & 3) - 1)
  }
}
