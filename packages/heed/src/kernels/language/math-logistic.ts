import { bitsOf, floatOf } from './math-bits.js'
import { type Doubled, product } from './math-doubled.js'
import { expm1Tail, expTail, ln2High, ln2Low } from './math-exponential.js'
import { polynomial, polynomialByPairs } from './math-polynomial.js'
import type { FloatType, Term, TermWriter } from './term.js'

// What the logistic function, its relatives and the normal distribution are made of. Everything is written so
// that small results keep their digits: nothing near 1 is subtracted from 1, and what may be subnormal is
// multiplied in last, so that it is rounded once.

/** What these expansions must know of the machine. */
export interface LogisticWriter extends TermWriter {
  readonly machine: { readonly math: boolean }
}

/** A number below 1.5 × 2¹⁷⁰ as fraction × power × power, the latter a power of 2. */
export interface NegativeExponential<T extends FloatType> {
  readonly fraction: Term<T>
  readonly power: Term<T>
}

/** exp(−r) = 1 − r + r² × this; of half of r. */
const negativeTail = expTail.map((coefficient, i) => (i % 2 === 0 ? coefficient : -coefficient))
const halvedTail = negativeTail.map((coefficient, i) => coefficient / 2 ** (i + 2))

/** As `exponential`, but of −x, or of −x / 2 where `halved`; `low` is what rounding left of x. */
export function negativeExponential<T extends FloatType>(
  x: Term<T>,
  low: Term<T> | undefined,
  halved: boolean,
): NegativeExponential<T> {
  const [unit, tail] = halved ? [2, halvedTail] : [1, negativeTail]
  const shift = 1.5 * 2 ** 23 + 127
  const shifted = x.fma(-Math.LOG2E / 2 / unit, shift)
  const n = shifted.sub(shift)
  const [high, rest] = [n.fma(2 * unit * ln2High, x), 2 * unit * ln2Low]
  const r = low === undefined ? n.fma(rest, high) : high.add(n.fma(rest, low))
  // 1 comes in last where multiply-adds round twice, or every half ulp counts: it would make the others'
  // rounding large.
  const fraction = x.builder.fused
    ? polynomial(r, [1, -1 / unit, ...tail])
    : r
        .mul(r)
        .fma(polynomial(r, tail), r.mul(-1 / unit))
        .add(1)
  return { fraction, power: floatOf<T>(bitsOf(shifted).shl(23)) }
}

/** Past this distance from 0 a logistic function, times its argument, is no float above 0. */
const far = 112
const farInDoubles = 700

/** σ(z) = v / (v + u) with u / v = exp(−z), and what z stands for. */
export interface Logistic<T extends FloatType> {
  /** The argument, not below the bound where x σ(z) becomes 0: what σ is multiplied with. */
  readonly x: Term<T>
  /** The argument between both bounds. */
  readonly within: Term<T>
  readonly v: Term<T>
  readonly u: Term<T>
  readonly sum: Term<T>
  /** u × v */
  readonly fraction: Term<T>
}

/** A factor as the sum of two floats: terms, or numbers that are known. */
type Factor<T extends FloatType> = Doubled<T> | { readonly high: number; readonly low: number }

/** z as a function of the argument x, which lies within ±`bound`: past it x σ(z) is 0 or x. */
export interface LogisticForm {
  readonly bound: number
  readonly of: <T extends FloatType>(x: Term<T>) => Doubled<T> | Term<T>
  /**
   * What x is multiplied with to give −z log₂(e) / 2, for machines whose multiply-adds round once: only where
   * σ(z) is always multiplied with x, which keeps NaN.
   */
  readonly factor?: <T extends FloatType>(x: Term<T>) => Factor<T>
  /** z in f64. */
  readonly plain: <T extends FloatType>(x: Term<T>) => Term<T>
  /** x dz/dx */
  readonly growth: <T extends FloatType>(x: Term<T>) => Term<T>
  /** Whether x stands for |x|. */
  readonly even?: boolean
}

/** A constant as a sum of two floats, the first of them cut to so many bits after the point. */
function halves(value: number, bits?: number): { readonly high: number; readonly low: number } {
  const high = bits === undefined ? Math.fround(value) : Math.round(value * 2 ** bits) / 2 ** bits
  return { high, low: value - high }
}

const toHalfExponent = -Math.LOG2E / 2

