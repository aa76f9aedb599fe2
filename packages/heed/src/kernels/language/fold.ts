import type { BinaryOperation, Type } from './ir.js'
import type { Term, TermWriter } from './term.js'

/**
 * Integer arithmetic on what is known while building, done at once; x + 0, x × 1, x × 0 and x × 2^n made
 * simpler. Floats are left alone: a kernel computes what it says. Gives `undefined` where there is nothing to
 * fold.
 */
export function foldBinary<T extends Type>(
  builder: TermWriter,
  name: BinaryOperation,
  a: Term<T>,
  b: Term<T>,
): Term<T> | undefined {
  if (a.type !== 'i32') return undefined
  const [x, y] = [a.constant, b.constant]
  if (x !== undefined && y !== undefined) {
    const value = compute(name, x, y)
    return value === undefined ? undefined : (builder.int(value) as unknown as Term<T>)
  }
  if (y === undefined) {
    if (x === 0 && (name === 'add' || name === 'or')) return b
    if (x !== undefined && name === 'mul') return foldBinary(builder, name, b, a)
    return undefined
  }
  if (y === 0 && ['add', 'sub', 'or', 'xor', 'shl', 'shr', 'ushr'].includes(name)) return a
  if (y === 1 && (name === 'mul' || name === 'div')) return a
  if (y === 0 && name === 'mul') return b
  if (name === 'mul' && y > 1 && (y & (y - 1)) === 0) return a.shl(builder.int(31 - Math.clz32(y)) as never)
  return undefined
}

function compute(name: BinaryOperation, x: number, y: number): number | undefined {
  switch (name) {
    case 'add':
      return (x + y) | 0
    case 'sub':
      return (x - y) | 0
    case 'mul':
      return Math.imul(x, y)
    case 'div':
      return y === 0 ? undefined : (x / y) | 0
    case 'rem':
      return y === 0 ? undefined : (x % y) | 0
    case 'min':
      return Math.min(x, y)
    case 'max':
      return Math.max(x, y)
    case 'and':
      return x & y
    case 'or':
      return x | y
    case 'xor':
      return x ^ y
    case 'shl':
      return x << y
    case 'shr':
      return x >> y
    case 'ushr':
      return (x >>> y) | 0
  }
}
