import { type Expression, index, integer, nodesOf, parameter, substitute } from '../../kernels/index.js'
import type { AttentionAxes, Walk } from './attention-axes.js'

/** A whole number inside a score or a mask: a position, or what is computed from it. */
export type Integer = Expression<'integer'>
/** A condition inside a score or a mask. */
export type Condition = Expression<'boolean'>

/** The positions that every score and mask can ask for. */
type PositionName = 'batch' | 'head' | 'query' | 'key' | 'queryRow'

/**
 * Where a score stands. `query` and `key` are aligned at the end: query row i stands at position i + keys −
 * queries (which is negative for the first rows where there are more queries than keys), key j at j.
 * `queryRow` is i itself, for tensors with an axis of query rows. `batch` and `head` are 0 where there is no
 * such axis. `A`: further batch axes of the attention, each the position along it.
 */
export type Positions<A extends string = never> = { readonly [K in A | PositionName]: Integer }

/** Of the axes of a captured tensor those that an attention has by that name alone: its batch axes. */
export type BatchAxes<A extends string> = Exclude<A, PositionName>

const known = new Map<string, Integer>()
/** So many names are kept. */
const most = 256

/** The position along the axis of that name. */
export function positionOf(name: string): Integer {
  let position = known.get(name)
  if (position === undefined) {
    if (known.size >= most) known.clear()
    known.set(name, (position = index(name)))
  }
  return position
}

/**
 * What scores and masks are given: whether the attention has the axes that they ask for is seen once they
 * have asked.
 */
export const positions: Positions = new Proxy(
  {
    batch: positionOf('batch'),
    head: positionOf('head'),
    query: positionOf('query'),
    key: positionOf('key'),
    queryRow: positionOf('queryRow'),
  },
  {
    get: (target, name) =>
      typeof name !== 'string' || name in Object.prototype ? Reflect.get(target, name) : positionOf(name),
  },
)

/** The positions that are no batch axes. */
const own: ReadonlySet<unknown> = new Set(['head', 'query', 'key', 'queryRow'])

/** The batch axes that expressions ask for. */
export function batchAsked(roots: readonly Expression[]): ReadonlySet<string> {
  const asked = new Set<string>()
  for (const { operation, value } of nodesOf(roots))
    if (operation === 'index' && !own.has(value)) asked.add(value as string)
  return asked
}

/**
 * The expressions with positions along batch axes as the kernels have them. The axis that is the kernels'
 * batch becomes `index('batch')`. The axes that are walked through one position at a time become parameters,
 * from slot `first` on; see `roundParameters`.
 */
export function bindPositions<R extends readonly Expression[]>(
  roots: R,
  { batch }: Pick<AttentionAxes, 'batch'>,
  way: Walk,
  first: number,
): R {
  const replaced = new Map<Expression, Expression>()
  for (const node of nodesOf(roots)) {
    const name = node.value as string
    if (node.operation !== 'index' || own.has(name)) continue
    const size = batch.find((axis) => axis.name === name)?.size ?? 1
    const loop = way.given.findIndex((i) => way.loops[i]!.name === name)
    const bound =
      size === 1
        ? integer(0)
        : loop >= 0
          ? parameter(first + loop, 'integer')
          : name === 'batch'
            ? undefined
            : index('batch')
    if (bound !== undefined) replaced.set(node, bound)
  }
  return replaced.size === 0 ? roots : (roots.map((root) => substitute(root, replaced)) as unknown as R)
}

/**
 * The numbers of one round of the loops: those given, and its positions along the axes that score and mask
 * ask for.
 */
export function roundParameters(
  parameters: readonly number[],
  { given }: Walk,
  round: readonly number[],
): readonly number[] {
  return given.length === 0 ? parameters : [...parameters, ...given.map((i) => round[i]!)]
}
