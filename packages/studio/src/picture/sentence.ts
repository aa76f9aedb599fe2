import { fitted, padded, stringWidth } from '../terminal/text-width.js'
import type { Token } from '../types.js'
import type { Placed } from './head-maps.js'
import type { Paint } from './paint.js'

/** Columns of one token, at most. */
const widestToken = 24

/** Mean over heads of the last query's weights. */
export function lastQuery(heads: readonly Placed[]): number[] {
  const rows = heads.map(({ view }) => view.filter.at(-1)!)
  return rows[0]!.map((_, key) => rows.reduce((sum, row) => sum + row[key]!, 0) / rows.length)
}

/** The tokens in lines, each over its weight in percent, and in colour on the colour of its weight. */
export function sentenceText(
  tokens: readonly Token[],
  weights: readonly number[],
  paint: Paint,
  room: number,
): string[] {
  // Colours spread over what there is: the last query's mean weights are small in a long text.
  const largest = Math.max(1e-9, ...weights)
  const lines: string[] = []
  let [above, below, used] = ['', '', 0]
  const flush = (): void => {
    lines.push(above.trimEnd(), below.trimEnd())
    ;[above, below, used] = ['', '', 0]
  }
  tokens.forEach(({ text }, index) => {
    const shown = fitted(text, Math.min(widestToken, room))
    const percent = `${Math.round(100 * weights[index]!)}%`
    const width = Math.max(stringWidth(shown), percent.length)
    if (used > 0 && used + width > room) flush()
    above += `${paint.on(weights[index]! / largest, padded(shown, width))} `
    below += `${padded(percent, width)} `
    used += width + 1
  })
  if (used > 0) flush()
  return lines
}
