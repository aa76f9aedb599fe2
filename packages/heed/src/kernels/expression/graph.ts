import { Expression } from './expression.js'

/** Every node that the roots stand on, each once, operands before those who use them. */
export function nodesOf(roots: readonly Expression[]): Expression[] {
  const order: Expression[] = []
  const seen = new Set<Expression>()
  const stack: { node: Expression; next: number }[] = []
  for (const root of roots) {
    if (!seen.has(root)) {
      seen.add(root)
      stack.push({ node: root, next: 0 })
    }
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!
      const operand = top.node.operands[top.next++]
      if (operand === undefined) {
        order.push(top.node)
        stack.pop()
      } else if (!seen.has(operand)) {
        seen.add(operand)
        stack.push({ node: operand, next: 0 })
      }
    }
  }
  return order
}

/** The same expressions, with equal nodes made one node, so that each is computed once. */
export function share<R extends readonly Expression[]>(roots: R): R {
  const { numbers, unique } = number(roots)
  return roots.map((root) => unique[numbers.get(root)!]!) as unknown as R
}

/** A string that equal expressions have in common, and only they: part of the name of a kernel. */
export function keyOf(roots: readonly Expression[]): string {
  const { lines, numbers } = number(roots)
  return `${lines.join(';')}>${roots.map((root) => numbers.get(root)).join(',')}`
}

function number(roots: readonly Expression[]): {
  lines: string[]
  numbers: Map<Expression, number>
  unique: Expression[]
} {
  const byLine = new Map<string, number>()
  const numbers = new Map<Expression, number>()
  const lines: string[] = []
  const unique: Expression[] = []
  for (const node of nodesOf(roots)) {
    const value = Object.is(node.value, -0) ? '-0' : node.value
    const operands = node.operands.map((operand) => numbers.get(operand)!)
    const line = `${node.kind[0]}.${node.operation}${typeof value === 'number' && !hasValue(node) ? '' : `:${value}`}(${operands.join(',')})`
    let id = byLine.get(line)
    if (id === undefined) {
      id = lines.push(line) - 1
      byLine.set(line, id)
      const parts = operands.map((operand) => unique[operand]!)
      unique.push(
        parts.every((part, i) => part === node.operands[i])
          ? node
          : new Expression(node.kind, node.operation, parts, node.value),
      )
    }
    numbers.set(node, id)
  }
  return { lines, numbers, unique }
}

function hasValue(node: Expression): boolean {
  return (
    node.operands.length === 0 ||
    node.operation === 'capture' ||
    node.operation === 'pow' ||
    node.operation === 'divideBy' ||
    node.operation === 'remainderBy'
  )
}

/** The same expression with some nodes put in the place of others. */
export function substitute<E extends Expression>(
  root: E,
  replacements: ReadonlyMap<Expression, Expression>,
): E {
  const made = new Map<Expression, Expression>()
  for (const node of nodesOf([root])) {
    const operands = node.operands.map((operand) => made.get(operand)!)
    const same = operands.every((operand, i) => operand === node.operands[i])
    made.set(
      node,
      replacements.get(node) ??
        (same ? node : new Expression(node.kind, node.operation, operands, node.value)),
    )
  }
  return made.get(root) as E
}
