import type { MathOperation } from './ir.js'
import { exponential } from './math-exponential.js'
import { logarithm } from './math-logarithm.js'
import type { FloatType, Term, TermWriter } from './term.js'

/** Writes `name(x)` out in arithmetic, for machines without `math`. */
export function expandMath<T extends FloatType>(
  _builder: TermWriter,
  name: MathOperation,
  x: Term<T>,
): Term<T> {
  switch (name) {
    case 'exp':
      return exponential(x)
    case 'log':
      return logarithm(x)
    default:
      throw new Error(`no polynomial for ${name} yet`)
  }
}
