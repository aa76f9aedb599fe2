import type { MathOperation } from './ir.js'
import { exponential } from './math-exponential.js'
import { logarithm } from './math-logarithm.js'
import { errorFunction, tanh } from './math-saturating.js'
import { cosine, sine } from './math-trigonometric.js'
import type { MathWriter } from './math-trigonometric.js'
import type { FloatType, Term } from './term.js'

/** Writes `name(x)` out in arithmetic, for machines without `math`. */
export function expandMath<T extends FloatType>(
  builder: MathWriter,
  name: MathOperation,
  x: Term<T>,
): Term<T> {
  switch (name) {
    case 'exp':
      return exponential(x)
    case 'log':
      return logarithm(x)
    case 'tanh':
      return tanh(x)
    case 'erf':
      return errorFunction(x)
    case 'rsqrt':
      return x.builder.operand(x.type, 1).div(x.sqrt())
    case 'sin':
      return sine(builder, x)
    case 'cos':
      return cosine(builder, x)
  }
}
