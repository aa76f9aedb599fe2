import type { MathOperation } from './ir.js'
import { exponential } from './math-exponential.js'
import { logarithm } from './math-logarithm.js'
import { errorFunction, tanh } from './math-sigmoidal.js'
import { cosine, sine } from './math-trigonometric.js'
import type { MathWriter } from './math-trigonometric.js'
import type { FloatType, Term } from './term.js'

/**
 * Writes `name(x)` out in arithmetic, for machines without `math` (4-byte floats), the same for scalars and vectors.
 *
 * Largest distance from the exact result over all floats, with multiply-adds fused or not. An ulp is the distance
 * between the floats around the exact result.
 *
 * | function | bound | |
 * |---|---|---|
 * | exp | 2 ulp | results that are subnormal, 0 and ∞ included |
 * | log | 1 ulp | −∞ at 0, NaN below |
 * | tanh | 3 ulp | never past ±1 |
 * | erf | 3 ulp | never past ±1 |
 * | rsqrt | 1.5 ulp | ∞ at 0, −∞ at −0, NaN below |
 * | sin, cos | 1.2 × 10⁻⁷ | never past ±1; 2.5 ulp where abs(x) ≤ 799; NaN at ±∞ |
 *
 * NaN gives NaN; the sign of 0 is kept; exp(0) and cos(0) are 1.
 */
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
