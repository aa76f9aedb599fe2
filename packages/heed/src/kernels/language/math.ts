import type { MathOperation } from './ir.js'
import { expm1, exponential } from './math-exponential.js'
import { log1p, logarithm } from './math-logarithm.js'
import { scaledComplement } from './math-logistic.js'
import { errorFunction, tanh } from './math-sigmoidal.js'
import { cosine, sine } from './math-trigonometric.js'
import type { MathWriter } from './math-trigonometric.js'
import type { FloatType, Term } from './term.js'

/**
 * Writes `name(x)` out in arithmetic, for machines without `math` (4-byte floats), the same for scalars and
 * vectors.
 *
 * Largest distance from the exact result over all floats, with multiply-adds fused or not. An ulp is the
 * distance between the floats around the exact result.
 *
 * | function | bound | |
 * |---|---|---|
 * | exp | 2 ulp | results that are subnormal, 0 and ∞ included |
 * | log | 1 ulp | −∞ at 0, NaN below |
 * | log1p | 1.5 ulp | log(1 + x): −∞ at −1, NaN below |
 * | expm1 | 2.5 ulp | exp(x) − 1: never below −1 |
 * | tanh | 3 ulp | never past ±1 |
 * | erf | 3 ulp | never past ±1 |
 * | erfcx | 4 ulp | exp(x²) erfc(x) of abs(x), as that of 10.25 beyond it |
 * | rsqrt | 1.5 ulp | ∞ at 0, −∞ at −0, NaN below |
 * | sin, cos | 3 ulp | never past ±1, within 1.2 × 10⁻⁷; NaN at ±∞ |
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
    case 'log1p':
      return log1p(x)
    case 'expm1':
      return expm1(x)
    case 'erfcx':
      return scaledComplement(x)
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