/** z = x: the logistic function itself, silu. */
export const identityForm: LogisticForm = { bound: far, of: (x) => x, plain: (x) => x, growth: (x) => x }
/** z = 2 |x|: the derivative of tanh. */
export const twiceForm: LogisticForm = {
  bound: far / 2,
  of: (x) => x.add(x),
  plain: (x) => x.add(x),
  growth: (x) => x.add(x),
  even: true,
}

const quick = 1.702
const quickHalves = halves(quick)
const quickExponent = halves(quick * toHalfExponent)
/** z = 1.702 x: the quick GELU. */
export const quickForm: LogisticForm = {
  bound: 80,
  of: (x) => {
    const { high, low } = product(x, quickHalves.high)
    return { high, low: x.fma(quickHalves.low, low) }
  },
  factor: () => quickExponent,
  plain: (x) => x.mul(quick),
  growth: (x) => x.mul(quick),
}

/** 2 √(2 / π) (x + 0.044715 x³) = x (linear + cubic x²) */
const linear = 2 * Math.sqrt(2 / Math.PI)
const cubic = linear * 0.044715
// With 20 bits after the point `high` − (high + y) is exact for every y up to 14 of the same sign.
const linearHalves = halves(linear, 20)
const cubicHalves = halves(cubic)
const linearExponent = halves(linear * toHalfExponent, 20)
const cubicExponent = halves(cubic * toHalfExponent)

/** linear + cubic x² as a sum of two, `square` being what is left of x² beside its rounded value. */
function quadratic<T extends FloatType>(
  square: Doubled<T>,
  first: { readonly high: number; readonly low: number },
  second: { readonly high: number; readonly low: number },
): Doubled<T> {
  const { builder, type } = square.high
  const constant = builder.operand(type, first.high)
  const rest = square.low.fma(second.high, square.high.fma(second.low, first.low))
  if (builder.fused) {
    const high = square.high.fma(second.high, first.high)
    return { high, low: square.high.fma(second.high, constant.sub(high)).add(rest) }
  }
  const grown = product(square.high, second.high)
  const high = grown.high.add(first.high)
  return { high, low: constant.sub(high).add(grown.high).add(grown.low).add(rest) }
}

/** z = 2 √(2 / π) (x + 0.044715 x³): the GELU by tanh, whose (1 + tanh(z / 2)) / 2 is σ(z). */
export const tanhForm: LogisticForm = {
  bound: 12,
  of: (x) => {
    const sum = quadratic(product(x, x), linearHalves, cubicHalves)
    const z = product(x, sum.high)
    return { high: z.high, low: x.fma(sum.low, z.low) }
  },
  factor: (x) => quadratic(product(x, x), linearExponent, cubicExponent),
  plain: (x) => x.mul(x.mul(x).fma(cubic, linear)),
  growth: (x) => x.mul(x.mul(x).fma(3 * cubic, linear)),
}

/** 4ʳ on |r| ≤ ½ */
const powersOfFour = [1, 1, ...expTail].map((coefficient, i) => coefficient * (2 * Math.LN2) ** i)

/** NaN stays in x, and in u where the form has no factor. */
export function logistic<T extends FloatType>(
  k: LogisticWriter,
  argument: Term<T>,
  { bound, of, factor, plain, even = false }: LogisticForm,
): Logistic<T> {
  const one = k.operand(argument.type, 1)
  if (k.machine.math) {
    const x = even ? argument.abs() : argument.max(-farInDoubles)
    const within = x.min(farInDoubles)
    const z = plain(within).max(-farInDoubles).min(farInDoubles)
    const u = z.neg().builder.math('exp', z.neg())
    return { x, within, v: one, u, sum: u.add(1), fraction: u }
  }
  const x = even ? argument.abs() : argument.max(-bound)
  const within = x.min(bound)
  if (factor === undefined || !argument.builder.fused) {
    const z = of(within)
    const doubled = 'high' in z ? z : { high: z, low: undefined }
    const { fraction, power } = negativeExponential<T>(doubled.high, doubled.low, false)
    return { x, within, ...overPower(fraction, power) }
  }
  // exp(−z) = 4ⁿ 4ʳ. The product is rounded only after n has been taken off.
  const shift = 1.5 * 2 ** 23
  const { high, low } = factor(within)
  const shifted = within.fma(high, shift)
  const r = within.fma(low, within.fma(high, k.operand(argument.type, shift).sub(shifted)))
  const fraction = polynomial(r, powersOfFour)
  const exponent = bitsOf(shifted).shl(23)
  const v = floatOf<T>(exponent.neg().add(127 << 23))
  const u = floatOf<T>(bitsOf(fraction).add(exponent))
  return { x, within, v, u, sum: u.add(v), fraction }
}

