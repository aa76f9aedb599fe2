import type { Machine } from '../language/index.js'

/** How a machine's registers are spent on a tile of C. */
export interface Tile {
  /** Rows of the full tile. */
  readonly rows: number
  /** Columns of a panel of B: what lies together in packed B. */
  readonly columns: number
  /** Vectors in a panel's row. */
  readonly vectors: number
  /** Elements between one k and the next in a packed panel of A: `rows`, rounded up to whole vectors. */
  readonly pitch: number
  /** Rows that a tile may have, fewest first, with the panels it then spans: as many sums as fill the registers. */
  readonly variants: readonly { readonly rows: number; readonly panels: number }[]
}

const byShape = new Map<number, Tile>()

/** rows × vectors sums, one row of B, and one element of A must fit in the registers. */
export function tileFor(machine: Machine): Tile {
  const key = machine.lanes * 64 + machine.registers
  let tile = byShape.get(key)
  if (tile === undefined) byShape.set(key, (tile = makeTile(machine)))
  return tile
}

function makeTile({ lanes, registers }: Machine): Tile {
  const vectors = lanes === 1 ? 4 : 2
  const rows = lanes < 8 ? 4 : registers >= 32 ? 14 : 6
  const most = rows * vectors
  const counts = [1, 2, 3, 4, 7, rows].filter(
    (count, index, all) => count <= rows && all.indexOf(count) === index,
  )
  return {
    rows,
    columns: vectors * lanes,
    vectors,
    pitch: Math.ceil(rows / lanes) * lanes,
    variants: counts.map((count) => ({
      rows: count,
      panels: Math.max(1, Math.min(4, Math.floor(most / (count * vectors)))),
    })),
  }
}
