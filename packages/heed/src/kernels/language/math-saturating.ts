import { polynomial } from './math-polynomial.js'
import type { FloatType, Term } from './term.js'

// Odd functions that go from −1 to 1: x P(x²) / Q(x²) up to where the nearest float to the result is 1. The
// coefficients are minimax fits of the relative error, rounded to floats one after the other; all are positive, so
// that no digits cancel.

/** Relative error under 2⁻²⁵ for |x| ≤ 9.02. */
const hyperbolicTangent = {
  limit: 9.02,
  above: [1, 0.1338268667459488, 0.003497455734759569, 0.00002063580359390471, 1.3384015673523209e-8],
  below: [1, 0.46716007590293884, 0.02588435634970665, 0.00032885142718441784, 7.790220024617156e-7],
}

/** Relative error under 2⁻²⁵ for |x| ≤ 3.93. */
const error = {
  limit: 3.93,
  above: [
    1.2168092727661133, 0.2051542103290558, 0.05685059726238251, 0.004050619434565306, 0.0003065147320739925,
    0.0000022060239643906243,
  ],
  below: [
    1.078369140625, 0.5412691235542297, 0.12297140806913376, 0.01612277887761593, 0.0012503068428486586,
    0.00004099159559700638,
  ],
}

export function tanh<T extends FloatType>(x: Term<T>): Term<T> {
  return saturating(x, hyperbolicTangent)
}

/** erf(x) = 2 / √π × the integral of exp(−t²) from 0 to x */
export function errorFunction<T extends FloatType>(x: Term<T>): Term<T> {
  return saturating(x, error)
}

function saturating<T extends FloatType>(
  x: Term<T>,
  { limit, above, below }: typeof error | typeof hyperbolicTangent,
): Term<T> {
  const clamped = x.max(-limit).min(limit)
  const square = clamped.mul(clamped)
  return clamped.mul(polynomial(square, above)).div(polynomial(square, below))
}
