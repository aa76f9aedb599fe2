import type { Builder } from './builder.js'
import { polynomial } from './math-polynomial.js'
import type { Vector } from './term.js'

/** ln 2 in two floats: 16 bits, so that its products with whole numbers up to 2⁸ are exact, and the rest. */
const ln2High = 0.693145751953125
const ln2Low = Math.LN2 - ln2High

/** (exp(r) − 1 − r) / r² on |r| ≤ ½ ln 2: the relative error of exp(r) stays under 2⁻²⁸. A minimax fit. */
const tail = [
  0.4999999343219334, 0.16666520400108617, 0.041668390768511726, 0.008368745007023027, 0.001381454100065385,
]

/**
 * exp(x) for x ≤ 0, as softmax needs it for distances from the largest. It is within 1 ulp (1.5 where
 * multiply-adds round twice) down to −87.3, whose result is the least normal float. Below that it is
 * subnormal or 0, and from −88 on it is 0, for −Infinity too. NaN stays.
 *
 * exp(x) = 2ⁿ exp(r) with r = x − n ln 2, |r| ≤ ½ ln 2, and 2ⁿ by one shift. That is 13 instructions where
 * multiply-adds are fused. `exp`, which holds everywhere, takes 16.
 */
export function decay(k: Builder, x: Vector): Vector {
  if (k.machine.math) return x.exp()
  const clamped = x.max(-88)
  // Adding 1.5 × 2²³ rounds to an integer; the further 127 is the bias of the exponent. At n = −127 the
  // exponent's bits are those of 0.
  const shift = 1.5 * 2 ** 23 + 127
  const shifted = clamped.fma(Math.LOG2E, shift)
  const n = shifted.sub(shift)
  const r = n.fma(-ln2Low, n.fma(-ln2High, clamped))
  return polynomial(r, [1, 1, ...tail]).mul(shifted.toBits().shl(23).fromBits())
}
