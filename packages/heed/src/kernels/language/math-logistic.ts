import { bitsOf, floatOf } from './math-bits.js'
import { type Doubled, product } from './math-doubled.js'
import { expTail, ln2High, ln2Low } from './math-exponential.js'
import { polynomial } from './math-polynomial.js'
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
  /** z, within bounds. */
  readonly z: Term<T>
  readonly v: Term<T>
  readonly u: Term<T>
  /** 1 / (v + u) */
  readonly reciprocal: Term<T>
}

/** z as a function of the argument x, which lies within ±`bound`: past it x σ(z) is 0 or x. */
export interface LogisticForm {
  readonly bound: number
  readonly of: <T extends FloatType>(x: Term<T>) => Doubled<T> | Term<T>
  /** The same in f64. */
  readonly plain: <T extends FloatType>(x: Term<T>) => Term<T>
}

/** z = x: the logistic function itself, silu. */
export const identityForm: LogisticForm = { bound: far, of: (x) => x, plain: (x) => x }

/** A constant as a sum of two floats, the first of them cut to so many bits after the point. */
function halves(value: number, bits?: number): readonly [high: number, low: number] {
  const high = bits === undefined ? Math.fround(value) : Math.round(value * 2 ** bits) / 2 ** bits
  return [high, value - high]
}

const quick = 1.702
const [quickHigh, quickLow] = halves(quick)
/** z = 1.702 x: the quick GELU. */
export const quickForm: LogisticForm = {
  bound: 80,
  of: (x) => {
    const { high, low } = product(x, quickHigh)
    return { high, low: x.fma(quickLow, low) }
  },
  plain: (x) => x.mul(quick),
}

/** 2 √(2 / π) (x + 0.044715 x³) = x (linear + cubic x²) */
const linear = 2 * Math.sqrt(2 / Math.PI)
const cubic = linear * 0.044715
// With 20 bits after the point `linearHigh` − (linearHigh + y) is exact for every y ≥ 0 up to 14.
const [linearHigh, linearLow] = halves(linear, 20)
const [cubicHigh, cubicLow] = halves(cubic)
/** z = 2 √(2 / π) (x + 0.044715 x³): the GELU by tanh, whose (1 + tanh(z / 2)) / 2 is σ(z). */
export const tanhForm: LogisticForm = {
  bound: 12,
  of: (x) => {
    const square = product(x, x)
    const second = product(square.high, cubicHigh)
    const sum = second.high.add(linearHigh)
    const left = sum.neg().add(linearHigh).add(second.high)
    const low = left.add(second.low).add(square.low.fma(cubicHigh, square.high.fma(cubicLow, linearLow)))
    const z = product(x, sum)
    return { high: z.high, low: x.fma(low, z.low) }
  },
  plain: (x) => x.mul(x.mul(x).fma(cubic, linear)),
}
/** x dz/dx of the tanh form. */
export function tanhFormSlope<T extends FloatType>(x: Term<T>): Term<T> {
  return x.mul(x.mul(x).fma(3 * cubic, linear))
}

/** NaN stays. */
export function logistic<T extends FloatType>(
  k: LogisticWriter,
  argument: Term<T>,
  { bound, of, plain }: LogisticForm,
): Logistic<T> {
  const one = k.operand(argument.type, 1)
  if (k.machine.math) {
    const x = argument.max(-farInDoubles)
    const z = plain(x.min(farInDoubles)).max(-farInDoubles).min(farInDoubles)
    const u = z.neg().builder.math('exp', z.neg())
    return { x, z, v: one, u, reciprocal: one.div(u.add(1)) }
  }
  const x = argument.max(-bound)
  const within = of(x.min(bound))
  const [z, low] = 'high' in within ? [within.high, within.low] : [within, undefined]
  const { fraction, power } = negativeExponential<T>(z, low, false)
  // Both divided by the power, which is far from overflow and from 0 in either.
  const v = floatOf<T>(
    bitsOf(power)
      .neg()
      .add(254 << 23),
  )
  const u = fraction.mul(power)
  return { x, z, v, u, reciprocal: one.div(u.add(v)) }
}

