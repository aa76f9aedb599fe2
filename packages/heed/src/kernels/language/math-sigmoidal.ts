import { bitsOf, floatOf } from './math-bits.js'
import { exponentialMinusOne } from './math-exponential.js'
import { polynomial } from './math-polynomial.js'
import type { FloatType, Term } from './term.js'

/** tanh(|x|) = t / (t + 2) with t = exp(2 |x|) − 1. Past 9.02 the nearest float is 1. */
export function tanh<T extends FloatType>(x: Term<T>): Term<T> {
  const size = x.abs().min(9.02)
  const t = exponentialMinusOne(size.add(size))
  return withSign(t.div(t.add(2)), x)
}

/**
 * 2 / √π, and −log(1 − erf(x)) / x − 2 / √π on 0 ≤ x ≤ 3.93: the relative error of erf stays under 2⁻²⁷. A
 * minimax fit.
 */
const slope = 1.128379225730896
const erfTail = [
  -5.411623149598199e-8, 0.6366193890571594, 0.10277777165174484, -0.019152900204062462,
  -0.00016058521578088403, 0.001667099422775209, -0.0006328106974251568, 0.00011761505447793752,
  -0.000009251142728317063,
]

/**
 * erf(x) = 2 / √π × the integral of exp(−t²) from 0 to x. −log(1 − erf(x)) is smooth enough for one
 * polynomial to cover everything up to 3.93, past which the nearest float is 1.
 */
export function errorFunction<T extends FloatType>(x: Term<T>): Term<T> {
  const size = x.abs().min(3.93)
  const exponent = size.fma(
    -slope,
    size.mul(
      polynomial(
        size,
        erfTail.map((coefficient) => -coefficient),
      ),
    ),
  )
  return withSign(exponentialMinusOne(exponent).abs(), x)
}

/** `size` ≥ 0 with the sign of `x`. */
function withSign<T extends FloatType>(size: Term<T>, x: Term<T>): Term<T> {
  return floatOf(bitsOf(size).or(bitsOf(x).and(0x80000000)))
}
