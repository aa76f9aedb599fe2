import type { Machine } from '../language/index.js'

/** A shape of register tile: how many rows of A and panels of B meet in it. */
export interface TileVariant {
  readonly rows: number
  readonly panels: number
  /** Share of the machine's speed that its sums can fill: too few, and each waits for its last. */
  readonly speed: number
}

/** How a machine's registers are spent on a tile of C. */
export interface Tile {
  /** Rows of the full tile. */
  readonly rows: number
  /** Columns of a panel of B: what lies together in packed B. */
  readonly columns: number
  /** Vectors in a panel's row. */
  readonly vectors: number
  /** Bytes of a panel of B between two visits to C: so much stays near, beside a tile's rows of A. */
  readonly panelBytes: number
  /** Steps along k between two turns of the innermost loop. */
  readonly unroll: number
  /** Fewest rows first. */
  readonly variants: readonly TileVariant[]
  /**
   * After so many rows of a full tile, the compiler is kept from putting off their sums; 0: no need. See
   * `TileWriter`.
   */
  readonly settleAfter: number
}

const byShape = new Map<string, Map<number, Tile>>()

/** Vectors in a panel's row that a machine can choose from, the best first. */
function widthsFor({ lanes, registers }: Machine): readonly number[] {
  return lanes === 1 ? [4] : registers >= 32 ? [3, 4, 2] : [2]
}

/** The tile whose panels cover n columns with the least left over. A packed B fits whatever m is. */
export function tileFor(machine: Machine, n: number): Tile {
  let [best, least] = [0, Infinity]
  for (const vectors of widthsFor(machine)) {
    const columns = vectors * machine.lanes
    const covered = Math.ceil(n / columns) * columns
    if (covered < least) [best, least] = [vectors, covered]
  }
  return tileOf(machine, best)
}

/** The tile with so many vectors in a panel's row. */
export function tileOf(machine: Machine, vectors: number): Tile {
  let tiles = byShape.get(machine.name)
  if (tiles === undefined) byShape.set(machine.name, (tiles = new Map<number, Tile>()))
  const key = (machine.lanes * 64 + machine.registers) * 8 + vectors
  let tile = tiles.get(key)
  if (tile === undefined) tiles.set(key, (tile = makeTile(machine, vectors)))
  return tile
}

/**
 * Sums, a row of B and the elements of A must fit in the registers. V8 keeps one register for itself, and
 * loads all that a step needs before it multiplies; other targets are taken at their word: one element of A
 * at a time.
 */
function makeTile({ name, lanes, registers }: Machine, vectors: number): Tile {
  const wasm = name === 'wasm'
  const rows =
    registers >= 32 ? Math.floor((registers - vectors - 1) / vectors) : lanes === 4 ? 5 : lanes === 1 ? 4 : 6
  // So many sums keep the units busy.
  const full = Math.min(rows * vectors, 20)
  const counts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, rows].filter(
    (count, index, all) => count <= rows && all.indexOf(count) === index,
  )
  const panelsFor = (count: number): number => {
    let panels = 1
    const fits = (more: number): boolean =>
      count * more * vectors + more * vectors + (wasm ? count : 1) <= (wasm ? registers - 1 : registers)
    while (panels < (count === 1 && !wasm ? 1 : 4) && fits(panels + 1)) panels++
    return panels
  }
  const variants = counts.map((count) => {
    const panels = count === rows ? 1 : panelsFor(count)
    return { rows: count, panels, speed: Math.min(1, (count * panels * vectors) / full) }
  })
  return {
    rows,
    columns: vectors * lanes,
    vectors,
    // The second cache is fast enough for machine code, and C is visited less.
    panelBytes: (wasm ? 20 : 96) * 1024,
    unroll: wasm || lanes === 1 ? 1 : 4,
    variants,
    settleAfter: wasm && lanes === 4 ? 3 : 0,
  }
}