/** σ(z) */
export function chosen<T extends FloatType>({ v, reciprocal }: Logistic<T>): Term<T> {
  return reciprocal.mul(v)
}
/** 1 − σ(z) = σ(−z) */
export function notChosen<T extends FloatType>({ u, reciprocal }: Logistic<T>): Term<T> {
  return reciprocal.mul(u)
}
/** x σ(z) */
export function gated<T extends FloatType>({ x, v, reciprocal }: Logistic<T>): Term<T> {
  return reciprocal.mul(x).mul(v)
}
/** d(x σ(z))/dx = σ(z) (1 + x dz/dx σ(−z)), `growth` being x dz/dx. */
export function gatedSlope<T extends FloatType>(parts: Logistic<T>, growth: Term<T>): Term<T> {
  return parts.reciprocal.mul(notChosen(parts).fma(growth, 1)).mul(parts.v)
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

/** The normal distribution beyond |x|: 1 − Φ(a) = tail × fraction × power × power with a = |x|. */
export interface NormalTail<T extends FloatType> {
  readonly size: Term<T>
  /** (1 − Φ(a)) exp(a² / 2) */
  readonly tail: Term<T>
  readonly fraction: Term<T>
  readonly power: Term<T>
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

export function normalTail<T extends FloatType>(k: LogisticWriter, x: Term<T>): NormalTail<T> {
  const one = k.operand(x.type, 1)
  if (k.machine.math) {
    const size = x.abs().min(40)
    const fraction = k.math('exp', size.mul(size).mul(-0.5))
    return { size, tail: k.math('erfcx', size.mul(Math.SQRT1_2)).mul(0.5), fraction, power: one }
  }
  const size = x.abs().min(farthest)
  const { high, low } = product(size, size)
  const { fraction, power } = negativeExponential(high, low, true)
  return { size, tail: scaledTail(size), fraction, power }
}

/** (1 − Φ(a)) exp(a² / 2) */
function scaledTail<T extends FloatType>(size: Term<T>): Term<T> {
  if (size.builder.fused) return polynomial(size, tailNumerator).div(polynomial(size, tailDenominator))
  // Where multiply-adds round twice two polynomials of large numbers would lose too much.
  const quarter = size.mul(-0.25)
  const one = size.builder.operand(size.type, 1)
  const s = one.div(one.sub(quarter))
  const value = polynomial(s, tailSeries).mul(s)
  // The function is steep in s, so what rounding left of s counts: d log value / d log s is 0.72 + 2.47 s
  // within a tenth.
  return value.fma(quarter.fma(s, one.sub(s)).mul(s.fma(2.47, 0.72)), value)
}

/** exp(x²) erfc(x) of |x|, as that of 10.25 beyond it. */
export function scaledComplement<T extends FloatType>(x: Term<T>): Term<T> {
  return scaledTail(x.abs().min(10.25).mul(Math.SQRT2)).mul(2)
}

/** x Φ(x) */
export function gatedByNormal<T extends FloatType>(
  x: Term<T>,
  { size, tail, fraction, power }: NormalTail<T>,
): Term<T> {
  // x Φ(x) = max(x, 0) − |x| (1 − Φ(|x|))
  return x.max(0).sub(tail.mul(size).mul(fraction).mul(power).mul(power))
}
/** Φ(x) + x φ(x), φ being the density. */
export function gatedByNormalSlope<T extends FloatType>(
  x: Term<T>,
  { size, tail, fraction, power }: NormalTail<T>,
): Term<T> {
  const beyond = size
    .fma(-1 / Math.sqrt(2 * Math.PI), tail)
    .mul(fraction)
    .mul(power)
    .mul(power)
  return x.lt(0).select(beyond, beyond.neg().add(1) as never)
}
