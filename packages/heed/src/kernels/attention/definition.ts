import { type Expression, keyOf, share } from '../expression/index.js'

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
  /** The score and, where there is one, the mask. */
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

/** Completes a definition. Left out: no mask, nothing captured, no parameters, no sink, all f32. */
export function attentionDefinition(definition: {
  readonly width: number
  readonly valueWidth: number
  readonly score: Expression<'float'>
  readonly mask?: Expression<'boolean'> | undefined
  readonly captures?: readonly CapturedTensor[]
  readonly parameters?: readonly ('float' | 'integer')[]
  readonly sink?: boolean
  /** Default: all f32. */
  readonly stored?: StoredOperands
}): AttentionDefinition {
  const { width, valueWidth, captures = [], parameters = [], sink = false } = definition
  const stored = definition.stored ?? { query: 'f32', key: 'f32', value: 'f32' }
  const roots = share(
    definition.mask === undefined ? [definition.score] : [definition.score, definition.mask],
  )
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
    score: roots[0] as Expression<'float'>,
    mask: roots[1] as Expression<'boolean'> | undefined,
    key: `${width}x${valueWidth}${sink ? ' sink' : ''}${storedKey(stored)} [${shapes}] [${parameters.map((kind) => kind[0]).join('')}] ${keyOf(roots)}`,
  }
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
