import { isAbandonedPromise, UsageError } from '../../base/index.js'
import type { Node } from './operation.js'

// A traced function is TypeScript, and its operators tell nothing to who traces it. An expression is an
// object: && and ?: take it for true, and < and * want a primitive. To turn it into a primitive throws. To
// take it for true leaves an expression that was made and is not part of the result. That one is looked for
// when the function is done.

/** What a function that is being traced has made. */
interface Trace {
  readonly operation: string
  /** Conditions and elements of captured tensors: what is only ever made to be used. */
  readonly made: Node[]
  /** What each expression was made of, as it was written: what is simplified away was used all the same. */
  readonly parts: Map<Node, (readonly Node[])[]>
}

let current: Trace | undefined

/** Told of each expression that is made, and of what. */
export function noteMade(expression: Node, operands: readonly Node[]): void {
  if (current === undefined) return
  const { made, parts } = current
  if (expression.kind === 'boolean' || expression.operation === 'capture') made.push(expression)
  if (operands !== expression.operands) {
    const known = parts.get(expression)
    if (known === undefined) parts.set(expression, [operands])
    else known.push(operands)
  }
}

/** What to write in place of operators. */
const methods = 'a.and(b) for a && b, a.or(b) for a || b, a.not() for !a, a.select(x, y) for a ? x : y and if'

/** Functions that were read already. */
const read = new WeakSet<object>()
/** No more of a function is read than this. */
const mostRead = 20_000

