import { heatLines, pictureLines, type Screen } from './picture-text.js'
import { oneFilter } from '../picture/one-filter.js'
import { Paint, depthOf, themeOf } from '../picture/paint.js'
import type { PictureOptions } from '../picture/picture.js'
import { sentenceText } from '../picture/sentence.js'
import { escaped } from '../terminal/escape.js'
import { hasColor, styled, widthOf } from '../terminal/output.js'
import { clipped, fitted, padded, stringWidth, wrapped } from '../terminal/text-width.js'
import type { Token } from '../types.js'
import {
  labelColours,
  scoreText,
  stretchesOf,
  type AnswerPart,
  type BarsPart,
  type MapPart,
  type TextPart,
  type WeightsPart,
} from './parts.js'

/** Backgrounds of marks, by their labels: they read on dark terminals and on light ones. */
const backgrounds = [222, 157, 153, 218, 189, 223] as const
const ink = 16
/** Units of a text that are shown at most; of a longer one what is near its marks. */
const longestText = 2000
const widestBar = 24
/** Beside texts that are no names. */
const shortBar = 10
const widestName = 40
/** Tokens that are shown with their weights. */
const mostTokens = 48
const narrowest = 20

/** What a task gave, for the terminal. Nothing in it acts on the terminal but colours, where they show. */
export function answerText(
  parts: readonly AnswerPart[],
  { output = process.stdout, environment = process.env }: Pick<PictureOptions, 'output' | 'environment'> = {},
): string {
  const screen: Screen = {
    output,
    environment,
    room: Math.max(narrowest, widthOf(output, environment)),
    paint: new Paint(depthOf(output, environment), themeOf(environment)),
  }
  return (
    parts
      .map((part) => ({ part, lines: linesOf(part, screen) }))
      // A picture that can't be shown here leaves no gap.
      .filter(({ part, lines }) => part.kind !== 'picture' || lines.length > 0)
      .map(({ part, lines }) => [...nameLine(part, screen), ...lines])
      .flatMap((lines, i) => (i > 0 ? ['', ...lines] : lines))
      .map((line) => `${line.trimEnd()}\n`)
      .join('')
  )
}

function nameLine({ name }: AnswerPart, { output, environment, room }: Screen): string[] {
  if (name === undefined) return []
  return wrapped(escaped(name), room).map((line) => styled(output, 'bold', line, environment))
}

function linesOf(part: AnswerPart, screen: Screen): string[] {
  switch (part.kind) {
    case 'text':
      return textLines(part, screen)
    case 'bars':
      return barLines(part, screen)
    case 'weights':
      return weightLines(part, screen)
    case 'map':
      return mapLines(part, screen)
    case 'picture':
      return pictureLines(part.picture, screen)
    case 'heat':
      return heatLines(part, screen)
  }
}

/** The text in lines, broken between words; marks on a background, or in `‹ ›` where there is no colour. */
function textLines({ text, marks = [] }: TextPart, { output, environment, room }: Screen): string[] {
  const isColoured = hasColor(output, environment)
  const colours = labelColours(marks)
  const lines: string[] = []
  let [line, used] = ['', 0]
  const newLine = (): void => {
    lines.push(line)
    ;[line, used] = ['', 0]
  }
  const put = (shown: string, style: (text: string) => string): void => {
    let left = shown
    while (stringWidth(left) > room) {
      // A word that is longer than a line is cut.
      const part = beginning(left, room - used)
      line += style(part)
      newLine()
      left = left.slice(part.length)
    }
    if (used > 0 && used + stringWidth(left) > room) newLine()
    if (left.trim() === '' && used === 0) return
    line += style(left)
    used += stringWidth(left)
  }
  for (const { text: stretch, mark } of stretchesOf(text, marks, longestText)) {
    const colour = backgrounds[colours.get(mark?.label)! % backgrounds.length]
    const style = (shown: string): string =>
      mark === undefined || !isColoured ? shown : `\u001b[48;5;${colour};38;5;${ink}m${shown}\u001b[0m`
    const label = mark?.label === undefined ? '' : ` ${escaped(mark.label)}`
    const whole = mark === undefined || isColoured ? stretch : `‹${stretch}${label}›`
    for (const [i, part] of whole.split('\n').entries()) {
      if (i > 0) newLine()
      for (const word of part.split(/(?<=\s)(?=\S)|(?<=\S)(?=\s)/u))
        put(escaped(word.replaceAll('\t', ' ')), style)
    }
    if (mark !== undefined && isColoured && label !== '')
      put(label, (shown) => styled(output, 'dim', shown, environment))
  }
  if (used > 0 || lines.length === 0) newLine()
  return lines
}

