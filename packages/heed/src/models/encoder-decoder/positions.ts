/** Positions that are added to embeddings: the table, and which of its rows each id gets. */
import {
  addPositions,
  positionsEnd,
  type PositionNumbers,
  type PositionTable,
  rowPositions,
  type Sequence,
} from '../../nn/index.js'
import { axisOf, tensor, type Tensor } from '../../tensor/index.js'
import { sinesFor } from '../position-tables.js'
import type { PositionDesign } from './design.js'

type Ids = Tensor<'batch' | 'position'>

/** Where the ids of a call stand. */
export interface Standing {
  /** How many ids came before: in all rows, or in each of `lengths`. */
  readonly start: number | readonly number[]
  /** Of rows that lie one after the other in a batch of 1: how many ids each has. */
  readonly lengths?: readonly number[] | undefined
}

/**
 * Adds to each embedding the vector of its position.
 *
 * @param learned the table, where the design has a learned one
 * @throws UsageError for positions beyond a learned table
 */
export function addDesignedPositions(
  x: Sequence,
  design: PositionDesign,
  learned: PositionTable | undefined,
  ids: Ids,
  standing: Standing,
): Sequence {
  const positions = numbersOf(design, ids, standing)
  if (design.kind === 'learned') return addPositions(x, learned!, positions)
  const end =
    typeof positions === 'number'
      ? positions + axisOf('position', ids, 'position').size
      : positionsEnd(positions)
  const { padding: zeroRow, ...sines } = design
  return addPositions(x, sinesFor(x.size('width'), { ...sines, zeroRow }, end), positions)
}

/** The row of the table that each id gets. */
function numbersOf(design: PositionDesign, ids: Ids, { start, lengths }: Standing): PositionNumbers {
  const first = design.kind === 'learned' ? design.offset : 0
  const startOf = (row: number): number => first + (typeof start === 'number' ? start : start[row]!)
  if (design.kind === 'learned' || design.padding === undefined)
    return lengths === undefined
      ? startOf(0)
      : rowPositions(
          lengths,
          lengths.map((_, row) => startOf(row)),
        )
  const { padding } = design
  const values = ids.values(['batch', 'position'])
  const [batch, position] = [ids.size('batch'), ids.size('position')]
  const numbers = new Int32Array(values.length)
  let at = 0
  for (const [row, length] of (lengths ?? Array<number>(batch).fill(position)).entries()) {
    let next = padding + 1 + startOf(row)
    for (const end = at + length; at < end; at++) numbers[at] = values[at] === padding ? padding : next++
  }
  return tensor(numbers, { batch, position }, { dtype: 'i32' })
}
