import { escaped } from '../terminal/escape.js'
import { clipped, fitted, padded, stringWidth } from '../terminal/text-width.js'
import type { Prediction } from '../types.js'
import type { Placed } from './head-maps.js'

/** Columns of a layer's name, at most. */
const widestName = 30

/** The headings of the table, in words and where there is little room. */
const headings = ['layer', 'head', 'entropy', 'previous', 'first', 'induction'] as const
const shortHeadings = ['L', 'H', 'ent', 'prev', '1st', 'ind'] as const

/**
 * The heads' scores, a head a line of at most `room` columns; where they don't fit, the last columns are left
 * out. A score that says nothing is a dash.
 */
export function headTable(heads: readonly Placed[], room: number): string[] {
  const rows = heads.map(({ layer, number, view }) => [
    clipped(escaped(layer.name.replace(/^layer /, '')), widestName),
    String(number),
    ...[view.entropy, view.previous, view.first, view.induction].map((score) =>
      Number.isFinite(score) ? score.toFixed(2) : '–',
    ),
  ])
  const tableOf = (titles: readonly string[], gap: string): string[] => {
    const table = [titles, ...rows]
    const widths = titles.map((_, column) => Math.max(...table.map((row) => stringWidth(row[column]!))))
    let fitting = 0
    for (let used = 0; fitting < titles.length; fitting++) {
      used += widths[fitting]! + (fitting > 0 ? gap.length : 0)
      if (used > room) break
    }
    return table.map((row) =>
      row
        .slice(0, Math.max(1, fitting))
        .map((cell, column) => padded(cell, widths[column]!, 'start'))
        .join(gap),
    )
  }
  const whole = tableOf(headings, '  ')
  return whole[0]!.endsWith('induction') ? whole : tableOf(shortHeadings, ' ')
}

const widestBar = 30

/** The likeliest next tokens with bars; that of the likeliest has the whole length. */
export function nextTable(next: readonly Prediction[], room: number): string[] {
  const texts = next.map(({ text }) => fitted(text, Math.max(4, Math.min(20, room - 13))))
  const widest = Math.max(0, ...texts.map((text) => stringWidth(text)))
  const bar = Math.max(1, Math.min(widestBar, room - widest - 9))
  const largest = Math.max(1e-9, ...next.map(({ probability }) => probability))
  return next.map(({ probability }, index) => {
    const eighths = Math.round((8 * bar * probability) / largest)
    const drawn = '█'.repeat(eighths >> 3) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths & 7]!
    return `${probability.toFixed(3)}  ${padded(texts[index]!, widest)}  ${drawn}`.trimEnd()
  })
}
