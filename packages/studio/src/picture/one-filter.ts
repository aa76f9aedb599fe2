import type { Token } from '../types.js'
import { cellsOf, smallMap } from './heat-map.js'
import { shadeOf, type Paint } from './paint.js'
import { fitted, padded } from '../terminal/text-width.js'

/** Columns of a query's number and text, at most. */
const widestLabel = 22
/** Cells of this width hold a weight in hundredths. */
const numbered = 3

/**
 * One head's filter, a query a line with its text: weights in hundredths where the line has room for them, else colours
 * or shades alone, and where there is not even room for that the largest weights of blocks of tokens.
 */
export function oneFilter(
  filter: readonly (readonly number[])[],
  tokens: readonly Token[],
  options: { readonly paint: Paint; readonly room: number; readonly causal: boolean },
): readonly string[] {
  const { paint, room, causal } = options
  const digits = String(tokens.length - 1).length
  const label = Math.min(widestLabel, Math.max(digits + 4, Math.floor(room / 3)))
  const names = tokens.map(({ text }, index) => {
    const number = String(index).padStart(digits)
    return padded(`${number} ${fitted(text, label - digits - 2)}`, label)
  })
  const left = room - label
  if (tokens.length * numbered <= left) {
    const heading =
      ' '.repeat(label) + tokens.map((_, index) => String(index % 100).padStart(numbered)).join('')
    return [
      heading,
      ...filter.map((row, query) => {
        const cells = row.map((weight, key) => {
          if (causal && key > query) return ' '.repeat(numbered)
          return paint.on(weight, hundredths(weight).padStart(numbered))
        })
        return (names[query]! + cells.join('')).trimEnd()
      }),
    ]
  }
  if (tokens.length <= left) {
    return cellsOf(filter, tokens.length, causal).map((row, query) => {
      const cells = row.map((weight) => {
        if (weight === undefined) return ' '
        return paint.depth === 1 ? shadeOf(weight) : paint.on(weight, ' ')
      })
      return (names[query]! + cells.join('')).trimEnd()
    })
  }
  return smallMap(cellsOf(filter, room, causal), paint).lines
}

/** A weight in hundredths: `97`, `·` below half of one, `1.` for all. */
function hundredths(weight: number): string {
  const whole = Math.round(100 * weight)
  return whole === 0 ? '·' : whole >= 100 ? '1.' : String(whole)
}