/** 1 and fraction × power × power, divided by the power, which is far from overflow and from 0 in either. */
function overPower<T extends FloatType>(
  fraction: Term<T>,
  power: Term<T>,
): Pick<Logistic<T>, 'u' | 'v' | 'sum' | 'fraction'> {
  const v = floatOf<T>(
    bitsOf(power)
      .neg()
      .add(254 << 23),
  )
  const u = fraction.mul(power)
  return { v, u, sum: u.add(v), fraction }
}

/** σ(z) */
export function chosen<T extends FloatType>({ v, sum }: Logistic<T>): Term<T> {
  return v.div(sum)
}
/** 1 − σ(z) = σ(−z) */
export function notChosen<T extends FloatType>({ u, sum }: Logistic<T>): Term<T> {
  return u.div(sum)
}
/** σ(z) σ(−z) × scale² */
export function chosenSlope<T extends FloatType>({ fraction, sum }: Logistic<T>, scale: number): Term<T> {
  const reciprocal = sum.builder.operand(sum.type, scale).div(sum)
  return fraction.mul(reciprocal).mul(reciprocal)
}
/** x σ(z) */
export function gated<T extends FloatType>({ x, v, sum }: Logistic<T>): Term<T> {
  return x.div(sum).mul(v)
}
/** d(x σ(z))/dx = σ(z) (1 + x dz/dx σ(−z)) */
export function gatedSlope<T extends FloatType>(
  { within, u, v, sum }: Logistic<T>,
  { growth }: LogisticForm,
): Term<T> {
  const reciprocal = sum.builder.operand(sum.type, 1).div(sum)
  return reciprocal.mul(reciprocal.mul(u).fma(growth(within), 1)).mul(v)
}

/** (log(1 + e) − e) / e² on 0 ≤ e ≤ 1: the relative error of log(1 + e) stays under 2⁻³⁰. A minimax fit. */
const softTail = [
  -0.49999988079071045, 0.33332690596580505, -0.24988578259944916, 0.19897927343845367, -0.16129320859909058,
  0.12467089295387268, -0.08307362347841263, 0.04198099300265312, -0.013631314039230347,
  0.0020729154348373413,
]

/** ln(1 + exp(−|x|)): what softplus is above max(x, 0). */
export function softExcess<T extends FloatType>(k: LogisticWriter, x: Term<T>): Term<T> {
  const e = k.math('exp', x.abs().neg())
  if (k.machine.math) return k.math('log1p', e)
  return e.mul(e).fma(polynomial(e, softTail), e)
}

/** exp(−x²), with the square as a sum of two floats, so that small results keep their digits. */
export function gaussian<T extends FloatType>(k: LogisticWriter, x: Term<T>): Term<T> {
  if (k.machine.math) return k.math('exp', x.mul(x).neg())
  const { high, low } = product(x.abs().min(10.3), x.abs().min(10.3))
  const { fraction, power } = negativeExponential(high, low, false)
  return fraction.mul(power).mul(power)
}

/** The normal distribution beyond a = |x|. */
export interface NormalTail<T extends FloatType> {
  readonly size: Term<T>
  readonly square: Term<T>
  /** (1 − Φ(a)) exp(a² / 2), where the machine gives it. */
  readonly tail?: Term<T>
  /** exp(−a² / 2) / unit, a normal float. */
  readonly density: Term<T>
  /** A power of 2. */
  readonly unit: Term<T>
}

/**
 * (1 − Φ(a)) exp(a² / 2) as a quotient of polynomials on 0 ≤ a ≤ 14.8: the relative error stays under 2⁻²⁵. A
 * minimax fit.
 */
const tailNumerator = [
  0.5, 0.4388948976993561, 0.18368041515350342, 0.040783558040857315, 0.004138683434575796,
]
const tailDenominator = [
  1, 1.6756747961044312, 1.2043509483337402, 0.47064632177352905, 0.10223545879125595, 0.010374026373028755,
]
/** The same as s times a polynomial in s = 1 / (1 + a / 4): the relative error stays under 2⁻²⁶. */
const tailSeries = [
  0.09974633157253265, 0.0995214432477951, 0.09528798609972, 0.07301218062639236, 0.0838530883193016,
  0.01773115061223507, 0.022615285590291023, 0.055876120924949646, -0.0645357221364975, 0.01689213514328003,
]
/** Past it (1 − Φ(a)) a is no float above 0. */
const farthest = 14.8

