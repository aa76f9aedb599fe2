import {
  type Builder,
  copyTransposed,
  type Int,
  type Mask,
  Pointer,
  transposeLanes,
  type Vector,
} from '../language/index.js'
import type { StoredFloat } from './definition.js'
import { roundUp, type Tile, writeTileProduct } from './tile.js'

// What kernels share whose rows lie along the lanes: columns of a panel of rows, one after the other, in
// scratch memory.

/** target[row length] = rows of a width, zeros beyond it; `length` is a multiple of the lanes. */
export function copyPadded(
  k: Builder,
  rows: Int,
  target: Pointer<'f32'>,
  length: number,
  source: Pointer<StoredFloat>,
  stride: Int,
  width: number,
): void {
  k.loop(0, rows, 1, (row) => {
    const [to, from] = [target.at(row.mul(length)), source.at(row.mul(stride))]
    k.vectors(width, (i, mask) => k.store(to.at(i), k.load(from.at(i), mask)))
    for (let column = roundUp(width, k.lanes); column < length; column += k.lanes)
      k.store(to.at(column), k.vector(0))
  })
}

/** target[width panel] = the first `valid` of `panel` rows as columns, zeros where there are no rows. */
export function writePanel(
  k: Builder,
  from: Pointer<StoredFloat>,
  rowStride: Int,
  target: Pointer<'f32'>,
  width: number,
  panel: number,
  valid: Int,
): void {
  k.if(valid.lt(panel), () => k.vectors(width * panel, (i, mask) => k.store(target.at(i), k.vector(0), mask)))
  const tail = width % k.lanes
  const squares = valid.and(-k.lanes)
  k.loop(0, squares, k.lanes, (column) => {
    const lines = from.at(column.mul(rowStride))
    const place = target.at(column)
    k.loop(0, width - tail, k.lanes, (w) =>
      copyTransposed(k, lines.at(w), rowStride, place.at(w.mul(panel)), panel),
    )
    if (tail > 0)
      copyTransposed(k, lines.at(width - tail), rowStride, place.at((width - tail) * panel), panel, tail)
  })
  k.loop(squares, valid, 1, (column) => {
    const line = from.at(column.mul(rowStride))
    const place = target.at(column)
    k.loop(0, width, 1, (w) => k.store(place.at(w.mul(panel)), k.loadScalar(line.at(w))))
  })
}

/**
 * The first `count` rows of a vector of them to `to`, whose rows are `rowStride` apart. `columns` gives so
 * many columns from one on, as vectors of rows; `spare` has room for lanes × lanes elements.
 */
export function writeRowsOf(
  k: Builder,
  width: number,
  columns: (first: Int, count: number) => readonly Vector[],
  to: Pointer<'f32'>,
  rowStride: Int,
  count: Int,
  spare: Pointer<'f32'>,
): void {
  const square = (first: Int, several: number, whole: boolean): void => {
    const given = columns(first, several)
    const rows = transposeLanes(
      k,
      Array.from({ length: k.lanes }, (_, i) => given[i] ?? k.vector(0)),
    )
    const mask: Mask | undefined = several < k.lanes ? k.tail(several) : undefined
    if (whole) {
      let line = to.at(first)
      rows.forEach((row, i) => {
        if (i > 0) line = line.at(rowStride)
        k.store(line, row, mask)
      })
      return
    }
    // By way of memory: how many rows there are is known when it runs.
    rows.forEach((row, i) => k.store(spare.at(i * k.lanes), row))
    k.loop(0, count, 1, (i) =>
      k.store(to.at(i.mul(rowStride)).at(first), k.load(spare.at(i.mul(k.lanes))), mask),
    )
  }
  const tail = width % k.lanes
  const all = (whole: boolean) => (): void => {
    k.loop(0, width - tail, k.lanes, (first) => square(first, k.lanes, whole))
    if (tail > 0) square(k.int(width - tail), tail, whole)
  }
  k.if(count.eq(k.lanes), all(true), all(false))
}

/**
 * Rows of keys or values end to end: where they lie, or copied to `to`, as those in half precision are.
 * `rows`: tiles of so many are read whole, so that a last one that isn't is copied, with whatever `to` has
 * behind it.
 */
