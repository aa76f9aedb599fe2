import type { Kind, Node, Operation } from './operation.js'

/**
 * What a node is equal to: a number (a constant of that kind), an existing expression, or `undefined` where
 * there is nothing simpler. Constants are computed in f64 (floats) or 32-bit integers.
 */
export function simplify<N extends Node>(
  kind: Kind,
  operation: Operation,
  operands: readonly N[],
  value: number | string,
): number | N | undefined {
  if (operands.length === 0) return undefined
  if (operation !== 'capture' && operands.every((operand) => operand.operation === 'constant')) {
    const numbers = operands.map((operand) => operand.value as number)
    return compute(operands[0]!.kind, operation, numbers, value as number)
  }
  const [a, b, c] = operands
  const x = constantOf(a!)
  const y = b === undefined ? undefined : constantOf(b)
  // Of floats only −0 changes nothing: −0 + 0 is 0. NaN and infinity stay: x − x and 0 x are computed.
  const isNeutral = (value: number | undefined): boolean => Object.is(value, kind === 'integer' ? 0 : -0)
  switch (operation) {
    case 'add':
      return isNeutral(x) ? b : isNeutral(y) ? a : undefined
    case 'sub':
      return Object.is(y, 0) ? a : a === b && kind === 'integer' ? 0 : undefined
    case 'mul':
      if (x === 1) return b
      if (y === 1) return a
      return kind === 'integer' && (x === 0 || y === 0) ? 0 : undefined
    case 'div':
      return y === 1 ? a : undefined
    case 'xor':
    case 'shl':
    case 'shr':
    case 'ushr':
      return y === 0 ? a : undefined
    case 'pow':
      return value === 1 ? a : value === 0 ? 1 : undefined
    case 'divideBy':
      return value === 1 ? a : undefined
    case 'remainderBy':
      return value === 1 ? 0 : undefined
    case 'neg':
    case 'not':
      return a!.operation === operation ? (a!.operands[0] as N) : undefined
    case 'abs':
    case 'floor':
      return a!.operation === operation ? a : undefined
    case 'and':
      return x === 0 || y === 0 ? 0 : x === 1 ? b : y === 1 || a === b ? a : undefined
    case 'or':
      return x === 1 || y === 1 ? 1 : x === 0 ? b : y === 0 || a === b ? a : undefined
    case 'min':
    case 'max':
      return a === b ? a : undefined
    case 'select':
      return x === 1 ? b : x === 0 ? c : b === c ? b : undefined
    default:
      return undefined
  }
}

function constantOf(node: Node): number | undefined {
  return node.operation === 'constant' ? (node.value as number) : undefined
}

/** Arithmetic on known operands of kind `kind`. */
function compute(
  kind: Kind,
  operation: Operation,
  [x = 0, y = 0, z = 0]: readonly number[],
  value: number,
): number | undefined {
  const whole = kind === 'integer'
  const cut = (result: number): number => (whole ? result | 0 : result)
  switch (operation) {
    case 'add':
      return cut(x + y)
    case 'sub':
      return cut(x - y)
    case 'mul':
      return whole ? Math.imul(x, y) : x * y
    case 'div':
      return x / y
    case 'min':
      return Math.min(x, y)
    case 'max':
      return Math.max(x, y)
    case 'and':
      return x & y
    case 'or':
      return x | y
    case 'shl':
      return x << y
    case 'shr':
      return x >> y
    case 'ushr':
      return (x >>> y) | 0
    case 'xor':
      return x ^ y
    case 'neg':
      return cut(-x)
    case 'abs':
      return cut(Math.abs(x))
    case 'not':
      return 1 - x
    case 'sqrt':
      return Math.sqrt(x)
    case 'rsqrt':
      return 1 / Math.sqrt(x)
    case 'exp':
      return Math.exp(x)
    case 'log':
      return Math.log(x)
    case 'tanh':
      return Math.tanh(x)
    case 'sin':
      return Math.sin(x)
    case 'cos':
      return Math.cos(x)
    case 'floor':
      return Math.floor(x)
    case 'pow':
      return x ** value
    case 'divideBy':
      return Math.floor(x / value)
    case 'remainderBy':
      return x - value * Math.floor(x / value)
    case 'eq':
      return x === y ? 1 : 0
    case 'ne':
      return x !== y ? 1 : 0
    case 'lt':
      return x < y ? 1 : 0
    case 'le':
      return x <= y ? 1 : 0
    case 'gt':
      return x > y ? 1 : 0
    case 'ge':
      return x >= y ? 1 : 0
    case 'select':
      return x ? y : z
    case 'toFloat':
      return x
    case 'toInteger':
      return Math.trunc(x) | 0
    default:
      return undefined
  }
}