/** As much of a text as takes at most `width` columns; a character at least where that is a whole line. */
function beginning(text: string, width: number): string {
  let [end, used] = [0, 0]
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment)
    if (used > width && (end > 0 || width < narrowest)) break
    end += segment.length
  }
  return text.slice(0, end)
}

/** A line each: the score, a bar of its share of 1 (or of the largest), the name. */
function barLines({ rows }: BarsPart, { room }: Screen): string[] {
  const scores = rows.map(({ score }) => scoreText(score))
  const widest = Math.max(0, ...scores.map((score) => score.length))
  const names = rows.map(({ text }) => escaped(text.replace(/\s+/g, ' ').trim()))
  const isShort = names.every((name) => stringWidth(name) <= widestName)
  const bar = Math.max(0, Math.min(isShort ? widestBar : shortBar, room - widest - 2 - 12))
  const largest = Math.max(1, ...rows.map(({ score }) => score))
  const nameRoom = Math.max(4, room - widest - 2 - (bar > 0 ? bar + 2 : 0))
  const nameWidth = Math.min(nameRoom, Math.max(0, ...names.map((name) => stringWidth(name))))
  return names.map((name, i) => {
    const score = padded(scores[i]!, widest, 'start')
    const drawn = padded(barOf(rows[i]!.score / largest, bar), bar)
    const shown = clipped(name, nameRoom)
    return isShort ? `${padded(shown, nameWidth)}  ${score}  ${drawn}` : `${score}  ${drawn}  ${shown}`
  })
}

function barOf(share: number, width: number): string {
  const eighths = Math.round(8 * width * Math.min(1, Math.max(0, share)))
  return '█'.repeat(eighths >> 3) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths & 7]!
}

/**
 * The tokens over their weights. Of many those with the largest, and `…` with the sum of what lies between.
 */
function weightLines({ tokens, weights }: WeightsPart, { paint, room }: Screen): string[] {
  const largest = [...weights].sort((one, other) => other - one)
  const least = tokens.length > mostTokens ? largest[mostTokens - 1]! : -Infinity
  const shown: { text: string; weight: number; isRest: boolean }[] = []
  tokens.forEach((text, i) => {
    const last = shown.at(-1)
    if (weights[i]! >= least) shown.push({ text, weight: weights[i]!, isRest: false })
    else if (last?.isRest === true) last.weight += weights[i]!
    else shown.push({ text: '…', weight: weights[i]!, isRest: true })
  })
  return sentenceText(
    tokensOf(shown.map(({ text }) => text)),
    shown.map(({ weight }) => weight),
    paint,
    room,
  )
}

function tokensOf(texts: readonly string[]): Token[] {
  return texts.map((text, id) => ({ id, text, start: 0, end: 0 }))
}

/** Rows downward, columns to the right, each with its text. */
function mapLines({ rows, columns, weights }: MapPart, { paint, room }: Screen): string[] {
  const [queries, keys] = [tokensOf(rows), tokensOf(columns)]
  const layer = { view: { heads: [] }, queries, keys, name: '', short: '' }
  const view = { filter: weights, entropy: 0, previous: 0, first: 0, induction: 0 }
  if (columns.length === 0 || rows.length === 0) return [fitted('', room)]
  const most = rows.map((row, i) => {
    const column = weights[i]!.indexOf(Math.max(...weights[i]!))
    return `${fitted(row, 20)}\u00a0→\u00a0${fitted(columns[column]!, 20)}`.replaceAll(' ', '\u00a0')
  })
  return [
    ...oneFilter({ layer, number: 0, view, causal: false }, { paint, room }),
    '',
    ...wrapped(`most in each row: ${most.join('  ')}`, room).map((line) => line.replaceAll('\u00a0', ' ')),
  ]
}
