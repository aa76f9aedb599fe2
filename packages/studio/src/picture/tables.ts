import type { Prediction } from '../types.js'
import type { Placed } from './head-maps.js'
import { fitted, padded } from '../terminal/text-width.js'

/** The heads' scores, a head a line. `repeated`: whether some token comes back, else induction says nothing. */
export function headTable(heads: readonly Placed[], repeated: boolean): string[] {
  const rows = heads.map(({ layer, number, view }) => [
    String(layer),
    String(number),
    view.entropy.toFixed(2),
    view.previous.toFixed(2),
    view.first.toFixed(2),
    repeated ? view.induction.toFixed(2) : '–',
  ])
  const header = ['layer', 'head', 'entropy', 'previous', 'first', 'induction']
  return [header, ...rows].map((row) =>
    row.map((cell, column) => padded(cell, header[column]!.length, 'start')).join('  '),
  )
}

const widestBar = 30

/** The likeliest next tokens with bars; that of the likeliest has the whole length. */
export function nextTable(next: readonly Prediction[], room: number): string[] {
  const texts = next.map(({ text }) => fitted(text, 20))
  const widest = Math.min(20, Math.max(0, ...texts.map((text) => [...text].length)))
  const bar = Math.max(1, Math.min(widestBar, room - widest - 9))
  const largest = Math.max(1e-9, ...next.map(({ probability }) => probability))
  return next.map(({ probability }, index) => {
    const eighths = Math.round((8 * bar * probability) / largest)
    const drawn = '█'.repeat(eighths >> 3) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths & 7]!
    return `${probability.toFixed(3)}  ${padded(texts[index]!, widest)}  ${drawn}`.trimEnd()
  })
}
