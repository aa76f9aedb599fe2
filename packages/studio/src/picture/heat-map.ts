import { shadeOf, type Paint } from './paint.js'

/** A square of weights; undefined where the query may not attend to the key. */
export type Cells = readonly (readonly (number | undefined)[])[]

/**
 * The cells of a filter, at most `most` a side: where there are more tokens, each cell is the largest weight of a block.
 *
 * @param causal whether queries may attend to keys up to their own alone
 */
export function cellsOf(filter: readonly (readonly number[])[], most: number, causal: boolean): Cells {
  const tokens = filter.length
  const block = Math.max(1, Math.ceil(tokens / Math.max(1, most)))
  const side = Math.ceil(tokens / block)
  return Array.from({ length: side }, (_, row) =>
    Array.from({ length: side }, (__, column) => {
      let largest: number | undefined
      for (let query = row * block; query < Math.min(tokens, (row + 1) * block); query++) {
        for (let key = column * block; key < Math.min(tokens, (column + 1) * block); key++) {
          if (!causal || key <= query) largest = Math.max(largest ?? 0, filter[query]![key]!)
        }
      }
      return largest
    }),
  )
}

/** A small map, queries downward and keys to the right: its lines, each `width` characters wide. */
export interface SmallMap {
  readonly lines: readonly string[]
  readonly width: number
}

/**
 * In colour each character holds two queries, one above the other; without, one query a line and `cellWidth` characters
 * a key.
 */
export function smallMap(cells: Cells, paint: Paint, cellWidth = 1): SmallMap {
  const side = cells.length
  if (paint.depth === 1) {
    const lines = cells.map((row) =>
      row.map((weight) => (weight === undefined ? ' ' : shadeOf(weight)).repeat(cellWidth)).join(''),
    )
    return { lines, width: side * cellWidth }
  }
  const lines = Array.from({ length: Math.ceil(side / 2) }, (_, line) =>
    cells[2 * line]!.map((upper, key) => paint.pair(upper, cells[2 * line + 1]?.[key])).join(''),
  )
  return { lines, width: side }
}
