import { shadeOf, type Paint } from './paint.js'

/** Weights, queries downward and keys to the right; undefined where the query may not attend to the key. */
export type Cells = readonly (readonly (number | undefined)[])[]

/**
 * The cells of a filter, at most `most` a side: where there are more queries or keys, each cell is the
 * largest weight of a block.
 *
 * @param causal whether queries may attend to keys up to their own alone
 */
export function cellsOf(filter: readonly (readonly number[])[], most: number, causal: boolean): Cells {
  const [queries, keys] = [filter.length, filter[0]?.length ?? 0]
  const block = Math.max(1, Math.ceil(Math.max(queries, keys) / Math.max(1, most)))
  return Array.from({ length: Math.ceil(queries / block) }, (_, row) =>
    Array.from({ length: Math.ceil(keys / block) }, (__, column) => {
      let largest: number | undefined
      for (let query = row * block; query < Math.min(queries, (row + 1) * block); query++) {
        for (let key = column * block; key < Math.min(keys, (column + 1) * block); key++) {
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
 * In colour each character holds two queries, one above the other; without, one query a line and `cellWidth`
 * characters a key.
 */
export function smallMap(cells: Cells, paint: Paint, cellWidth = 1): SmallMap {
  const side = cells[0]?.length ?? 0
  if (paint.depth === 1) {
    const lines = cells.map((row) =>
      row.map((weight) => (weight === undefined ? ' ' : shadeOf(weight)).repeat(cellWidth)).join(''),
    )
    return { lines, width: side * cellWidth }
  }
  const lines = Array.from({ length: Math.ceil(cells.length / 2) }, (_, line) =>
    cells[2 * line]!.map((upper, key) => paint.pair(upper, cells[2 * line + 1]?.[key])).join(''),
  )
  return { lines, width: side }
}