/** A call of a method that gives a condition: `.le(`. */
const comparison = /\.\s*(?:eq|ne|lt|le|gt|ge|and|or|not)\s*\(/

/**
 * A function that is called with one name: `causal(at)`, and `(0, masks.causal)(at)` as bundlers write it.
 */
const called = /^[\s(]*(?:[\w$.]+|\(0,\s*[\w$.]+\))\(\s*([\w$]+)\s*\)[\s)]*$/

/**
 * Of `a || b` only `a` is ever made, so that nothing tells that `b` was there but what is written: refuses
 * `||` and `||=` between what is a condition by the text: a call of a method that gives one, a name that such
 * a call was assigned to, and, where two are joined, a mask that is called with what the function is given.
 *
 * @throws UsageError
 */
export function refuseOr(operation: string, written: object): void {
  if (read.has(written)) return
  // Blanked, so that what is found stands where it stood.
  const text = Function.prototype.toString
    .call(written)
    .slice(0, mostRead)
    .replace(/\/\*[^]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, (found) =>
      ' '.repeat(found.length),
    )
  for (let at = text.indexOf('||'); at >= 0; at = text.indexOf('||', at + 2)) {
    const left = before(text, at)
    if (!isCondition(text, left) && !isCondition(text, after(text, at + 2))) continue
    throw new UsageError({
      operation,
      expected: 'methods where conditions are joined',
      found: `… ${left.slice(-60).trim()} || …, whose second half nobody would see`,
      hint: `write ${methods}`,
    })
  }
  read.add(written)
}

/** Whether an operand is a condition, as far as the text of the function tells. */
function isCondition(text: string, operand: string): boolean {
  if (comparison.test(operand)) return true
  const name = /^[\s(]*([\w$]+)[\s)]*$/.exec(operand)?.[1]
  if (name !== undefined && !/^\d/.test(name)) {
    const assigned = new RegExp(`(?<![\\w$.])${name.replaceAll('$', '\\$')}\\s*=(?![=>])\\s*([^;\\n]*)`, 'g')
    for (const [, value = ''] of text.matchAll(assigned)) if (comparison.test(value)) return true
    return false
  }
  // `causal(at)`, where `at` is all that the function is given (last, behind a score).
  const given = /^[^(=]*\(?\s*(?:[\w$]+\s*,\s*)?([\w$]+)\s*\)?\s*(?:=>|\{)/.exec(text)?.[1]
  return given !== undefined && called.exec(operand)?.[1] === given
}

/** The operand that ends at `end`: back to what binds less than `||`. */
function before(text: string, end: number): string {
  let depth = 0
  let start = end
  for (; start > 0; start--) {
    const letter = text[start - 1]!
    if (')]}'.includes(letter)) depth++
    else if ('([{'.includes(letter) && --depth < 0) break
    else if (depth === 0 && ends(text, start - 1)) break
  }
  return text.slice(start, end).replace(/^\s*return\b/, '')
}

/** The operand that begins at `start`. */
function after(text: string, start: number): string {
  let depth = 0
  let end = text[start] === '=' ? start + 1 : start
  const first = end
  for (; end < text.length; end++) {
    const letter = text[end]!
    if ('([{'.includes(letter)) depth++
    else if (')]}'.includes(letter) && --depth < 0) break
    else if (depth === 0 && ends(text, end)) break
  }
  return text.slice(first, end)
}

/** Whether an operand of `||` ends here: at a comma, a semicolon, `?`, `:`, `=`, `=>` or another `||`. */
function ends(text: string, at: number): boolean {
  const letter = text[at]!
  if (letter === '|') return text[at - 1] === '|' || text[at + 1] === '|'
  if (letter === '?') return text[at + 1] !== '.'
  return ',;:='.includes(letter) || (letter === '>' && text[at - 1] === '=')
}

/**
 * Runs a function that makes expressions as `work` calls it; `roots` are those that its result says.
 * `written` is the function itself.
 *
 * @throws UsageError where a condition, or an element of a captured tensor, was made and is not part of them,
 * or for a promise
 */
export function traced<T>(
  operation: string,
  written: object,
  work: () => T,
  roots: (result: T) => readonly Node[],
): T {
  refuseOr(operation, written)
  const outer = current
  const trace: Trace = { operation, made: [], parts: new Map() }
  current = trace
  let result: T
  try {
    result = work()
  } finally {
    current = outer
  }
  if (isAbandonedPromise(result)) {
    throw new UsageError({
      operation,
      expected: 'a synchronous function, which is traced once',
      found: 'a promise',
      hint: 'wait for what it needs before, and give a function that returns an expression',
    })
  }
  const { made, parts } = trace
  const found = roots(result)
  // As in most masks: nothing, or the result alone.
  if (made.length === 0 || (made.length === 1 && found[0] === made[0])) return result
  const used = new Set<Node>()
  const stack = [...found]
  while (stack.length > 0) {
    const node = stack.pop()!
    if (used.has(node)) continue
    used.add(node)
    stack.push(...node.operands)
    for (const operands of parts.get(node) ?? []) stack.push(...operands)
  }
  const unused = made.find((node) => !used.has(node))
  if (unused === undefined) return result
  throw new UsageError({
    operation,
    expected: `each ${unused.kind === 'boolean' ? 'condition' : 'captured element'} to be part of what the function returns`,
    found: `${describe(unused)}, which is not`,
    hint: `write ${methods}, and make nothing that is not used`,
  })
}

/** What an expression throws when it is taken for a primitive. */
export function refusePrimitive(what: string): never {
  throw new UsageError({
    operation: current?.operation ?? 'expression',
    expected: `methods on ${what}, which stand for numbers that are not there yet`,
    found: 'an operator, or a conversion to a number or text',
    hint: `write a.lt(b) for a < b, a.mul(b) for a * b, ${methods}`,
  })
}

/** An expression as it may have been written, cut short: `key.le(query)`. */
function describe(node: Node, depth = 3): string {
  const { operation, operands, value } = node
  if (operation === 'constant') return node.kind === 'boolean' ? String(value !== 0) : String(value)
  if (operation === 'index') return String(value)
  if (operation === 'input') return value === 0 ? 'x' : `x${value}`
  if (operation === 'parameter') return 'a number'
  if (depth === 0) return '…'
  const [first, ...rest] = operands.map((operand) => describe(operand, depth - 1))
  if (operation === 'capture') return `capture(…).at(${[first, ...rest].filter(Boolean).join(', ')})`
  const given = 'divideBy remainderBy pow'.includes(operation) ? [...rest, String(value)] : rest
  return `${first}.${operation}(${given.join(', ')})`
}
