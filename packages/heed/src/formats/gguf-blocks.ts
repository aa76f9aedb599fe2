/**
 * How GGUF's types of blocks are turned into f32: the types with one scale for a block. Names of fields are
 * those of ggml's block structures (ggml-common.h): `d` the scale (f16), `m` the smallest value (f16), `qs`
 * the numbers in 4 bits, `qh` their fifth bits.
 *
 * Products are computed in f64 and rounded once. That gives the bits that f32 arithmetic in the order of
 * ggml's definition gives: every product before the last step is exact in f32, since a scale has 11 bits, and
 * what it is multiplied with at most 8.
 */
import { f16ToF32 } from '../base/index.js'

/** Turns the blocks at the beginning of `bytes` into as many numbers as `target` holds. */
export type Dequantize = (bytes: Uint8Array, target: Float32Array) => void

/** The f16 at byte `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return f16ToF32(bytes[at]! | (bytes[at + 1]! << 8))
}

/** The same bytes as signed numbers. */
export function signedBytes(bytes: Uint8Array): Int8Array {
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** `d qs[16]`: d · (q − 8), the lower halves of the bytes first. */
export function dequantizeQ4_0(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 18, to += 32) {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 2 + i]!
      target[to + i] = d * ((q & 15) - 8)
      target[to + 16 + i] = d * ((q >> 4) - 8)
    }
  }
}

/** `d m qs[16]`: d · q + m */
export function dequantizeQ4_1(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 20, to += 32) {
    const d = halfAt(bytes, at)
    const m = halfAt(bytes, at + 2)
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 4 + i]!
      target[to + i] = d * (q & 15) + m
      target[to + 16 + i] = d * (q >> 4) + m
    }
  }
}

/** `d qh[4] qs[16]`: d · (q − 16) */
export function dequantizeQ5_0(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 22, to += 32) {
    const d = halfAt(bytes, at)
    const qh = wordAt(bytes, at + 2)
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 6 + i]!
      target[to + i] = d * (((q & 15) | (((qh >>> i) & 1) << 4)) - 16)
      target[to + 16 + i] = d * (((q >> 4) | (((qh >>> (i + 16)) & 1) << 4)) - 16)
    }
  }
}

/** `d m qh[4] qs[16]`: d · q + m */
export function dequantizeQ5_1(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 24, to += 32) {
    const d = halfAt(bytes, at)
    const m = halfAt(bytes, at + 2)
    const qh = wordAt(bytes, at + 4)
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 8 + i]!
      target[to + i] = d * ((q & 15) | (((qh >>> i) & 1) << 4)) + m
      target[to + 16 + i] = d * ((q >> 4) | (((qh >>> (i + 16)) & 1) << 4)) + m
    }
  }
}

/** `d qs[32]`, signed bytes: d · q */
export function dequantizeQ8_0(bytes: Uint8Array, target: Float32Array): void {
  const qs = signedBytes(bytes)
  for (let at = 0, to = 0; to < target.length; at += 34, to += 32) {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 32; i++) target[to + i] = d * qs[at + 2 + i]!
  }
}

/** `d s qs[32]`, where s = d · Σ q is for products alone: d · q */
export function dequantizeQ8_1(bytes: Uint8Array, target: Float32Array): void {
  const qs = signedBytes(bytes)
  for (let at = 0, to = 0; to < target.length; at += 36, to += 32) {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 32; i++) target[to + i] = d * qs[at + 4 + i]!
  }
}

/** `d qs[16]`, a bit each: d or −d */
export function dequantizeQ1_0(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 18, to += 128) {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 128; i++) target[to + i] = ((bytes[at + 2 + (i >> 3)]! >> (i & 7)) & 1) === 1 ? d : -d
  }
}

/** `d qs[16]`, two bits each: d · (q − 1) */
export function dequantizeQ2_0(bytes: Uint8Array, target: Float32Array): void {
  for (let at = 0, to = 0; to < target.length; at += 18, to += 64) {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 64; i++) target[to + i] = d * (((bytes[at + 2 + (i >> 2)]! >> (2 * (i & 3))) & 3) - 1)
  }
}

/** The 32 bits at byte `at`, little-endian, as a signed integer. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
