import { bitsOf, floatOf } from './math-bits.js'
import { polynomial } from './math-polynomial.js'
import type { FloatType, Term } from './term.js'

/** 2 ln 2 in two floats: 17 bits, so that its products with |n| ≤ 75 are exact, and the rest. */
const stepHigh = 1.38629150390625
const stepLow = 2 * Math.LN2 - stepHigh

/** (exp(r) − 1 − r) / r² on |r| ≤ ln 2: the relative error of exp stays under 2⁻²⁶. A minimax fit. */
const tail = [
  0.5000003576278687, 0.1666661649942398, 0.04166116565465927, 0.008335905149579048, 0.0014106396120041609,
  0.00019647041335701942,
]

/**
 * exp(x) = 2ⁿ 2ⁿ exp(r) with r = x − 2 n ln 2, |r| ≤ ln 2. The step is 2 ln 2 and not ln 2 because 2ⁿ is then a
 * normal float wherever the result is one at all, subnormal ones included: both factors come from one shift.
 * 16 instructions where multiply-adds are fused.
 */
export function exponential<T extends FloatType>(x: Term<T>): Term<T> {
  // Past these bounds the result is 0 or +∞ anyway. NaN stays.
  const clamped = x.max(-104).min(89)
  // Adding 1.5 × 2²³ rounds to an integer; the further 127 is the bias of the exponent.
  const shift = 1.5 * 2 ** 23 + 127
  const shifted = clamped.fma(Math.LOG2E / 2, shift)
  const n = shifted.sub(shift)
  const r = n.fma(-stepLow, n.fma(-stepHigh, clamped))
  const power = floatOf<T>(bitsOf(shifted).shl(23))
  return polynomial(r, [1, 1, ...tail])
    .mul(power)
    .mul(power)
}
