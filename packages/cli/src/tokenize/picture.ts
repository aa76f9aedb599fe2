import { visibleText } from '@heed/studio'
import { hasColor, stringWidth, widthOf, type Environment, type Output } from '../terminal.js'
import type { Cell } from './cells.js'

/** Backgrounds of tokens, in turn: any two neighbours differ, on dark terminals and on light ones. */
const backgrounds = [153, 222, 157, 218, 189]
const ink = 16

/** One line's width is used up in whole cells; a longer cell is cut into parts. */
const longestPart = 60

/**
 * A text with the borders of its tokens: in colour each token has a background other than its neighbours',
 * else `|` stands between them. What is invisible is shown: a space of a token as `␣`, a line break as `↵`.
 * White space of no token stays a space; other text of no token is in `‹ ›`. `×3` follows a character that
 * three tokens share.
 */
export function tokenPicture(cells: readonly Cell[], output: Output, environment: Environment): string {
  const isColoured = hasColor(output, environment)
  const width = widthOf(output, environment)
  const lines: string[] = []
  let line = ''
  let used = 0
  let turn = 0
  let isAfterToken = false
  const newLine = (): void => {
    lines.push(line)
    line = ''
    used = 0
    isAfterToken = false
  }
  const put = (shown: string, style: (text: string) => string): void => {
    const columns = columnsOf(shown)
    if (used > 0 && used + columns > width) newLine()
    line += style(shown)
    used += columns
  }
  const plain = (text: string): string => text
  for (const { kind, text, count } of cells) {
    if (kind === 'gap') {
      isAfterToken = false
      for (const [i, part] of text.split('\n').entries()) {
        if (i > 0) newLine()
        if (part === '') continue
        const shown = /^\s+$/.test(part) ? ' ' : `‹${visibleText(part)}›`
        put(shown, isColoured ? dim : plain)
      }
      continue
    }
    // A line of the text is a line of the picture.
    const parts = kind === 'added' || !text.includes('\n') ? [text] : text.split(/(?<=\n)/)
    const paint = (shown: string): string => {
      if (!isColoured) return shown
      if (kind === 'added') return `\u001b[36m${shown}\u001b[39m`
      return `\u001b[48;5;${backgrounds[turn % backgrounds.length]};38;5;${ink}m${shown}\u001b[0m`
    }
    if (!isColoured && isAfterToken && used > 0) {
      if (used + 1 + Math.min(longestPart, columnsOf(shownText(parts[0]!))) > width) newLine()
      else put('|', plain)
    }
    for (const [i, part] of parts.entries()) {
      const shown = shownText(part)
      for (let start = 0; start < shown.length;) {
        const end = wholeEnd(shown, start + longestPart)
        put(shown.slice(start, end), paint)
        start = end
      }
      if (i === parts.length - 1 && count > 1) put(`×${count}`, isColoured ? dim : plain)
      if (kind === 'token' && part.endsWith('\n')) newLine()
      else isAfterToken = true
    }
    turn++
  }
  if (used > 0 || lines.length === 0) newLine()
  return lines.map((each) => `${each}\n`).join('')
}

const dim = (text: string): string => `\u001b[2m${text}\u001b[22m`

/** `end`, or one unit later where that is within a character. */
function wholeEnd(text: string, end: number): number {
  const unit = text.charCodeAt(end)
  return unit >= 0xdc00 && unit <= 0xdfff ? end + 1 : end
}

/** What shows itself, but for spaces. */
const plainText = /^[!-~ ]+$/

function shownText(text: string): string {
  return plainText.test(text) ? text.replaceAll(' ', '␣') : visibleText(text)
}

function columnsOf(shown: string): number {
  return /^[!-~␣]*$/.test(shown) ? shown.length : stringWidth(shown)
}
