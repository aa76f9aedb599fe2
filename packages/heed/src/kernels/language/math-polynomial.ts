import type { FloatType, Term } from './term.js'

/** c₀ + c₁ x + … + cₙ xⁿ by Horner's rule: n multiply-adds. Coefficients from c₀ on; n ≥ 1. */
export function polynomial<T extends FloatType>(x: Term<T>, coefficients: readonly number[]): Term<T> {
  const highest = x.builder.operand(x.type, coefficients.at(-1)!)
  return coefficients.slice(0, -1).reduceRight((sum, coefficient) => sum.fma(x, coefficient), highest)
}
