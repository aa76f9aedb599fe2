import type { Machine } from '../language/index.js'
import type { Expression } from './expression.js'
import { nodesOf } from './graph.js'
import { isGate, type Operation } from './operation.js'

/** Written out as polynomials: each instruction waits for the one before. */
const chains: ReadonlySet<Operation> = new Set([
  'exp',
  'expm1',
  'log',
  'log1p',
  'tanh',
  'erf',
  'sin',
  'cos',
  'pow',
])

/**
 * How many vectors of such expressions are computed together, instruction by instruction, to keep the machine
 * busy; see `Builder.vectors`.
 */
export function vectorsTogether({ name, registers }: Machine, expressions: readonly Expression[]): 1 | 2 | 4 {
  if (
    name !== 'x64' ||
    !nodesOf(expressions).some(({ operation }) => chains.has(operation) || isGate(operation))
  )
    return 1
  return registers >= 32 ? 4 : 2
}
