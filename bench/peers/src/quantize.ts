/** Matrices in blocks of 32 numbers with one f16 scale, as GGUF's q8_0 and q4_0 have them. */
import type { WeightFormat } from '../../dist/peer.js'

export type Quantized = 'q8_0' | 'q4_0'
export const isQuantized = (format: WeightFormat): format is Quantized =>
  format === 'q8_0' || format === 'q4_0'

/** What rounding weights and activations costs, as a share of the largest logit, for weights drawn evenly. */
export const toleranceOf: Readonly<Record<WeightFormat, number>> = {
  f32: 1e-4,
  f16: 5e-3,
  q8_0: 3e-2,
  q4_0: 0.4,
}

const buffer = new DataView(new ArrayBuffer(4))

/** The bits of the nearest f16 (ties to even); normal numbers, subnormal ones and zero. */
export function halfBits(value: number): number {
  buffer.setFloat32(0, value)
  const bits = buffer.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 255) - 112
  if (exponent >= 31) return sign | 0x7c00
  if (exponent <= 0) {
    const steps = Math.abs(value) * 2 ** 24
    const floor = Math.floor(steps)
    const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1)
    return sign | (floor + (up ? 1 : 0))
  }
  const all = (exponent << 23) | (bits & 0x7fffff)
  return sign | ((all + 0xfff + ((all >>> 13) & 1)) >>> 13)
}

export function halfValue(bits: number): number {
  const exponent = (bits >>> 10) & 31
  const fraction = bits & 1023
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -size : size
}

/** One block's scale, and its 32 numbers as whole ones: −127 … 127, or −8 … 7. */
export function quantizeBlock(
  given: (i: number) => number,
  format: Quantized,
  codes: Int8Array,
): { scale: number } {
  let most = 0
  for (let i = 0; i < 32; i++) if (Math.abs(given(i)) > Math.abs(most)) most = given(i)
  // q4_0 gives the largest number −8, which has no counterpart.
  const scale = format === 'q8_0' ? Math.abs(most) / 127 : most / -8
  const inverse = scale === 0 ? 0 : 1 / scale
  for (let i = 0; i < 32; i++) {
    const code = Math.round(given(i) * inverse)
    codes[i] = format === 'q8_0' ? code : Math.min(7, code)
  }
  return { scale: halfValue(halfBits(scale)) }
}

/** A matrix [in, out] as ONNX Runtime's MatMulNBits wants it: blocks along `in` for each `out`, offset by half their range. */
export function blocksOf(
  values: Float32Array,
  k: number,
  n: number,
  format: Quantized,
): { codes: Uint8Array; scales: Float32Array; bits: 4 | 8 } {
  const bits = format === 'q8_0' ? 8 : 4
  const blocks = k / 32
  const codes = new Uint8Array(n * blocks * 4 * bits)
  const scales = new Float32Array(n * blocks)
  const block = new Int8Array(32)
  for (let column = 0; column < n; column++)
    for (let at = 0; at < blocks; at++) {
      const place = column * blocks + at
      scales[place] = quantizeBlock((i) => values[(at * 32 + i) * n + column]!, format, block).scale
      if (bits === 8) for (let i = 0; i < 32; i++) codes[place * 32 + i] = block[i]! + 128
      else
        for (let i = 0; i < 16; i++)
          codes[place * 16 + i] = (block[2 * i]! + 8) | ((block[2 * i + 1]! + 8) << 4)
    }
  return { codes, scales, bits }
}
