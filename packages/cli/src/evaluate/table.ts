import { clipped, escaped, padded, stringWidth, styled, widthOf } from '../terminal.js'
import type { Environment, Output } from '../terminal.js'

/** Between two columns. */
const gap = 2
/** Columns of the terminal that a name of a row is never cut below. */
const shortestKey = 4

/**
 * A table in lines, the first row its head. What is wider than the terminal goes on in another table below,
 * whose rows have the same names.
 *
 * @param keys how many columns name a row: they stand in each part, cut where they leave no room
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  keys: number,
  output: Output,
  environment: Environment,
): string[] {
  const width = widthOf(output, environment)
  const safe = rows.map((row) => row.map((cell) => escaped(cell)))
  const widest = safe[0]!.map((_, column) => Math.max(...safe.map((row) => stringWidth(row[column]!))))
  const longest = Math.max(0, ...widest.slice(keys))
  const room = Math.max(shortestKey, Math.floor((width - longest - gap * keys) / Math.max(1, keys)))
  const widths = widest.map((own, column) => (column < keys ? Math.min(own, room) : own))
  const isText = (column: number): boolean =>
    column === 0 || safe.slice(1).some((row) => /^[^\d.+−–\s-]/.test(row[column]!))
  const named = widths.slice(0, keys).reduce((sum, own) => sum + own + gap, 0)
  const names = Array.from({ length: keys }, (_, column) => column)
  return columnParts(widths.slice(keys), gap, width - named).flatMap((part, number) => {
    const columns = [...names, ...part.map((column) => keys + column)]
    const lines = safe.map((row, i) => {
      const cells = columns.map((column) =>
        padded(clipped(row[column]!, widths[column]!), widths[column]!, isText(column) ? 'end' : 'start'),
      )
      const line = cells.join(' '.repeat(gap)).trimEnd()
      return i === 0 ? styled(output, 'dim', line, environment) : line
    })
    return number === 0 ? lines : ['', ...lines]
  })
}

/** Columns, by their numbers, in parts of which each fits into a width; at least one in each. */
export function columnParts(widths: readonly number[], between: number, width: number): number[][] {
  const parts: number[][] = [[]]
  let used = 0
  for (const [column, own] of widths.entries()) {
    if (parts.at(-1)!.length > 0 && used + own > width) {
      parts.push([])
      used = 0
    }
    parts.at(-1)!.push(column)
    used += own + between
  }
  return parts
}
