import { philox } from '../../base/index.js'
import { type Expression, nodesOf } from '../expression/index.js'
import { gateDefinitions } from './gates.js'

/** Where the leaves of an expression come from, as numbers. */
export interface Numbers {
  readonly input?: (slot: number) => number
  readonly index?: (axis: string) => number
  readonly parameter?: (slot: number) => number
  readonly capture?: (slot: number, indices: readonly number[]) => number
}

/**
 * The value of an expression, node by node (booleans as 0 and 1): the plain definition of what expressions
 * mean.
 */
export function evaluate(root: Expression, leaves: Numbers): number {
  const values = new Map<Expression, number>()
  for (const node of nodesOf([root])) {
    values.set(
      node,
      compute(
        node,
        node.operands.map((operand) => values.get(operand)!),
        leaves,
      ),
    )
  }
  return values.get(root)!
}

function compute(
  node: Expression,
  [a = 0, b = 0, c = 0, ...more]: readonly number[],
  leaves: Numbers,
): number {
  const value = node.value as number
  const whole = node.kind === 'integer'
  switch (node.operation) {
    case 'constant':
      return value
    case 'input':
      return leaves.input!(value)
    case 'index':
      return leaves.index!(node.value as string)
    case 'parameter':
      return leaves.parameter!(value)
    case 'capture':
      return leaves.capture!(value, [a, b, c, ...more].slice(0, node.operands.length))
    case 'add':
      return whole ? (a + b) | 0 : a + b
    case 'sub':
      return whole ? (a - b) | 0 : a - b
    case 'mul':
      return whole ? Math.imul(a, b) : a * b
    case 'div':
      return a / b
    case 'min':
      return Math.min(a, b)
    case 'max':
      return Math.max(a, b)
    case 'and':
      return a & b
    case 'or':
      return a | b
    case 'not':
      return 1 - a
    case 'shl':
      return a << b
    case 'shr':
      return a >> b
    case 'ushr':
      return (a >>> b) | 0
    case 'xor':
      return a ^ b
    case 'random': {
      const [c1 = 0, c2 = 0, c3 = 0] = more
      return philox([c >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0], [a >>> 0, b >>> 0])[value]! | 0
    }
    case 'neg':
      return whole ? -a | 0 : -a
    case 'abs':
      return whole ? Math.abs(a) | 0 : Math.abs(a)
    case 'sqrt':
      return Math.sqrt(a)
    case 'rsqrt':
      return 1 / Math.sqrt(a)
    case 'exp':
      return Math.exp(a)
    case 'expm1':
      return Math.expm1(a)
    case 'log':
      return Math.log(a)
    case 'log1p':
      return Math.log1p(a)
    case 'tanh':
      return Math.tanh(a)
    case 'erf':
      return erf(a)
    case 'sigmoid':
    case 'sigmoidSlope':
    case 'softplus':
    case 'silu':
    case 'siluSlope':
    case 'geluQuick':
    case 'geluQuickSlope':
    case 'geluTanh':
    case 'geluTanhSlope':
    case 'gelu':
    case 'geluSlope':
    case 'gaussian':
    case 'tanhSlope':
      return gateDefinitions[node.operation](a)
    case 'sin':
      return Math.sin(a)
    case 'cos':
      return Math.cos(a)
    case 'floor':
      return Math.floor(a)
    case 'pow':
      return a ** value
    case 'divideBy':
      return Math.floor(a / value)
    case 'remainderBy':
      return a - value * Math.floor(a / value)
    case 'eq':
      return Number(a === b)
    case 'ne':
      return Number(a !== b)
    case 'lt':
      return Number(a < b)
    case 'le':
      return Number(a <= b)
    case 'gt':
      return Number(a > b)
    case 'ge':
      return Number(a >= b)
    case 'select':
      return a ? b : c
    case 'toFloat':
      return a
    case 'toInteger':
      return Math.trunc(a) | 0
  }
}

/** By its Taylor series around 0: enough for |x| ≤ 3. */
function erf(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (sum * 2) / Math.sqrt(Math.PI)
}
