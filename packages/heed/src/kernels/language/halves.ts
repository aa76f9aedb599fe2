import type { IntVector, Vector } from './term.js'

/** The bf16 nearest to each float, ties to even, in the lower half of each lane; NaN stays NaN. */
export function nearestBf16(value: Vector): IntVector {
  const bits = value.toBits()
  const upper = bits.ushr(16)
  const rounded = bits.add(upper.and(1).add(0x7fff)).ushr(16)
  return value.ne(value).select(upper.or(0x40), rounded)
}

/**
 * The f16 nearest to each float, ties to even, in the lower half of each lane; what is too large is infinite,
 * NaN stays NaN.
 */
export function nearestF16(value: Vector): IntVector {
  const bits = value.toBits()
  const sign = bits.ushr(16).and(0x8000)
  const magnitude = bits.and(0x7fffffff)
  // Normal: the exponent's bias is 112 less; the carry of rounding may run into the exponent, up to infinity.
  const odd = magnitude.ushr(13).and(1)
  const normal = magnitude.sub(0x38000000).add(odd).add(0xfff).ushr(13)
  // Subnormal, multiples of 2⁻²⁴: adding ½ rounds to them, and leaves their number in the fraction.
  const subnormal = magnitude.fromBits().add(0.5).toBits().sub(0x3f000000)
  const finite = magnitude.lt(0x38800000).select(subnormal, normal)
  const large = magnitude.lt(0x47800000).select(finite, 0x7c00)
  return magnitude.le(0x7f800000).select(large, 0x7e00).or(sign)
}
