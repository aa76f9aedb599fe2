import { bitsOf, floatOf, toFloat } from './math-bits.js'
import { ln2High, ln2Low } from './math-exponential.js'
import { polynomial } from './math-polynomial.js'
import type { FloatType, Term } from './term.js'

/**
 * (log(1 + f) − f) / f² on √½ − 1 ≤ f ≤ √2 − 1: the relative error of log(1 + f) stays under 2⁻²⁷. A minimax
 * fit.
 */
const tail = [
  -0.5, 0.3333333134651184, -0.250008225440979, 0.20001259446144104, -0.16623340547084808,
  0.14201046526432037, -0.13159601390361786, 0.12766189873218536, -0.07641784846782684,
]

/** The bits of √½. */
const rootOfHalf = 0x3f3504f3

/**
 * log(1 + x) = e ln 2 + log(1 + f) with 1 + x = 2ᵉ (1 + f): what rounding left of 1 + x is put into f, so
 * that no digits are lost around 0.
 */
export function log1p<T extends FloatType>(x: Term<T>): Term<T> {
  const sum = x.add(1)
  const bits = bitsOf(sum)
  const exponent = bits.sub(rootOfHalf).shr(23)
  // 2⁻ᵉ; of large sums nothing is left.
  const scale = floatOf<T>(exponent.min(100).neg().add(127).shl(23))
  const left = x.sub(sum.sub(1))
  const f = left.fma(scale, floatOf<T>(bits.sub(exponent.shl(23))).sub(1))
  const e = toFloat<T>(exponent)
  const fraction = f.add(f.mul(f).fma(polynomial(f, tail), e.mul(ln2Low)))
  const finite = e.fma(ln2High, fraction)
  // −1 gives −∞, less NaN; −0, +∞ and NaN give themselves.
  const unusual = x.eq(-1).select(x.builder.operand(x.type, -Infinity), NaN)
  const within = x.lt(Infinity).select(x.gt(-1).select(finite, unusual), x)
  return x.eq(0).select(x, within)
}

/** log(x) = e ln 2 + log(1 + f) with x = 2ᵉ (1 + f), 1 + f between √½ and √2. */
export function logarithm<T extends FloatType>(x: Term<T>): Term<T> {
  // Subnormal numbers are made normal first.
  const subnormal = x.lt(2 ** -126)
  const bits = bitsOf(subnormal.select(x.mul(2 ** 23), x))
  const exponent = bits.sub(rootOfHalf).shr(23)
  const f = floatOf<T>(bits.sub(exponent.shl(23))).sub(1)
  const e = toFloat<T>(exponent).sub(subnormal.select(x.builder.operand(x.type, 23), 0))
  const fraction = f.add(f.mul(f).fma(polynomial(f, tail), e.mul(ln2Low)))
  const finite = e.fma(ln2High, fraction)
  // 0 gives −∞, a negative number NaN; +∞ and NaN give themselves.
  const unusual = x.eq(0).select(x.builder.operand(x.type, -Infinity), NaN)
  return x.lt(Infinity).select(x.gt(0).select(finite, unusual), x)
}
