import { bounds } from '../expression/index.js'
import type { Bool, Builder, Int } from '../language/index.js'
import type { AttentionDefinition } from './definition.js'
import { leafIntervals, type Terms } from './leaves.js'

/** Some query rows of one head against some keys. */
export interface Region {
  readonly batch: Int
  readonly head: Int
  readonly firstRow: Int
  /** The last row, itself included. */
  readonly lastRow: Int
  readonly firstKey: Int
  /** How many keys; the tile has room for `tileKeys`. */
  readonly keys: Int
  readonly tileKeys: number
}

/** Whether any of the rows may attend to any of the keys, and whether each may attend to each and the tile is full. */
export function regionTruth(
  k: Builder,
  terms: Terms,
  { mask }: AttentionDefinition,
  region: Region,
): { possible: Bool; certain: Bool } {
  const { batch, head, firstRow, lastRow, firstKey, keys, tileKeys } = region
  const full = keys.eq(tileKeys)
  if (mask === undefined) return { possible: k.bool(true), certain: full }
  const shift = (terms['keys'] as Int).sub(terms['queries'] as Int)
  const { possible, certain } = bounds(k, mask, {
    ...leafIntervals(k, terms),
    index: (axis) => {
      if (axis === 'key') return { low: firstKey, high: firstKey.add(keys).sub(1) }
      if (axis === 'query') return { low: firstRow.add(shift), high: lastRow.add(shift) }
      if (axis === 'queryRow') return { low: firstRow, high: lastRow }
      const point = axis === 'batch' ? batch : axis === 'head' ? head : undefined
      return { low: point, high: point }
    },
  })
  if (certain.constant === undefined) return { possible, certain: certain.and(full) }
  return { possible, certain: certain.constant ? full : certain }
}