/** Added to exponents, so that the result's is that of a normal float. */
const tailBias = 60
/** exp(−r / 2) on |r| ≤ ln 2 */
const halvedExponential = [1, 1, ...expm1Tail].map((coefficient, i) => coefficient * (-1 / 2) ** i)

export function normalTail<T extends FloatType>(k: LogisticWriter, x: Term<T>): NormalTail<T> {
  const one = k.operand(x.type, 1)
  if (k.machine.math) {
    const size = x.abs().min(40)
    const density = k.math('exp', size.mul(size).mul(-0.5))
    const tail = k.math('erfcx', size.mul(Math.SQRT1_2)).mul(0.5)
    return { size, square: size, tail, density, unit: one }
  }
  const size = x.abs().min(farthest)
  const { high, low } = product(size, size)
  if (!size.builder.fused) {
    const { fraction, power } = negativeExponential(high, low, true)
    return { size, square: high, density: fraction.mul(power), unit: power }
  }
  const shift = 1.5 * 2 ** 23 + tailBias
  const shifted = high.fma(-Math.LOG2E / 2, shift)
  const n = shifted.sub(shift)
  const r = n.fma(2 * ln2High, high).add(n.fma(2 * ln2Low, low))
  const fraction = polynomial(r, halvedExponential)
  return {
    size,
    square: high,
    density: floatOf<T>(bitsOf(fraction).add(bitsOf(shifted).shl(23))),
    unit: k.operand(x.type, 2 ** -tailBias),
  }
}

/** (1 − Φ(a)) exp(a² / 2), or a times it, given a² too. */
function scaledTail<T extends FloatType>(
  { size, square, tail }: Pick<NormalTail<T>, 'size' | 'square' | 'tail'>,
  times: boolean,
): Term<T> {
  if (tail !== undefined) return times ? tail.mul(size) : tail
  if (size.builder.fused) {
    if (!times) return polynomial(size, tailNumerator).div(polynomial(size, tailDenominator))
    const denominator = polynomialByPairs(size, square, tailDenominator)
    // Half of a is exact: a times the numerator is rounded once.
    const [half, ...others] = tailNumerator
    const rest = polynomialByPairs(size, square, others)
    return rest.fma(square, size.mul(half!)).div(denominator)
  }
  // Where multiply-adds round twice two polynomials of large numbers would lose too much.
  const quarter = size.mul(-0.25)
  const one = size.builder.operand(size.type, 1)
  const s = one.div(one.sub(quarter))
  const value = polynomial(s, tailSeries).mul(s)
  // The function is steep in s, so what rounding left of s counts: d log value / d log s is 0.72 + 2.47 s
  // within a tenth.
  const corrected = value.fma(quarter.fma(s, one.sub(s)).mul(s.fma(2.47, 0.72)), value)
  return times ? corrected.mul(size) : corrected
}

/** exp(x²) erfc(x) of |x|, as that of 10.25 beyond it. */
export function scaledComplement<T extends FloatType>(x: Term<T>): Term<T> {
  const size = x.abs().min(10.25).mul(Math.SQRT2)
  return scaledTail({ size, square: size.mul(size) }, false).mul(2)
}

/** x Φ(x) */
export function gatedByNormal<T extends FloatType>(x: Term<T>, parts: NormalTail<T>): Term<T> {
  // x Φ(x) = max(x, 0) − |x| (1 − Φ(|x|))
  return scaledTail(parts, true).mul(parts.density).fma(negated(parts.unit), x.max(0))
}
/** Φ(x) + x φ(x), φ being the density. */
export function gatedByNormalSlope<T extends FloatType>(x: Term<T>, parts: NormalTail<T>): Term<T> {
  const beyond = parts.size
    .fma(-1 / Math.sqrt(2 * Math.PI), scaledTail(parts, false))
    .mul(parts.density)
    .mul(parts.unit)
  return x.lt(0).select(beyond, beyond.neg().add(1) as never)
}

function negated<T extends FloatType>(x: Term<T>): Term<T> {
  return x.constant === undefined ? x.neg() : x.builder.operand(x.type, -x.constant)
}
