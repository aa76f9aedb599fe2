import { bitsOf, floatOf } from './math-bits.js'
import { polynomial } from './math-polynomial.js'
import type { FloatType, Term } from './term.js'

/** ln 2 in two floats: 16 bits, so that its products with whole numbers up to 2⁸ are exact, and the rest. */
export const ln2High = 0.693145751953125
export const ln2Low: number = Math.LN2 - ln2High

/** (exp(r) − 1 − r) / r² on |r| ≤ ln 2: the relative error of exp stays under 2⁻²⁶. A minimax fit. */
export const expTail: readonly number[] = [
  0.5000003576278687, 0.1666661649942398, 0.04166116565465927, 0.008335905149579048, 0.0014106396120041609,
  0.00019647041335701942,
]

/**
 * exp(x) = 2ⁿ 2ⁿ exp(r) with r = x − 2 n ln 2, |r| ≤ ln 2. The step is 2 ln 2 and not ln 2 because 2ⁿ is then
 * a normal float wherever the result is one at all, subnormal ones included: both factors come from one
 * shift. 16 instructions where multiply-adds are fused.
 */
export function exponential<T extends FloatType>(x: Term<T>): Term<T> {
  // Past these bounds the result is 0 or +∞ anyway. NaN stays.
  const clamped = x.max(-104).min(89)
  // Adding 1.5 × 2²³ rounds to an integer; the further 127 is the bias of the exponent.
  const shift = 1.5 * 2 ** 23 + 127
  const shifted = clamped.fma(Math.LOG2E / 2, shift)
  const n = shifted.sub(shift)
  const r = n.fma(-2 * ln2Low, n.fma(-2 * ln2High, clamped))
  const power = floatOf<T>(bitsOf(shifted).shl(23))
  return polynomial(r, [1, 1, ...expTail])
    .mul(power)
    .mul(power)
}

/**
 * (exp(r) − 1 − r) / r² on |r| ≤ ½ ln 2: the relative error of exp(r) − 1 stays under 2⁻²⁶. A minimax fit.
 */
export const expm1Tail: readonly number[] = [
  0.4999999701976776, 0.16666539013385773, 0.04166775569319725, 0.008367126807570457, 0.0013835582649335265,
]

/** exp(x) − 1 over all floats. */
export function expm1<T extends FloatType>(x: Term<T>): Term<T> {
  // Below −20 the nearest float is −1; half the result has a power that is a float up to the largest.
  const value = writeExpm1(x.max(-20).min(89), -1).mul(2)
  return x
    .abs()
    .lt(2 ** -30)
    .select(x, value)
}

/** exp(x) − 1 for |x| ≤ 80. */
export function exponentialMinusOne<T extends FloatType>(x: Term<T>): Term<T> {
  return writeExpm1(x, 0)
}

/**
 * 2^exponent (exp(x) − 1) = 2ⁿ (exp(r) − 1) + 2ⁿ − 2^exponent with r = x − n ln 2 and 2^exponent in 2ⁿ: no
 * digits lost around 0.
 */
function writeExpm1<T extends FloatType>(x: Term<T>, exponent: number): Term<T> {
  const shift = 1.5 * 2 ** 23 + 127
  const shifted = x.fma(Math.LOG2E, shift)
  const n = shifted.sub(shift)
  const r = n.fma(-ln2Low, n.fma(-ln2High, x))
  const fraction = r.mul(r).fma(polynomial(r, expm1Tail), r)
  const bits = bitsOf(shifted)
  const power = floatOf<T>((exponent === 0 ? bits : bits.add(exponent)).shl(23))
  return fraction.fma(power, power.sub(2 ** exponent))
}
