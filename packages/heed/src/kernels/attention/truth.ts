import { bounds, type Expression, type Truth } from '../expression/index.js'
import type { Bool, Builder, Int } from '../language/index.js'
import type { AttentionDefinition } from './definition.js'
import { leafIntervals, type Terms } from './leaves.js'

/** Some query rows of one head, or of some, against some keys. */
export interface Region {
  readonly batch: Int
  readonly head: Int
  /** The last head, itself included; left out: the first. */
  readonly lastHead?: Int
  readonly firstRow: Int
  /** The last row, itself included. */
  readonly lastRow: Int
  readonly firstKey: Int
  readonly keys: Int
}

/**
 * Whether any of the rows may attend to any of the keys, and whether each may attend to each and, where
 * `tileKeys` says how many make one, the tile is full.
 */
export function regionTruth(
  k: Builder,
  terms: Terms,
  { mask }: AttentionDefinition,
  region: Region & { readonly tileKeys?: number },
): { possible: Bool; certain: Bool } {
  const full = region.tileKeys === undefined ? k.bool(true) : region.keys.eq(region.tileKeys)
  if (mask === undefined) return { possible: k.bool(true), certain: full }
  const { possible, certain } = maskTruth(k, terms, mask, region)
  if (full.constant) return { possible, certain }
  if (certain.constant === undefined) return { possible, certain: certain.and(full) }
  return { possible, certain: certain.constant ? full : certain }
}

function maskTruth(k: Builder, terms: Terms, mask: Expression<'boolean'>, region: Region): Truth {
  const { batch, head, lastHead = head, firstRow, lastRow, firstKey, keys } = region
  const shift = (terms['keys'] as Int).sub(terms['queries'] as Int)
  return bounds(k, mask, {
    ...leafIntervals(k, terms),
    index: (axis) => {
      if (axis === 'key') return { low: firstKey, high: firstKey.add(keys).sub(1) }
      if (axis === 'query') return { low: firstRow.add(shift), high: lastRow.add(shift) }
      if (axis === 'queryRow') return { low: firstRow, high: lastRow }
      if (axis === 'head') return { low: head, high: lastHead }
      const point = axis === 'batch' ? batch : undefined
      return { low: point, high: point }
    },
  })
}

/** A run of keys or of rows. */
export interface Run {
  readonly first: Int
  readonly count: Int
}

/**
 * The keys that are left when those at both ends that none of the rows may see are taken off, `step` at a
 * time; what is left starts a multiple of `step` after the first.
 */
export function possibleKeys(
  k: Builder,
  terms: Terms,
  { mask }: AttentionDefinition,
  region: Region,
  step: number,
): Run {
  const all = { first: region.firstKey, count: region.keys }
  if (mask === undefined) return all
  return trim(
    k,
    all,
    step,
    (firstKey, keys) => maskTruth(k, terms, mask, { ...region, firstKey, keys }).possible,
  )
}

/**
 * The rows that are left when those at both ends that may see none of the keys are taken off, in the manner
 * of `possibleKeys`.
 */
export function possibleRows(
  k: Builder,
  terms: Terms,
  { mask }: AttentionDefinition,
  region: Region,
  step: number,
): Run {
  const all = { first: region.firstRow, count: region.lastRow.sub(region.firstRow).add(1) }
  if (mask === undefined) return all
  return trim(
    k,
    all,
    step,
    (firstRow, count) =>
      maskTruth(k, terms, mask, { ...region, firstRow, lastRow: firstRow.add(count).sub(1) }).possible,
  )
}

/** Takes steps that are not possible off both ends of a run. */
function trim(
  k: Builder,
  { first, count }: Run,
  step: number,
  possible: (first: Int, count: Int) => Bool,
): Run {
  const begin = k.variable(k.int(0))
  const end = k.variable(count.add(step - 1).div(step))
  const here = (at: Int): Bool => {
    const start = at.mul(step)
    return possible(first.add(start), count.sub(start).min(step))
  }
  const more = (): Bool => begin.get().lt(end.get())
  k.while(
    () => more().and(here(begin.get()).not()),
    () => begin.set(begin.get().add(1)),
  )
  k.while(
    () => more().and(here(end.get().sub(1)).not()),
    () => end.set(end.get().sub(1)),
  )
  const start = begin.get().mul(step)
  return { first: first.add(start), count: end.get().mul(step).min(count).sub(start).max(0) }
}
