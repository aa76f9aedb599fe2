/** Pictures in the terminal, and what was attended in them. */
import { type Paint, shadeOf } from '../picture/paint.js'
import { isLive, type Environment, type Output } from '../terminal/output.js'
import { fitted, padded } from '../terminal/text-width.js'
import type { HeatPart, PicturePixels } from './parts.js'

/** Where a part is shown. */
export interface Screen {
  readonly output: Output
  readonly environment: Environment
  readonly room: number
  readonly paint: Paint
}

/** Columns and rows of characters that a picture takes at most. */
const widest = 40
const highest = 16

/**
 * A picture in half blocks, two pixels in the room of a character: the mean of what lies there. No lines
 * where the output is no terminal of 24-bit colour.
 */
export function pictureLines(
  { height, width, levels }: PicturePixels,
  { output, environment, room, paint }: Screen,
): string[] {
  if (!isLive(output, environment) || paint.depth !== 24) return []
  const scale = Math.min(1, Math.min(widest, room) / width, (2 * highest) / height)
  const columns = Math.max(1, Math.round(width * scale))
  const rows = Math.max(1, Math.round(height * scale))
  const mean = (row: number, column: number): string => {
    const [top, bottom] = [row, row + 1].map((at) => Math.floor((at * height) / rows)) as [number, number]
    const [left, right] = [column, column + 1].map((at) => Math.floor((at * width) / columns)) as [
      number,
      number,
    ]
    const sums = [0, 0, 0]
    let count = 0
    for (let y = top; y < Math.max(bottom, top + 1); y++)
      for (let x = left; x < Math.max(right, left + 1); x++, count++)
        for (let channel = 0; channel < 3; channel++) sums[channel]! += levels[3 * (y * width + x) + channel]!
    return sums.map((sum) => Math.round(sum / count)).join(';')
  }
  return Array.from({ length: Math.ceil(rows / 2) }, (_, line) => {
    const cells = Array.from({ length: columns }, (__, column) => {
      const upper = `38;2;${mean(2 * line, column)}`
      return 2 * line + 1 < rows
        ? `\u001b[${upper};48;2;${mean(2 * line + 1, column)}m▀\u001b[0m`
        : `\u001b[${upper}m▀\u001b[0m`
    })
    return cells.join('')
  })
}

/** Words whose patches are shown at most. */
const mostWords = 32

/** A grid of patches for each word, as many side by side as there is room for; the largest weight is 1. */
export function heatLines({ rows, columns, words }: HeatPart, { room, paint }: Screen): string[] {
  const cell = 2 * columns + 2 <= room ? 2 : 1
  const width = Math.max(8, cell * columns)
  const side = Math.max(1, Math.floor((room + 2) / (width + 2)))
  const shown = words.slice(0, mostWords)
  const lines: string[] = []
  for (let from = 0; from < shown.length; from += side) {
    const line = shown.slice(from, from + side)
    if (from > 0) lines.push('')
    lines.push(line.map(({ text }) => padded(fitted(text.trim(), width), width)).join('  '))
    for (let row = 0; row < rows; row++)
      lines.push(
        line
          .map(({ weights }) => {
            const largest = Math.max(1e-9, ...weights)
            const cells = weights.slice(row * columns, (row + 1) * columns).map((weight) => {
              const share = weight / largest
              return paint.depth === 1 ? shadeOf(share).repeat(cell) : paint.on(share, ' '.repeat(cell))
            })
            return cells.join('') + ' '.repeat(width - cell * columns)
          })
          .join('  '),
      )
  }
  if (words.length > mostWords) lines.push('', `and ${words.length - mostWords} more`)
  return lines
}
