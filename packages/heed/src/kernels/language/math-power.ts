import { bitsOf, floatOf, toFloat } from './math-bits.js'
import { type Doubled, product } from './math-doubled.js'
import { ln2High, ln2Low } from './math-exponential.js'
import { type LogisticWriter, negativeExponential } from './math-logistic.js'
import { polynomial } from './math-polynomial.js'
import type { FloatType, Term } from './term.js'

/**
 * 2 atanh(s) = 2 s + s³ × this in s², |s| ≤ 0.172: the relative error of the rest stays under 2⁻²⁶. Its
 * Taylor series.
 */
const logarithmTail = [2 / 3, 2 / 5, 2 / 7, 2 / 9, 2 / 11]
/** The bits of √½. */
const rootOfHalf = 0x3f3504f3
/** Exponents of whole numbers up to this are products. */
const mostFactors = 5
/** With a larger exponent every result but that of 1 is 0 or infinite. */
const largestExponent = 2 ** 31

/**
 * x^exponent for an exponent that is known while building, within 4 ulp over all floats (subnormal results
 * too). As IEEE 754 `pow`: 1 for the exponent 0; below 0 NaN but for whole exponents.
 */
export function power<T extends FloatType>(k: LogisticWriter, x: Term<T>, exponent: number): Term<T> {
  const one = k.operand(x.type, 1)
  if (exponent === 0) return one
  if (exponent === 0.5) return k.unary('sqrt', x)
  const size = Math.abs(exponent)
  if (Number.isInteger(size) && size <= mostFactors) {
    if (exponent > 0) return factors(x, size)
    // In two steps, so that no factor overflows before the result is 0.
    const half = size >> 1
    const first = one.div(factors(x, size - half))
    return half === 0 ? first : first.div(factors(x, half))
  }
  const whole = Number.isInteger(exponent)
  const base = whole ? x.abs() : x
  const found = k.machine.math
    ? k.math('exp', k.math('log', base).mul(exponent))
    : positivePower(k, base, exponent)
  return whole && size % 2 === 1 ? k.select(x.lt(0) as never, found.neg(), found) : found
}

function factors<T extends FloatType>(x: Term<T>, count: number): Term<T> {
  if (count === 1) return x
  const half = factors(x, count >> 1)
  const square = half.mul(half)
  return count % 2 === 0 ? square : square.mul(x)
}

/** exp(exponent × log x), the logarithm and the product as sums of two floats. */
function positivePower<T extends FloatType>(k: LogisticWriter, x: Term<T>, given: number): Term<T> {
  const exponent = Math.max(-largestExponent, Math.min(largestExponent, given))
  const { high, low } = doubledLogarithm(x)
  const upper = Math.fround(-exponent)
  const z = product(high, upper)
  const rest = high.fma(-exponent - upper, low.fma(upper, z.low))
  const sum = z.high.add(rest)
  const bounded = sum.max(-100).min(112)
  const left = k.select(sum.eq(bounded) as never, z.high.sub(sum).add(rest), k.operand(x.type, 0))
  const { fraction, power: scale } = negativeExponential(bounded, left, false)
  const finite = fraction.mul(scale).mul(scale)
  const [atZero, atInfinity] = given > 0 ? [0, Infinity] : [Infinity, 0]
  const constant = (value: number): Term<T> => k.operand(x.type, value)
  const unusual = k.select(x.eq(0) as never, constant(atZero), constant(NaN))
  const within = k.select(x.gt(0) as never, finite, unusual)
  return k.select(x.eq(Infinity) as never, constant(atInfinity), within)
}

/**
 * log(x) = e ln 2 + 2 atanh(s) with x = 2ᵉ (1 + f), s = f / (2 + f), for x above 0: within 2⁻³¹ of its size.
 */
function doubledLogarithm<T extends FloatType>(x: Term<T>): Doubled<T> {
  const constant = (value: number): Term<T> => x.builder.operand(x.type, value)
  const select = (condition: Term<'bool' | 'mask'>, a: Term<T>, b: Term<T>): Term<T> =>
    x.builder.select(condition, a, b)
  const subnormal = x.lt(2 ** -126) as Term<'bool' | 'mask'>
  const bits = bitsOf(select(subnormal, x.mul(2 ** 23), x))
  const exponent = bits.sub(rootOfHalf).shr(23)
  const f = floatOf<T>(bits.sub(exponent.shl(23))).sub(1)
  const e = toFloat<T>(exponent).sub(select(subnormal, constant(23), constant(0)))
  const divisor = f.add(2)
  const s = f.div(divisor)
  const back = product(s, divisor)
  // What rounding left of the divisor and of the quotient.
  const divisorRest = f.sub(divisor.sub(2))
  const rest = f.sub(back.high).sub(back.low).sub(s.mul(divisorRest)).div(divisor)
  const square = s.mul(s)
  const tail = square.mul(s).mul(polynomial(square, logarithmTail))
  const [large, small] = [e.mul(ln2High), s.add(s)]
  const high = large.add(small)
  // |e ln 2| is 0 or above |2 s|, so that this is what rounding left.
  const left = large.sub(high).add(small)
  return { high, low: left.add(e.fma(ln2Low, rest.add(rest)).add(tail)) }
}