export function endToEnd(
  k: Builder,
  from: Pointer<StoredFloat>,
  rowStride: Int,
  width: number,
  count: Int,
  to: Pointer<'f32'>,
  rows = 1,
): Pointer<'f32'> {
  const copy = (): void =>
    k.loop(0, count, 1, (i) => {
      const [line, place] = [from.at(i.mul(rowStride)), to.at(i.mul(width))]
      k.vectors(width, (at, mask) => k.store(place.at(at), k.load(line.at(at), mask), mask))
    })
  if (from.element !== 'f32') {
    copy()
    return to
  }
  const addressOf = ({ address, offset }: Pointer<StoredFloat>): Int => address.add(offset)
  const address = k.variable(addressOf(from))
  const apart = rowStride.ne(width)
  k.if(rows === 1 ? apart : apart.or(count.rem(rows).ne(0)), () => {
    copy()
    address.set(addressOf(to))
  })
  return new Pointer(k, 'f32', address.get())
}

/** Element j of a vector of rows, and where it stands in each of some columns. */
export interface Element {
  readonly j: Int
  readonly places: readonly Pointer<'f32'>[]
}

/**
 * `body` for elements 0 … count − 1 of columns, `step` apart; several at a time where the machine has time
 * for them while one result waits for another.
 */
export function eachElement(
  k: Builder,
  count: Int,
  columns: readonly Pointer<'f32'>[],
  step: number,
  several: number,
  body: (elements: readonly Element[]) => void,
): void {
  const turn = (first: Int, together: number): void => {
    const starts = columns.map((column) => column.at(first.mul(step)))
    body(
      Array.from({ length: together }, (_, u) => ({
        j: first.add(u),
        places: starts.map((start) => start.at(u * step)),
      })),
    )
  }
  const together = k.machine.name === 'x64' ? several : 1
  const whole = together === 1 ? k.int(0) : count.and(-together)
  if (together > 1) k.loop(0, whole, together, (j) => turn(j, together))
  k.loop(whole, count, 1, (j) => turn(j, 1))
}

/** Two by two, so that a chain of results that wait for each other is short. */
export function joined(values: readonly Vector[], join: (a: Vector, b: Vector) => Vector): Vector {
  let rest = values
  while (rest.length > 1) {
    const next: Vector[] = []
    for (let i = 0; i < rest.length; i += 2)
      next.push(i + 1 < rest.length ? join(rest[i]!, rest[i + 1]!) : rest[i]!)
    rest = next
  }
  return rest[0]!
}

/** What is summed over keys for each column of a width and each row of a panel. */
export interface KeySums {
  /** [key width], end to end. */
  readonly left: Pointer<'f32'>
  readonly width: number
  /** [key panel], lines `rightStep` apart. */
  readonly right: Pointer<'f32'>
  readonly rightStep: number
  readonly keys: Int
  /** [width panel]: what is added to. */
  readonly to: Pointer<'f32'>
  /** What a vector of `to` is multiplied with first. */
  readonly factor?: (column: number) => Vector
  /** `right` are weights, of which one of 0 takes nothing of `left`, whatever that holds. */
  readonly weighted?: boolean
}

/** to[width row] = factor × to + Σ over the keys of left[key width] × right[key row], in their order. */
export function addOverKeys(
  k: Builder,
  tile: Tile,
  { left, width, right, rightStep, keys, to, factor, weighted = false }: KeySums,
): void {
  const rows = weighted ? Math.min(weightedRows, width) : rowsFor(tile, k.lanes, width)
  const write = (first: Int, count: number): void => {
    const target = to.at(first.mul(tile.panel))
    const factors = factor && Array.from({ length: tile.panel / k.lanes }, (_, v) => factor(v * k.lanes))
    writeTileProduct(k, {
      rows: count,
      panel: tile.panel,
      count: keys,
      left: left.at(first),
      leftRow: 1,
      leftStep: width,
      right,
      rightStep,
      weights: weighted ? 'right' : undefined,
      start: (i, j) => {
        const before = k.load(target.at(i * tile.panel + j))
        return factors === undefined ? before : before.mul(factors[j / k.lanes]!)
      },
      finish: (i, j, sum) => k.store(target.at(i * tile.panel + j), sum),
    })
  }
  const tail = width % rows
  k.loop(0, width - tail, rows, (first) => write(first, rows))
  if (tail > 0) write(k.int(width - tail), tail)
}

/** Rows of a register tile whose zeros are chosen, which takes more registers. */
export const weightedRows = 2

/**
 * Rows of a register tile over a width: such as divide it, where they are enough sums to keep the multipliers
 * busy.
 */
function rowsFor({ rows, panel }: Tile, lanes: number, width: number): number {
  for (let some = rows; some * (panel / lanes) >= 12; some--) if (width % some === 0) return some
  return Math.min(rows, width)
}

/** A multiple of `step`, a power of two, that holds `value`. */
export function roundUpTerm(value: Int, step: number): Int {
  return value.add(step - 1).and(-step)
}
