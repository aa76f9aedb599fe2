import type { Builder, Int, Machine, Pointer, Vector } from '../language/index.js'

/**
 * How attention is cut up: register tiles of `rows` × `panel` elements, tasks of `queries` rows, rounds of
 * `keys` keys.
 */
export interface Tile {
  readonly rows: number
  readonly panel: number
  /** A multiple of `rows`. */
  readonly queries: number
  /** A multiple of `rows` and of `panel`. */
  readonly keys: number
}

/** The tile that keeps the accumulators and one round's operands in registers. */
export function tileFor(machine: Machine): Tile {
  const { lanes, registers } = machine
  if (lanes === 1) return { rows: 2, panel: 2, queries: 8, keys: 8 }
  if (registers >= 32) return { rows: 12, panel: 2 * lanes, queries: 96, keys: 12 * lanes }
  if (lanes >= 8) return { rows: 6, panel: 2 * lanes, queries: 96, keys: 12 * lanes }
  return { rows: 4, panel: 2 * lanes, queries: 64, keys: 64 }
}

/** The same for blocks of queries along the lanes: a round's scores of a panel stay in the first cache. */
export function blockTileFor(machine: Machine): Tile {
  const tile = tileFor(machine)
  return machine.registers >= 32 ? { ...tile, keys: tile.keys / 2 } : tile
}

/**
 * The tile for few rows, whose operands are read where they lie: tiles of like size, whose rows share what
 * was loaded.
 */
export function rowsTileFor(machine: Machine, rows: number): Tile {
  const { lanes, registers } = machine
  const tiles = Math.max(1, Math.ceil(rows / (registers >= 32 ? 8 : 4)))
  const each = Math.max(1, Math.ceil(rows / tiles))
  const queries = tiles * each
  return lanes === 1
    ? { rows: each, panel: 4, queries, keys: 8 }
    : { rows: each, panel: sumsOfRow(machine, each) * lanes, queries, keys: 64 }
}

/** Sums of each of `rows` rows that stay in registers, beside what they are made of. A power of two. */
export function sumsOfRow({ registers }: Machine, rows: number): number {
  return rows <= (registers >= 32 ? 5 : 2) ? 4 : 2
}

/**
 * One register tile of a matrix product. Steps are in elements and known while building: they become part of
 * the addresses.
 */
export interface TileProduct {
  readonly rows: number
  /** Columns of the tile: a multiple of the machine's lanes. */
  readonly panel: number
  /** Length of the sum. */
  readonly count: Int | number
  /** Element (row, t) of the left side stands at left + row × leftRow + t × leftStep. */
  readonly left: Pointer<'f32'>
  readonly leftRow: number
  readonly leftStep: number
  /** Row t of the right side, `panel` elements, stands at right + t × rightStep. */
  readonly right: Pointer<'f32'>
  readonly rightStep: number
  /** What the sum starts with; columns count in elements. */
  readonly start: (row: number, column: number) => Vector
  readonly finish: (row: number, column: number, sum: Vector) => void
  /**
   * Which side are weights, where one of 0 is to take nothing of the other side, whatever that holds. For
   * numbers that are finite this changes nothing; it takes a multiple of the time.
   */
  readonly weights?: 'left' | 'right' | undefined
}

/** sum(row, column) = start + Σ over t of left(row, t) × right(t, column), in the order of t. */
export function writeTileProduct(k: Builder, product: TileProduct): void {
  const { rows, panel, left, leftRow, leftStep, right, rightStep, weights } = product
  const vectors = panel / k.lanes
  const sums = Array.from({ length: rows * vectors }, (_, i) =>
    k.variable(product.start(Math.floor(i / vectors), (i % vectors) * k.lanes)),
  )
  const step = (a: Pointer<'f32'>, b: Pointer<'f32'>): void => {
    const columns = Array.from({ length: vectors }, (_, v) => k.load(b.at(v * k.lanes)))
    const taken = weights === 'right' ? columns.map((column) => column.ne(0)) : []
    k.unroll(rows, (row) => {
      const factor = k.loadBroadcast(a.at(row * leftRow))
      const takes = weights === 'left' ? factor.ne(0) : undefined
      columns.forEach((column, v) => {
        const sum = sums[row * vectors + v]!
        const one = taken[v]?.select(factor, 0) ?? factor
        const other = takes?.select(column, 0) ?? column
        sum.set(one.fma(other, sum.get()))
      })
    })
  }
  const steps = (from: Int | number, to: Int | number, atOnce: number): void =>
    k.loop(from, to, atOnce, (t) => {
      const [a, b] = [left.at(t.mul(leftStep)), right.at(t.mul(rightStep))]
      k.unroll(atOnce, (u) => step(a.at(u * leftStep), b.at(u * rightStep)))
    })
  // Displacements in place of additions, which some processors make where they multiply.
  const atOnce = k.machine.name === 'x64' && weights === undefined ? 4 : 1
  const { count } = product
  if (atOnce === 1) steps(0, count, 1)
  else {
    const whole = typeof count === 'number' ? count - (count % atOnce) : count.sub(count.rem(atOnce))
    steps(0, whole, atOnce)
    if (whole !== count) steps(whole, count, 1)
  }
  sums.forEach((sum, i) => product.finish(Math.floor(i / vectors), (i % vectors) * k.lanes, sum.get()))
}

export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}
