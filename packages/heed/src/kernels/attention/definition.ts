import { type Expression, keyOf, share } from '../expression/index.js'
import { factorOf, isNothing } from './filter.js'

/** How queries, keys and values are stored; what is computed is f32. */
export type StoredFloat = 'f32' | 'f16' | 'bf16'

export interface StoredOperands {
  readonly query: StoredFloat
  readonly key: StoredFloat
  readonly value: StoredFloat
}

/** A tensor that score or mask read. */
export interface CapturedTensor {
  /** f32 or i32 elements. */
  readonly kind: 'float' | 'integer'
  readonly rank: number
  /** The last axis has stride 1: along the keys it is read in whole vectors. */
  readonly contiguous: boolean
}

/**
 * What is compiled into an attention kernel. `score` and `mask` are expressions over
 *
 * - `input(0)`: the product q·k, unscaled (score only).
 * - `index('batch')`, `index('head')`, `index('key')`, `index('query')`: positions. Queries are aligned at
 *   the end: query row i stands at position i + keys − queries. That is negative for the first rows where
 *   there are more queries than keys.
 * - `index('queryRow')`: i itself, for tensors with an axis of query rows.
 * - `parameter(i)` of the kind `parameters[i]`.
 * - Elements of captured tensors: `new Capture(i, kind, rank).at(…)`, with i counting in `captures`.
 *
 * The expressions must have gone through `share`; `attentionDefinition` does so.
 */
export interface AttentionDefinition {
  readonly width: number
  readonly valueWidth: number
  readonly score: Expression<'float'>
  /** May this query attend to this key? Without it, to each. */
  readonly mask: Expression<'boolean'> | undefined
  /**
   * From the normalized weight, `input(2)`, to the one that values are mixed with; without it, as it is. It
   * may read what score and mask read, and not `input(0)`. Keys whose score is −∞, as masked ones have it,
   * keep a weight of 0.
   */
  readonly filter: Expression<'float'> | undefined
  /** Where `filter` is no more than the weight times a factor, that factor; see `factorOf`. */
  readonly factor: Expression<'float'> | undefined
  /** The score and, where there are such, the mask, the filter and its factor. */
  readonly roots: readonly Expression[]
  readonly captures: readonly CapturedTensor[]
  readonly parameters: readonly ('float' | 'integer')[]
  /** One more logit per head in each row's denominator, without a value (attention sink). */
  readonly sink: boolean
  readonly stored: StoredOperands
  /** Stable: equal definitions have equal keys. */
  readonly key: string
}

function storedKey({ query, key, value }: StoredOperands): string {
  return [query, key, value].every((each) => each === 'f32') ? '' : ` ${query} ${key} ${value}`
}

/** Completes a definition. Left out: no mask, no function on the filter, nothing captured, no
 * parameters, no sink, all f32. */
export function attentionDefinition(definition: {
  readonly width: number
  readonly valueWidth: number
  readonly score: Expression<'float'>
  readonly mask?: Expression<'boolean'> | undefined
  readonly filter?: Expression<'float'> | undefined
  readonly captures?: readonly CapturedTensor[]
  readonly parameters?: readonly ('float' | 'integer')[]
  readonly sink?: boolean
  /** Default: all f32. */
  readonly stored?: StoredOperands
}): AttentionDefinition {
  const { width, valueWidth, captures = [], parameters = [], sink = false } = definition
  const stored = definition.stored ?? { query: 'f32', key: 'f32', value: 'f32' }
  const { score, mask } = definition
  const filter = definition.filter && !isNothing(definition.filter) ? definition.filter : undefined
  const factor = filter && factorOf(filter)
  const given = { score, mask, filter, factor }
  const names = (Object.keys(given) as (keyof typeof given)[]).filter((name) => given[name] !== undefined)
  const roots = share(names.map((name) => given[name]!))
  const rootOf = (name: keyof typeof given): Expression | undefined => roots[names.indexOf(name)]
  const shapes = captures
    .map(({ kind, rank, contiguous }) => `${kind[0]}${rank}${contiguous ? 'c' : ''}`)
    .join(',')
  return {
    width,
    valueWidth,
    captures,
    parameters,
    sink,
    stored,
    roots,
    score: rootOf('score') as Expression<'float'>,
    mask: rootOf('mask') as Expression<'boolean'> | undefined,
    filter: rootOf('filter') as Expression<'float'> | undefined,
    factor: rootOf('factor') as Expression<'float'> | undefined,
    key: `${width}x${valueWidth}${sink ? ' sink' : ''}${filter ? ' filter' : ''}${storedKey(stored)} [${shapes}] [${parameters.map((kind) => kind[0]).join('')}] ${keyOf(roots)}`,
  }
}

/**
 * Whether the normalized weights must be known before values are mixed: then the keys go by twice, first for
 * the rows' sums.
 */
export function goesTwice({ filter, factor }: AttentionDefinition): boolean {
  return filter !== undefined && factor === undefined
}

/**
 * Lengths of the axes. `heads` is a multiple of `kvHeads`; query head h uses key/value head ⌊h / (heads /
 * kvHeads)⌋.
 */
export interface AttentionSizes {
  readonly batch: number
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  readonly keys: number
}
