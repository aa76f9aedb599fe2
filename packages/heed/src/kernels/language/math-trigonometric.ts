import type { Type } from './ir.js'
import { bitsOf, floatOf, toFloat, toInt } from './math-bits.js'
import { polynomial } from './math-polynomial.js'
import type { Bool, FloatType, IntegerType, Mask, Term, TermWriter, Variable } from './term.js'

/** What the expansions write to: branches and variables too. */
export interface MathWriter extends TermWriter {
  if(test: Bool, then: () => void): void
  variable<T extends Type>(value: Term<T>): Variable<T>
}

/**
 * (sin(r) − r) / r³ and (cos(r) − 1 + r² / 2) / r⁴ in r² on |r| ≤ 1.003 π / 4: relative errors under 2⁻²⁷.
 * Minimax fits.
 */
const sineTail = [-0.16666653752326965, 0.008332106284797192, -0.00019507887191139162]
const cosineTail = [0.04166664555668831, -0.001388730714097619, 0.000024431876227026805]

/** An angle as multiple × π / 2 + r, |r| ≤ 1.003 π / 4; of the multiple, the two lowest bits count. */
interface Reduced<T extends FloatType> {
  readonly r: Term<T>
  readonly multiple: Term<IntegerType>
}

export function sine<T extends FloatType>(builder: MathWriter, x: Term<T>): Term<T> {
  const size = x.abs()
  // sin(−x) = −sin(x), and −0 stays −0.
  return floatOf(sineBits(reduce(builder, size, 0)).xor(bitsOf(x).xor(bitsOf(size))))
}

/** cos(x) = sin(x + π / 2) */
export function cosine<T extends FloatType>(builder: MathWriter, x: Term<T>): Term<T> {
  return floatOf(sineBits(reduce(builder, x.abs(), 1)))
}

/** sin(multiple × π / 2 + r): ± sin(r) or ± cos(r). */
function sineBits<T extends FloatType>({ r, multiple }: Reduced<T>): Term<IntegerType> {
  const square = r.mul(r)
  const even = r.mul(square).fma(polynomial(square, sineTail), r)
  const odd = polynomial(square, [1, -0.5, ...cosineTail])
  const value = multiple.and(1).ne(0).select(odd, even)
  return bitsOf(value).xor(multiple.and(2).shl(30))
}

/** x plus 0 or 1 quarters of a turn. x ≥ 0. */
function reduce<T extends FloatType>(builder: MathWriter, x: Term<T>, quarters: number): Reduced<T> {
  const { limit, parts } = builder.fused ? fusedReduction : plainReduction
  const near = reduceNear(x, quarters, parts)
  const far = x.ge(limit)
  const [r, multiple] = [builder.variable(near.r), builder.variable(near.multiple)]
  builder.if(any(far), () => {
    const beyond = reduceFar(x, quarters)
    r.set(far.select(beyond.r, near.r))
    multiple.set(far.select(beyond.multiple, near.multiple))
  })
  return { r: r.get(), multiple: multiple.get() }
}

function any(condition: Term<'bool' | 'mask'>): Bool {
  return condition.type === 'mask' ? (condition as Mask).any() : (condition as Bool)
}

// π / 2 as a sum of floats, the first ones so short that their products with the multiple are exact (or,
// where multiply-adds are fused, what they leave of x is), and the largest x for which that is so. W. J. Cody
// and W. Waite, Software Manual for the Elementary Functions, 1980.
const plainReduction = {
  parts: [
    3.1416015625 / 2,
    -0.000008909031748771667 / 2,
    1.2154544037912274e-10 / 2,
    -3.4302490200117637e-15 / 2,
  ],
  limit: 800,
}
const fusedReduction = {
  parts: [3.1415927410125732 / 2, -8.742277657347586e-8 / 2, -3.4302490200117637e-15 / 2],
  limit: 2 ** 17,
}

