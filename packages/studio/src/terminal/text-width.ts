import stringWidth from 'string-width'
import { visibleText } from '../visible.js'

/**
 * The beginning of `text`, which is safe to show, that takes at most `most` columns; `…` where some is left
 * out.
 */
export function clipped(text: string, most: number): string {
  if (stringWidth(text) <= most) return text
  let kept = ''
  let width = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += stringWidth(segment)
    if (width > most - 1) break
    kept += segment
  }
  return most < 1 ? '' : `${kept}…`
}

/** A token's text with everything in it visible, in at most `most` columns of the terminal. */
export function fitted(text: string, most: number): string {
  return clipped(visibleText(text, 200), most)
}

/** `text` with spaces after it (or before it) to fill `width` columns. */
export function padded(text: string, width: number, side: 'end' | 'start' = 'end'): string {
  const spaces = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return side === 'end' ? text + spaces : spaces + text
}

/** Words in lines of at most `width` columns; a longer word has a line of its own, and is cut. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && stringWidth(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(clipped(word, width))
  }
  return lines
}

export { stringWidth }
