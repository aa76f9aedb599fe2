import stringWidth from 'string-width'
import { visibleText } from '@heed/studio'

/** A token's text with everything in it visible, in at most `most` columns of the terminal. */
export function fitted(text: string, most: number): string {
  const shown = visibleText(text, 200)
  if (stringWidth(shown) <= most) return shown
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(shown)) {
    if (stringWidth(kept + segment) > most - 1) break
    kept += segment
  }
  return `${kept}…`
}

/** `text` with spaces after it (or before it) to fill `width` columns. */
export function padded(text: string, width: number, side: 'end' | 'start' = 'end'): string {
  const spaces = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return side === 'end' ? text + spaces : spaces + text
}

export { stringWidth }
