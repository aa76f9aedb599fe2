import { type Expression, float, input, nodesOf } from '../expression/index.js'

type Float = Expression<'float'>

/** Which input of a function on the filter is the normalized weight. */
export const weightSlot = 2
/** And in its derivative, which is the gradient of what the function gives. */
export const filteredSlot = 3

/**
 * What the weight is multiplied with, where a function on the filter does no more than that and the factor
 * does not depend on the weight. Such a factor needs no normalized weight: it can be taken before the sum of
 * the row is known. `undefined` where the function does something else.
 */
export function factorOf(filter: Float): Float | undefined {
  /** Of each node that depends on the weight. */
  const factors = new Map<Expression, Float | undefined>()
  const depends = (node: Expression): boolean => factors.has(node)
  const factorIn = (node: Expression): Float | undefined =>
    depends(node) ? factors.get(node) : isZero(node) ? float(0) : undefined
  for (const node of nodesOf([filter])) {
    if (node.operation === 'input' && node.value === weightSlot) factors.set(node, float(1))
    else if (node.operands.some(depends)) factors.set(node, through(node))
  }
  return factorIn(filter)

  function through(node: Expression): Float | undefined {
    const [a, b, c] = node.operands as readonly [Float, Float, Float]
    const both = (x: Float, y: Float, join: (f: Float, g: Float) => Float): Float | undefined => {
      const [f, g] = [factorIn(x), factorIn(y)]
      return f === undefined || g === undefined ? undefined : join(f, g)
    }
    switch (node.operation) {
      case 'neg':
        return factorIn(a)?.neg()
      case 'mul':
        if (depends(a) && depends(b)) return undefined
        return depends(a) ? factorIn(a)?.mul(b) : factorIn(b)?.mul(a)
      case 'div':
        return depends(b) ? undefined : factorIn(a)?.div(b)
      case 'add':
        return both(a, b, (f, g) => f.add(g))
      case 'sub':
        return both(a, b, (f, g) => f.sub(g))
      case 'select':
        if (depends(a)) return undefined
        return both(b, c, (f, g) => (a as Expression as Expression<'boolean'>).select(f, g))
      default:
        return undefined
    }
  }
}

function isZero({ operation, value }: Expression): boolean {
  return operation === 'constant' && value === 0
}

/** The function that leaves the filter as it is. */
export function isNothing({ operation, value }: Expression): boolean {
  return operation === 'input' && value === weightSlot
}

/** The normalized weight, as functions on the filter are given it. */
export const filterWeight: Float = input(weightSlot)
