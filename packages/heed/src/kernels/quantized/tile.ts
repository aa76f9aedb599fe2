import type { Machine } from '../language/index.js'
import { type Multiplication, type PackedFormat, packings } from './format.js'

/** How a machine's registers are spent on a tile of C. */
export interface QuantizedTile {
  readonly rows: number
  readonly panels: number
  readonly unroll: number
}

/** With so many rows weights are multiplied about as fast as memory gives them. */
const fewRows = 8

/**
 * For few rows one panel, read in one run: memory gives that faster than several runs at once. Else so many
 * sums that the units are busy, beside the vectors of weights. Groups have a second sum for each.
 */
export function quantizedTile(
  { lanes, registers }: Machine,
  format: PackedFormat,
  multiplication: Multiplication,
  m: number,
): QuantizedTile {
  const { group, bits, minimum } = packings[format]
  /** Beside the sums there are vectors of minima, or of upper bits. */
  const more = minimum || bits === 5 || bits === 6
  const grouped = group !== 'column'
  if (bits === 16) return floatTile(lanes, registers, multiplication, m)
  if (lanes === 1) return { rows: 2, panels: 2, unroll: grouped ? 1 : 2 }
  if (m === 1) return { rows: 1, panels: 1, unroll: grouped ? 1 : 4 }
  if (registers >= 32) {
    if (grouped && m <= fewRows) return { rows: m, panels: 1, unroll: 1 }
    if (m === 2) return { rows: 2, panels: 1, unroll: 4 }
    if (m <= 3) return { rows: 3, panels: 4, unroll: 1 }
    const fewer = (multiplication === 'shorts' ? 1 : 0) + (more ? 1 : 0)
    if (grouped) return { rows: 4 - fewer, panels: 3, unroll: 1 }
    if (multiplication === 'shorts') return { rows: 4, panels: 4, unroll: 1 }
    return best(m, [
      { rows: 4, panels: 4, unroll: 1 },
      { rows: 6, panels: 4, unroll: 1 },
      { rows: 8, panels: 3, unroll: 1 },
    ])
  }
  if (m === 2) return { rows: 2, panels: grouped ? 1 : 2, unroll: 1 }
  if (grouped) return { rows: 3, panels: 1, unroll: 1 }
  if (multiplication === 'shorts') return { rows: 4, panels: 2, unroll: 1 }
  return best(m, [
    { rows: 4, panels: 2, unroll: 1 },
    { rows: multiplication === 'bytes' ? 5 : 6, panels: 2, unroll: 1 },
  ])
}

/**
 * Of floats the order of a sum shows in its last bits: it is that of the depth, whatever the number of rows,
 * so that a row's results are the same alone and among others.
 */
function floatTile(
  lanes: number,
  registers: number,
  multiplication: Multiplication,
  m: number,
): QuantizedTile {
  if (lanes === 1) return { rows: 2, panels: 2, unroll: 1 }
  if (registers >= 32) {
    if (m <= fewRows / 2) return { rows: m, panels: 1, unroll: 1 }
    return best(m, [
      { rows: 4, panels: 4, unroll: 1 },
      { rows: 6, panels: 4, unroll: 1 },
      { rows: 8, panels: 3, unroll: 1 },
    ])
  }
  if (m <= 2) return { rows: m, panels: 1, unroll: 1 }
  return best(m, [
    { rows: 4, panels: 2, unroll: 1 },
    { rows: multiplication === 'halves' ? 5 : 6, panels: 2, unroll: 1 },
  ])
}

/** The one that covers m rows with the least left over, the last of equals. */
function best(m: number, tiles: readonly QuantizedTile[]): QuantizedTile {
  let [found, least] = [tiles[0]!, Infinity]
  for (const tile of tiles) {
    const covered = Math.ceil(m / tile.rows) * tile.rows
    if (covered <= least) [found, least] = [tile, covered]
  }
  return found
}
