import { UsageError } from 'heed'
import { hasRepetition } from 'heed/internals'
import type { PlacedLayer } from '../layers.js'
import { escaped } from '../terminal/escape.js'
import { styled, widthOf, type Environment, type Output } from '../terminal/output.js'
import { wrapped } from '../terminal/text-width.js'
import type { AttendResult, HeadView } from '../types.js'
import { visibleText } from '../visible.js'
import { headsOf, legendText, mapsText, type Placed } from './head-maps.js'
import { oneFilter } from './one-filter.js'
import { depthOf, Paint, themeOf } from './paint.js'
import { lastQuery, sentenceText } from './sentence.js'
import { headTable, nextTable } from './tables.js'

/** Where the terminal's picture is shown, and which layers and heads it has. */
export interface PictureOptions {
  /**
   * Where the picture is to be shown: its width, and whether it shows colour; default the standard output.
   */
  readonly output?: Output
  /** NO_COLOR, FORCE_COLOR, COLORTERM, COLORFGBG, COLUMNS; default the process's. */
  readonly environment?: Environment
  /** Only the heads of this layer, counted from 0 in the order of the picture. */
  readonly layer?: number | undefined
  /** Only the heads of this number; with a layer: this one head, large. */
  readonly head?: number | undefined
}

/** Lines are made for terminals of this width at least. */
const narrowest = 20

/**
 * What a model attended to, for the terminal: a heat map for every head, the heads' scores, where the end of
 * the text looks, and what comes next. In colour where the output shows it; nothing in it acts on the
 * terminal but these colours.
 *
 * @throws UsageError for a layer or a head that there is not
 */
export function attendPicture(result: AttendResult, options: PictureOptions = {}): string {
  const { paint, room, bold } = setting(options)
  const all = headsOf(result)
  const layers = [...new Set(all.map((head) => head.layer))]
  const chosen = all.filter(
    ({ layer, number }) =>
      (options.layer === undefined || layer === layers[options.layer]) &&
      (options.head === undefined || number === options.head),
  )
  const [only] = chosen
  if (only === undefined) refuseChoice(options, layers)
  const lines: string[] = []
  if (options.layer !== undefined && options.head !== undefined) {
    lines.push(...bold(`${only.layer.name}, head ${only.number}`), '')
    lines.push(...oneFilter(only, { paint, room }), '')
  } else {
    for (const layer of new Set(chosen.map((head) => head.layer))) {
      const heads = chosen.filter((head) => head.layer === layer)
      lines.push(...bold(layer.name), ...mapsText(heads, { paint, room }), '')
    }
  }
  lines.push(...legendText(paint, room), '')
  lines.push(...bold('heads'), ...headTable(withSaying(chosen), room), '')
  const shown = all.filter(({ layer }) =>
    chosen.some((head) => head.layer.queries === layer.queries && head.layer.keys === layer.keys),
  )
  lines.push(...endOfText(result, shown, options))
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

function refuseChoice({ layer, head }: PictureOptions, layers: readonly PlacedLayer[]): never {
  const most = Math.max(...layers.map(({ view }) => view.heads.length))
  throw new UsageError({
    operation: 'attention',
    expected: `a layer from 0 to ${layers.length - 1} and a head from 0 to ${most - 1}, counted in the picture`,
    found: [...(layer === undefined ? [] : [`layer ${layer}`]), `head ${head ?? 'any'}`].join(', '),
    hint: 'leave them out to see what there is',
  })
}

/**
 * What a model attended to, in short, for the terminal: the heads that tell most, where the end of the text
 * looks, and what comes next.
 */
export function briefPicture(result: AttendResult, options: PictureOptions = {}): string {
  const { paint, room, bold } = setting(options)
  const all = headsOf(result)
  const lines = [
    ...bold('three heads that tell much'),
    ...mapsText(telling(all), { paint, room, withLayer: true }),
    '',
    ...legendText(paint, room),
    '',
    ...endOfText(result, all, options),
  ]
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

function setting({ output = process.stdout, environment = process.env }: PictureOptions): {
  paint: Paint
  room: number
  /** A heading, in lines. */
  bold: (text: string) => string[]
} {
  const room = Math.max(narrowest, widthOf(output, environment))
  return {
    paint: new Paint(depthOf(output, environment), themeOf(environment)),
    room,
    bold: (text) => wrapped(escaped(text), room).map((line) => styled(output, 'bold', line, environment)),
  }
}

/** Where the last query of each text looks, and what comes next. */
function endOfText(result: AttendResult, all: readonly Placed[], options: PictureOptions): string[] {
  const { paint, room, bold } = setting(options)
  const lines: string[] = []
  const left = new Set(all)
  for (const { layer } of all) {
    const same = [...left].filter(
      (head) => head.layer.queries === layer.queries && head.layer.keys === layer.keys,
    )
    if (same.length === 0) continue
    for (const head of same) left.delete(head)
    const last = visibleText(layer.queries.at(-1)!.text, 20)
    const heads = same.length === all.length ? 'all heads' : headsIn(same)
    if (lines.length > 0) lines.push('')
    lines.push(
      ...bold(`where the last token, “${last}”, looks (mean of ${heads})`),
      ...sentenceText(layer.keys, lastQuery(same), paint, room),
    )
  }
  if (result.next.length > 0) lines.push('', ...bold('what comes next'), ...nextTable(result.next, room))
  return lines
}

/** `all heads of decoder 0 attention to decoder 5 attention` */
function headsIn(heads: readonly Placed[]): string {
  const [first, last] = [heads[0]!.layer.name, heads.at(-1)!.layer.name]
  return `all heads of ${first === last ? first : `${first} to ${last}`}`
}

/** The heads with an induction score that says nothing, because no token comes back, as NaN. */
function withSaying(heads: readonly Placed[]): Placed[] {
  return heads.map((head) =>
    repeated(head) ? head : { ...head, view: { ...head.view, induction: Number.NaN } },
  )
}

function repeated({ layer: { queries } }: Placed): boolean {
  return hasRepetition(queries.map(({ id }) => id))
}

/**
 * The heads with the highest induction, previous-token and first-token scores; three different ones where
 * there are.
 */
function telling(all: readonly Placed[]): Placed[] {
  const found: Placed[] = []
  const best = (score: (view: HeadView) => number): void => {
    const left = all.filter((head) => !found.includes(head))
    const of = (head: Placed): number => score(head.view) || 0
    if (left.length > 0) found.push(left.reduce((a, b) => (of(b) > of(a) ? b : a)))
  }
  const scores = ['previous', 'induction', 'first'] as const
  for (const score of all.some(repeated) ? scores : (['previous', 'first'] as const)) {
    best((view) => view[score])
  }
  // Where nothing comes back: the sharpest head that is neither.
  if (found.length < 3) best((view) => -view.entropy)
  return found
}