function reduceNear<T extends FloatType>(x: Term<T>, quarters: number, parts: readonly number[]): Reduced<T> {
  // Adding 1.5 × 2²³ rounds to an integer, which is then in the lowest bits.
  const shift = 1.5 * 2 ** 23 + quarters
  const shifted = x.fma(2 / Math.PI, shift)
  const multiple = shifted.sub(shift)
  const r = parts.reduce((rest, part) => multiple.fma(-part, rest), x)
  return { r, multiple: bitsOf(shifted) }
}

/**
 * 2³² / 2π × 2⁸ʲ modulo 2³² for j = −2 … 21: windows into the bits of 1 / 2π, eight bits apart. The next 32
 * bits after a window are the window of j + 4.
 */
const windows = [
  0x000028be, 0x0028be60, 0x28be60db, 0xbe60db93, 0x60db9391, 0xdb939105, 0x9391054a, 0x91054a7f, 0x054a7f09,
  0x4a7f09d5, 0x7f09d5f4, 0x09d5f47d, 0xd5f47d4d, 0xf47d4d37, 0x7d4d3770, 0x4d377036, 0x377036d8, 0x7036d8a5,
  0x36d8a566, 0xd8a5664f, 0xa5664f10, 0x664f10e4, 0x4f10e410, 0x10e4107f,
]

/**
 * For x ≥ 2⁷ of any size, in whole numbers. x = m 2⁸ʲ with 2²³ ≤ m < 2³¹. m times 96 bits of the windows from
 * j on is the fraction of a turn in units of 2⁻⁶⁴, within 2. No float comes nearer to a multiple of π / 2
 * than some 2³² of these units. M. H. Payne and R. N. Hanek, Radian reduction for trigonometric functions,
 * 1983.
 */
function reduceFar<T extends FloatType>(x: Term<T>, quarters: number): Reduced<T> {
  const bits = bitsOf(x)
  const exponent = bits.ushr(23).sub(127 + 7)
  const window = exponent.shr(3)
  const m = toInt(floatOf<T>(bits.and(0x7fffff).or(exponent.and(7).add(150).shl(23))))
  const [first, second, third] = [0, 4, 8].map((skip) => choose(window, windows.slice(skip, skip + 16))) as [
    Term<IntegerType>,
    Term<IntegerType>,
    Term<IntegerType>,
  ]
  const lower = m.mul(second)
  const rest = lower.add(highProduct(m, third))
  const sign = -(2 ** 31)
  const carry = rest.xor(sign).lt(lower.xor(sign)).select(x.builder.operand(m.type, 1), 0)
  const turn = m
    .mul(first)
    .add(highProduct(m, second))
    .add(carry)
    .add(quarters * 2 ** 30)
  // Four times the turn counts in π / 2; what wraps is the multiple. ∞ and NaN become NaN.
  const whole = toFloat<T>(turn.shl(2).or(rest.ushr(30)))
  const quarter = toFloat<T>(rest.shl(2).ushr(8)).fma(2 ** -24, whole)
  const r = quarter.fma((Math.PI / 2) * 2 ** -32, x.sub(x))
  return { r, multiple: turn.add(2 ** 29).ushr(30) }
}

/** values[index], `index` from 0 to one less than their number, a power of 2. */
function choose(index: Term<IntegerType>, values: readonly number[]): Term<IntegerType> {
  let level = values.map((value) => index.builder.operand(index.type, value))
  for (let bit = 1; level.length > 1; bit *= 2) {
    const odd = index.and(bit).ne(0)
    level = Array.from({ length: level.length / 2 }, (_, i) => odd.select(level[2 * i + 1]!, level[2 * i]!))
  }
  return level[0]!
}

/** The upper 32 bits of a × b. 0 ≤ a < 2³¹; b is unsigned. */
function highProduct(a: Term<IntegerType>, b: Term<IntegerType>): Term<IntegerType> {
  const [aHigh, aLow] = [a.ushr(16), a.and(0xffff)]
  const [bHigh, bLow] = [b.ushr(16), b.and(0xffff)]
  const middle = aHigh.mul(bLow).add(aLow.mul(bLow).ushr(16))
  const other = aLow.mul(bHigh).add(middle.and(0xffff))
  return aHigh.mul(bHigh).add(middle.ushr(16)).add(other.ushr(16))
}
