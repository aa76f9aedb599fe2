import { Expression, parameter } from './expression.js'

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

/**
 * Whether two expressions are the same graph: the same operations on the same leaves, shared at the same
 * places.
 */
export function alike(a: Expression, b: Expression): boolean {
  // Of the same operands, as most masks are: there is nothing to walk through.
  const alone = a.kind === b.kind && a.operation === b.operation && Object.is(a.value, b.value)
  if (alone && a.operands.length === b.operands.length && a.operands.every((x, i) => x === b.operands[i]))
    return true
  const pairs = new Map<Expression, Expression>()
  const stack = [a, b]
  while (stack.length > 0) {
    const [y, x] = [stack.pop()!, stack.pop()!]
    if (x === y) continue
    const known = pairs.get(x)
    if (known === y) continue
    if (known !== undefined || x.kind !== y.kind || x.operation !== y.operation) return false
    if (!Object.is(x.value, y.value) || x.operands.length !== y.operands.length) return false
    pairs.set(x, y)
    x.operands.forEach((operand, i) => stack.push(operand, y.operands[i]!))
  }
  return true
}

/**
 * What is known of some expressions once equal nodes are one node: found once and remembered with the first
 * of them.
 */
export interface Canonical<R extends readonly Expression[] = readonly Expression[]> {
  /** The same expressions, with equal nodes made one node, so that each is computed once. */
  readonly roots: R
  /** A string that equal expressions have in common, and only they: part of the name of a kernel. */
  readonly key: string
  /** Axes whose position is asked for. */
  readonly indexed: ReadonlySet<string>
  /** The kind of each number given at launch, by its slot. */
  readonly parameters: readonly ('f32' | 'i32')[]
}

/**
 * What is known of lists of roots that begin alike: of this list itself, and by its next root of longer ones.
 */
interface Known {
  canonical?: Canonical
  longer?: WeakMap<Expression, Known>
}
const known: Known = {}

/**
 * Found again as long as every root is in use: a root that many lists begin with does not keep the others.
 */
export function canonical<R extends readonly Expression[]>(roots: R): Canonical<R> {
  const place = placeOf(roots)
  if (place.canonical === undefined) {
    const made = canonicalize(roots)
    place.canonical = made
    placeOf(made.roots).canonical = made
  }
  return place.canonical as Canonical<R>
}

function placeOf(roots: readonly Expression[]): Known {
  let place = known
  for (const root of roots) {
    const longer = (place.longer ??= new WeakMap())
    let next = longer.get(root)
    if (next === undefined) longer.set(root, (next = {}))
    place = next
  }
  return place
}

function canonicalize<R extends readonly Expression[]>(given: R): Canonical<R> {
  const { numbers, unique, lines } = number(given)
  const roots = given.map((root) => unique[numbers.get(root)!]!) as unknown as R
  const indexed = new Set<string>()
  const parameters: ('f32' | 'i32')[] = []
  for (const { operation, value, kind } of unique) {
    if (operation === 'index') indexed.add(value as string)
    if (operation === 'parameter') parameters[value as number] = kind === 'integer' ? 'i32' : 'f32'
  }
  for (let slot = 0; slot < parameters.length; slot++) parameters[slot] ??= 'f32'
  const key = `${lines.join(';')}>${given.map((root) => numbers.get(root)).join(',')}`
  return { roots, key, indexed, parameters }
}

/** The same expressions, with equal nodes made one node, so that each is computed once. */
export function share<R extends readonly Expression[]>(roots: R): R {
  return canonical(roots).roots
}

/** A string that equal expressions have in common, and only they: part of the name of a kernel. */
export function keyOf(roots: readonly Expression[]): string {
  return canonical(roots).key
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
    node.operation === 'random' ||
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

/** Constants that stay: those that say what is computed, rather than with which number. */
const structural: ReadonlySet<number> = new Set([0, 0.5, 1, 2, Infinity])
/** A kernel takes no more constants as parameters than this, floats and whole numbers; further ones stay. */
const mostLifted = { float: 64, integer: 4 } as const

/**
 * An expression with its constants made parameters from the slot `first` on, and these numbers. So another
 * number, such as a rate that changes from step to step or the size of a window, makes no other kernel. Where
 * there are many whole numbers, as in a table of bounds, they all stay.
 */
export function liftConstants<E extends Expression>(
  root: E,
  first = 0,
): {
  readonly expression: E
  readonly parameters: readonly number[]
  readonly kinds: readonly ('float' | 'integer')[]
} {
  const constants = nodesOf([root]).filter(isLiftable)
  if (constants.length === 0) return { expression: root, parameters: [], kinds: [] }
  const whole = constants.filter(({ kind }) => kind === 'integer')
  const wholeStay = new Set(whole.map(({ value }) => value)).size > mostLifted.integer
  const parameters: number[] = []
  const kinds: ('float' | 'integer')[] = []
  const replacements = new Map<Expression, Expression>()
  for (const node of constants) {
    const [kind, value] = [node.kind as 'float' | 'integer', node.value as number]
    if (kind === 'integer' && wholeStay) continue
    let slot = parameters.findIndex((other, i) => Object.is(other, value) && kinds[i] === kind)
    if (slot < 0) {
      if (kind === 'float' && kinds.filter((other) => other === 'float').length === mostLifted.float) continue
      slot = parameters.push(value) - 1
      kinds.push(kind)
    }
    replacements.set(node, parameter(first + slot, kind))
  }
  return { expression: parameters.length === 0 ? root : substitute(root, replacements), parameters, kinds }
}

function isLiftable({ operation, kind, value }: Expression): boolean {
  if (operation !== 'constant' || kind === 'boolean') return false
  return !structural.has(Math.abs(value as number)) && !Number.isNaN(value)
}
