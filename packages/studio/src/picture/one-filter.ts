import { fitted, padded, wrapped } from '../terminal/text-width.js'
import type { Placed } from './head-maps.js'
import { cellsOf, smallMap } from './heat-map.js'
import { shadeOf, type Paint } from './paint.js'

/** Columns of a query's number and text, at most. */
const widestLabel = 22
/** Cells of this width hold a weight in hundredths. */
const numbered = 3

/**
 * One head's filter, a query a line with its text: weights in hundredths where the line has room for them,
 * else colours or shades alone, and where there is not even room for that the largest weights of blocks of
 * tokens. Keys that are other tokens than the queries are named below.
 */
export function oneFilter(
  { view: { filter }, layer: { queries, keys }, causal }: Placed,
  options: { readonly paint: Paint; readonly room: number },
): readonly string[] {
  const { paint, room } = options
  const digits = String(Math.max(queries.length, keys.length) - 1).length
  const label = Math.min(widestLabel, Math.max(digits + 4, Math.floor(room / 3)))
  const names = queries.map(({ text }, index) => {
    const number = String(index).padStart(digits)
    return padded(`${number} ${fitted(text, label - digits - 2)}`, label)
  })
  const named = keys.map(({ text }, index) => `${index}\u00a0${fitted(text, widestLabel)}`)
  const keyNames =
    queries === keys
      ? []
      : ['', ...wrapped(`keys: ${named.join('  ')}`, room).map((line) => line.replaceAll('\u00a0', ' '))]
  const left = room - label
  if (keys.length * numbered <= left) {
    const heading =
      ' '.repeat(label) + keys.map((_, index) => String(index % 100).padStart(numbered)).join('')
    const rows = filter.map((row, query) => {
      const cells = row.map((weight, key) => {
        if (causal && key > query) return ' '.repeat(numbered)
        return paint.on(weight, hundredths(weight).padStart(numbered))
      })
      return (names[query]! + cells.join('')).trimEnd()
    })
    return [heading, ...rows, ...keyNames]
  }
  if (keys.length <= left) {
    const rows = cellsOf(filter, Infinity, causal).map((row, query) => {
      const cells = row.map((weight) => {
        if (weight === undefined) return ' '
        return paint.depth === 1 ? shadeOf(weight) : paint.on(weight, ' ')
      })
      return (names[query]! + cells.join('')).trimEnd()
    })
    return [...rows, ...keyNames]
  }
  return [...smallMap(cellsOf(filter, room, causal), paint).lines, ...keyNames]
}

/** A weight in hundredths: `97`, `·` below half of one, `1.` for all. */
function hundredths(weight: number): string {
  const whole = Math.round(100 * weight)
  return whole === 0 ? '·' : whole >= 100 ? '1.' : String(whole)
}
