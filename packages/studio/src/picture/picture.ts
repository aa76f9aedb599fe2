import { isCausal } from '../payload.js'
import { visibleText } from '../visible.js'
import type { AttendResult, HeadView } from '../types.js'
import { hasRepetition } from 'heed/internals'
import { styled, widthOf, type Environment, type Output } from '../terminal/output.js'
import { headsOf, legendText, mapsText, type Placed } from './head-maps.js'
import { oneFilter } from './one-filter.js'
import { depthOf, Paint, themeOf } from './paint.js'
import { lastQuery, sentenceText } from './sentence.js'
import { headTable, nextTable } from './tables.js'

export interface PictureOptions {
  readonly output: Output
  readonly environment: Environment
  /** Only the heads of this layer. */
  readonly layer?: number | undefined
  /** Only the heads of this number; with a layer: this one head, large. */
  readonly head?: number | undefined
}

/** Lines are made for terminals of this width at least. */
const narrowest = 20

/**
 * What a model attended to, for the terminal: a heat map for every head, the heads' scores, where the end of the text
 * looks, and what comes next. In colour where the output shows it.
 */
export function attendPicture(result: AttendResult, options: PictureOptions): string {
  const { paint, room, causal, bold } = setting(result, options)
  const chosen = headsOf(result).filter(
    ({ layer, number }) =>
      (options.layer === undefined || layer === options.layer) &&
      (options.head === undefined || number === options.head),
  )
  const lines: string[] = []
  if (options.layer !== undefined && options.head !== undefined) {
    const [{ view }] = chosen as [Placed]
    lines.push(bold(`layer ${options.layer}, head ${options.head}`), '')
    lines.push(...oneFilter(view.filter, result.tokens, { paint, room, causal }), '')
  } else {
    for (const layer of new Set(chosen.map((head) => head.layer))) {
      const heads = chosen.filter((head) => head.layer === layer)
      lines.push(bold(`layer ${layer}`), ...mapsText(heads, { paint, room, causal }), '')
    }
  }
  lines.push(legendText(paint), '')
  lines.push(bold('heads'), ...headTable(chosen, repeated(result)), '')
  lines.push(...endOfText(result, options))
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

/** The same in short: the heads that tell most, where the end of the text looks, and what comes next. */
export function briefPicture(result: AttendResult, options: PictureOptions): string {
  const { paint, room, causal, bold } = setting(result, options)
  const lines = [
    bold('three heads that tell much'),
    ...mapsText(telling(result), { paint, room, causal, withLayer: true }),
    '',
    legendText(paint),
    '',
    ...endOfText(result, options),
  ]
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

function setting(
  result: AttendResult,
  { output, environment }: PictureOptions,
): { paint: Paint; room: number; causal: boolean; bold: (text: string) => string } {
  return {
    paint: new Paint(depthOf(output, environment), themeOf(environment)),
    room: Math.max(narrowest, widthOf(output, environment)),
    causal: isCausal(result.layers),
    bold: (text) => styled(output, 'bold', text, environment),
  }
}

function endOfText(result: AttendResult, options: PictureOptions): string[] {
  const { paint, room, bold } = setting(result, options)
  const last = visibleText(result.tokens.at(-1)!.text, 20)
  const lines = [
    bold(`where the last token, “${last}”, looks (mean of all heads)`),
    ...sentenceText(result.tokens, lastQuery(result), paint, room),
  ]
  if (result.next.length > 0) lines.push('', bold('what comes next'), ...nextTable(result.next, room))
  return lines
}

function repeated({ tokens }: AttendResult): boolean {
  return hasRepetition(tokens.map(({ id }) => id))
}

/** The heads with the highest induction, previous-token and first-token scores; three different ones where there are. */
function telling(result: AttendResult): Placed[] {
  const all = headsOf(result)
  const scores: readonly (keyof HeadView & ('previous' | 'induction' | 'first'))[] = repeated(result)
    ? ['previous', 'induction', 'first']
    : ['previous', 'first']
  const found: Placed[] = []
  const best = (score: (view: HeadView) => number): void => {
    const left = all.filter((head) => !found.includes(head))
    if (left.length > 0) found.push(left.reduce((a, b) => (score(b.view) > score(a.view) ? b : a)))
  }
  for (const score of scores) best((view) => view[score])
  // Where nothing comes back: the sharpest head that is neither.
  if (found.length < 3) best((view) => -view.entropy)
  return found
}
