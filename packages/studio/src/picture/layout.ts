import { padded } from '../terminal/text-width.js'

/** A block of lines with its width in columns. */
export interface Block {
  readonly lines: readonly string[]
  readonly width: number
}

/** Spaces between blocks that stand beside each other. */
export const gap = 2

/** How many blocks of `width` columns fit beside each other. */
export function fitting(room: number, width: number): number {
  return Math.max(1, Math.floor((room + gap) / (width + gap)))
}

/** Blocks beside each other, `perRow` a row, a blank line between the rows. */
export function sideBySide(blocks: readonly Block[], perRow: number): string[] {
  const widest = Math.max(0, ...blocks.map(({ width }) => width))
  const lines: string[] = []
  for (let start = 0; start < blocks.length; start += perRow) {
    const row = blocks.slice(start, start + perRow)
    if (start > 0) lines.push('')
    for (let line = 0; line < Math.max(...row.map((block) => block.lines.length)); line++) {
      const parts = row.map((block) => padded(block.lines[line] ?? '', widest))
      lines.push(parts.join(' '.repeat(gap)).trimEnd())
    }
  }
  return lines
}
