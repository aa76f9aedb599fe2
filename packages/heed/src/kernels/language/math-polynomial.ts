import type { FloatType, Term } from './term.js'

/** c₀ + c₁ x + … + cₙ xⁿ by Horner's rule: n multiply-adds. Coefficients from c₀ on; n ≥ 1. */
export function polynomial<T extends FloatType>(x: Term<T>, coefficients: readonly number[]): Term<T> {
  const highest = x.builder.operand(x.type, coefficients.at(-1)!)
  return coefficients.slice(0, -1).reduceRight((sum, coefficient) => sum.fma(x, coefficient), highest)
}

/**
 * The same as a polynomial in x² whose coefficients are c₀ + c₁ x, c₂ + c₃ x, …: as many multiply-adds, half
 * of them in a row. Where x is large each of a row adds its rounding to the result's.
 */
export function polynomialByPairs<T extends FloatType>(
  x: Term<T>,
  square: Term<T>,
  coefficients: readonly number[],
): Term<T> {
  let sum: Term<T> | undefined
  for (let i = (coefficients.length - 1) & ~1; i >= 0; i -= 2) {
    const [even, odd] = [coefficients[i]!, coefficients[i + 1]]
    const pair = odd === undefined ? x.builder.operand(x.type, even) : x.fma(odd, even)
    sum = sum === undefined ? pair : sum.fma(square, pair)
  }
  return sum!
}
