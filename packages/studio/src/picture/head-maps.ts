import type { AttendResult, HeadView } from '../types.js'
import { cellsOf, smallMap } from './heat-map.js'
import { kindOf } from './head-kind.js'
import { fitting, sideBySide, type Block } from './layout.js'
import { shadesText, type Paint } from './paint.js'
import { isCausal, layersOf, type PlacedLayer } from '../layers.js'
import { escaped } from '../terminal/escape.js'
import { clipped, padded, wrapped } from '../terminal/text-width.js'

/** A head with where it stands. */
export interface Placed {
  readonly layer: PlacedLayer
  readonly number: number
  readonly view: HeadView
  /** Whether no query of the layer attends to a later key. */
  readonly causal: boolean
}

/** Every head, layer by layer. */
export function headsOf(result: AttendResult): Placed[] {
  return layersOf(result).flatMap((layer) => {
    const causal = isCausal(layer)
    return layer.view.heads.map((view, number) => ({ layer, number, view, causal }))
  })
}

/** Room for a head's name and kind: `H3 induction .91`. */
const labelWidth = 17
/** Larger maps are pooled. */
const widestMap = 64

/** `H3 previous .92`, as short as it must be */
function label({ layer, number, view }: Placed, withLayer: boolean): string {
  const kind = kindOf(view)
  const name = withLayer ? `${escaped(layer.short)} H${number}` : `H${number}`
  return kind === undefined ? name : `${name} ${kind.word} ${kind.score.toFixed(2).replace(/^0/, '')}`
}

/** The maps of some heads beside each other, each under its name. */
export function mapsText(
  heads: readonly Placed[],
  options: {
    readonly paint: Paint
    readonly room: number
    readonly withLayer?: boolean
  },
): string[] {
  const { paint, room, withLayer = false } = options
  const keys = Math.max(0, ...heads.map(({ layer }) => layer.keys.length))
  // As many beside each other as keep every token of a short text, and at least so many columns of a long
  // one.
  const cellWidth = paint.depth === 1 && 2 * keys <= room ? 2 : 1
  const wanted = Math.max(withLayer ? labelWidth + 3 : labelWidth, Math.min(cellWidth * keys, 32))
  const rows = Math.ceil(heads.length / fitting(room, Math.min(wanted, room)))
  const perRow = Math.max(1, Math.ceil(heads.length / Math.max(1, rows)))
  const share = Math.floor((room - 2 * (perRow - 1)) / perRow)
  const most = Math.max(1, Math.min(widestMap, Math.floor(share / cellWidth)))
  const blocks = heads.map((head): Block => {
    const map = smallMap(cellsOf(head.view.filter, most, head.causal), paint, cellWidth)
    const name = clipped(label(head, withLayer), Math.max(share, 1))
    const width = Math.min(share, Math.max(map.width, wanted))
    return { width, lines: [padded(name, width), ...map.lines] }
  })
  return sideBySide(blocks, perRow)
}

/** How to read the maps, in lines of at most `room` columns. */
export function legendText(paint: Paint, room: number): string[] {
  if (paint.depth === 1) return wrapped(`Queries downward, keys to the right. Weight: ${shadesText}.`, room)
  const weights = [0, 0.02, 0.08, 0.2, 0.35, 0.55, 0.8, 1]
  // A ramp of characters that no line is broken at, coloured once the lines are known.
  const ramp = '\u2588'.repeat(2 * weights.length)
  return wrapped(`Queries downward, keys to the right. Weight 0\u00a0${ramp}\u00a01`, room).map((line) =>
    line.replace(ramp, weights.map((weight) => paint.on(weight, '  ')).join('')).replaceAll('\u00a0', ' '),
  )
}
