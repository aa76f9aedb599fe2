import { bitsOf, floatOf } from './math-bits.js'
import type { FloatType, Term } from './term.js'

/** A number as the sum of two floats: `low` is what rounding left of `high`. */
export interface Doubled<T extends FloatType> {
  readonly high: Term<T>
  readonly low: Term<T>
}

/**
 * a × b as a sum of two floats, exact where nothing overflows or underflows. Where multiply-adds round twice
 * the factors are cut into halves of 12 bits, whose products are exact (Dekker 1971, "A floating-point
 * technique for extending the available precision").
 */
export function product<T extends FloatType>(a: Term<T>, b: Term<T> | number): Doubled<T> {
  const factor = typeof b === 'number' ? a.builder.operand(a.type, b) : b
  const high = a.mul(factor)
  if (a.builder.fused) return { high, low: a.fma(factor, high.neg()) }
  const [aHigh, bHigh] = [upper(a), typeof b === 'number' ? upperNumber(b) : upper(factor)]
  const aLow = a.sub(aHigh)
  const bLow = typeof b === 'number' ? Math.fround(b) - (bHigh as number) : factor.sub(bHigh)
  const low = aHigh.mul(bHigh).sub(high).add(aHigh.mul(bLow)).add(aLow.mul(bHigh)).add(aLow.mul(bLow))
  return { high, low }
}

/** The float without the lower 12 bits of its fraction. */
function upper<T extends FloatType>(x: Term<T>): Term<T> {
  return floatOf(bitsOf(x).and(-0x1000))
}

function upperNumber(x: number): number {
  const float = new Float32Array([x])
  const bits = new Int32Array(float.buffer)
  bits[0]! &= -0x1000
  return float[0]!
}
