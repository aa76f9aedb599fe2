import { exponential } from './math-exponential.js'
import type { MathOperation } from './ir.js'
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
    default:
      throw new Error(`no polynomial for ${name} yet`)
  }
}
