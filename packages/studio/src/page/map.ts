import { visibleText } from '../visible.js'
import type { Data, Frame } from './frames.js'
import { colouringOf, drawPicture, type Part } from './picture.js'
import { FONT, type Scene, type Shape } from './scene.js'
import { styleColour } from './theme.js'

/** The part of a filter that is drawn, and where it lies in the picture (CSS pixels). */
export interface Layout extends Part {
  readonly left: number
  readonly top: number
  /** Of one cell. */
  readonly cellWidth: number
  readonly cellHeight: number
}

export interface Cell {
  readonly query: number
  readonly key: number
}

/**
 * Cells smaller than this are drawn as one image; from the next on, with a gap; from the last, with numbers.
 */
const SMALL = 7
const GAP = 13
const NUMBERS = 28
/** Room between two labels of an axis. */
const LABEL = 14
/** Where one side of a filter is much longer, cells of the other side are as large as this, not square. */
const READABLE = 24
/** Cells of a few tokens are no larger. */
const LARGEST = 96

const measuring = document.createElement('canvas').getContext('2d')

function widthOf(text: string, size: number, weight = 400): number {
  if (measuring === null) return text.length * size
  measuring.font = `${weight} ${size}px ${FONT}`
  return measuring.measureText(text).width
}

/** Room for the labels beside and above the plot. */
export function labelRoom(
  data: Data,
  head: number,
  width: number,
): { readonly left: number; readonly top: number } {
  const room = (tokens: readonly { readonly text: string }[]): number => {
    const longest = tokens.reduce(
      (most, token) => Math.max(most, widthOf(visibleText(token.text, 14), 13, 600)),
      0,
    )
    return Math.ceil(Math.min(longest, width < 480 ? 72 : 120)) + 12
  }
  return { left: room(data.queriesOf(head)), top: room(data.keysOf(head)) }
}

/** Cells as large as the room for the plot allows: square unless one side is much longer. */
export function cellSize(
  part: Part,
  width: number,
  height: number,
): { readonly cellWidth: number; readonly cellHeight: number } {
  const square = Math.min(width / part.keys, height / part.queries, LARGEST)
  return {
    cellWidth: Math.min(width / part.keys, Math.max(square, READABLE)),
    cellHeight: Math.min(height / part.queries, Math.max(square, READABLE)),
  }
}

/** The cell under a point of the picture. */
export function cellAt(layout: Layout, x: number, y: number): Cell | null {
  const column = Math.floor((x - layout.left) / layout.cellWidth)
  const row = Math.floor((y - layout.top) / layout.cellHeight)
  if (column < 0 || row < 0 || column >= layout.keys || row >= layout.queries) return null
  return { query: layout.query + row, key: layout.key + column }
}

/** What is drawn: the heads laid over each other (or the one), at a moment of training. */
export interface Drawn {
  readonly data: Data
  readonly frame: Frame
  readonly heads: readonly number[]
}

/** Filters, large, with their tokens on both axes; `mark` is the chosen cell. */
export function mapScene(drawn: Drawn, layout: Layout, mark: Cell | null, ratio: number): Scene {
  const place = placed(layout)
  return {
    width: layout.left + place.width + 2,
    height: layout.top + place.height + 2,
    shapes: [
      ...hatchShapes(drawn, layout),
      ...cellShapes(drawn, layout, ratio),
      ...labelShapes(drawn, layout, mark),
      ...(mark === null ? [] : markShapes(drawn, layout, mark)),
    ],
  }
}

interface Placed {
  readonly x: (key: number) => number
  readonly y: (query: number) => number
  readonly width: number
  readonly height: number
  readonly gap: number
}

function placed(layout: Layout): Placed {
  const { left, top, cellWidth, cellHeight } = layout
  return {
    x: (key) => left + Math.round((key - layout.key) * cellWidth),
    y: (query) => top + Math.round((query - layout.query) * cellHeight),
    width: Math.round(layout.keys * cellWidth),
    height: Math.round(layout.queries * cellHeight),
    gap: Math.min(cellWidth, cellHeight) >= GAP ? 1 : 0,
  }
}

function isCausal({ data, heads }: Drawn): boolean {
  return heads.every((head) => data.isCausal(head))
}

function hatchShapes(drawn: Drawn, layout: Layout): Shape[] {
  if (!isCausal(drawn)) return []
  const { x, y, width } = placed(layout)
  const ink = styleColour('--hatch')
  const shapes: Shape[] = []
  for (let query = layout.query; query < layout.query + layout.queries; query++) {
    const from = Math.max(query + 1, layout.key)
    if (from >= layout.key + layout.keys) continue
    shapes.push({
      kind: 'hatch',
      ink,
      x: x(from),
      y: y(query),
      width: layout.left + width - x(from),
      height: y(query + 1) - y(query),
    })
  }
  return shapes
}

function cellShapes({ data, frame, heads }: Drawn, layout: Layout, ratio: number): Shape[] {
  const { x, y, width, height, gap } = placed(layout)
  const { left, top, cellWidth, cellHeight } = layout
  if (Math.min(cellWidth, cellHeight) < SMALL) {
    const canvas = document.createElement('canvas')
    drawPicture(canvas, data, frame, heads, Math.max(width, height) * ratio, layout)
    return [{ kind: 'image', canvas, x: left, y: top, width, height }]
  }
  const [only] = heads
  const numbered = heads.length === 1 && Math.min(cellWidth, cellHeight * 1.4) >= NUMBERS
  const size = Math.min(13, Math.round(Math.min(cellWidth, cellHeight * 1.4) / 3))
  const colouring = colouringOf(data, frame, heads)
  const shapes: Shape[] = []
  for (let query = layout.query; query < layout.query + layout.queries; query++) {
    for (let key = layout.key; key < layout.key + layout.keys; key++) {
      if (!heads.some((head) => data.mayAttend(head, query, key))) break
      const { fill, ink } = colouring.cell(query, key)
      const [right, down] = [x(key + 1) - x(key) - gap, y(query + 1) - y(query) - gap]
      shapes.push({ kind: 'rect', x: x(key), y: y(query), width: right, height: down, fill })
      if (!numbered) continue
      const text = data.weight(frame, only!, query, key).toFixed(2).replace(/^0/, '')
      const [middle, line] = [x(key) + right / 2, y(query) + down / 2 + 0.5]
      shapes.push({ kind: 'text', x: middle, y: line, text, size, fill: ink, anchor: 'middle' })
    }
  }
  return shapes
}

function labelShapes({ data, heads }: Drawn, layout: Layout, mark: Cell | null): Shape[] {
  const { x, y, gap } = placed(layout)
  const { left, top } = layout
  const [ink, muted, accent] = ['--ink', '--muted', '--accent'].map(styleColour)
  const shapes: Shape[] = []
  for (const axis of ['query', 'key'] as const) {
    const tokens = axis === 'query' ? data.queriesOf(heads[0]!) : data.keysOf(heads[0]!)
    const cell = axis === 'query' ? layout.cellHeight : layout.cellWidth
    const count = axis === 'query' ? layout.queries : layout.keys
    const room = (axis === 'query' ? left : top) - 10
    const every = Math.max(1, Math.ceil(LABEL / cell))
    const size = Math.max(10, Math.min(13, Math.round(cell * 0.8)))
    for (let at = layout[axis]; at < layout[axis] + count; at++) {
      const marked = at === mark?.[axis]
      // A marked label takes the place of its neighbours where not all have room.
      const besideMark = mark !== null && every > 1 && Math.abs(at - mark[axis]) < every
      if (!marked && (at % every !== 0 || besideMark)) continue
      const weight = marked ? 600 : 400
      let text = visibleText(tokens[at]!.text, 14)
      while (text.length > 1 && widthOf(text, size, weight) > room) {
        text = `${[...text.replace(/…$/, '')].slice(0, -1).join('')}…`
      }
      const fill = marked ? accent! : cell >= LABEL ? ink! : muted!
      const middle = ((axis === 'query' ? y(at) + y(at + 1) : x(at) + x(at + 1)) - gap) / 2
      shapes.push({
        kind: 'text',
        x: axis === 'query' ? left - 8 : middle,
        y: axis === 'query' ? middle : top - 8,
        text,
        size,
        weight,
        fill,
        anchor: 'end',
        turned: axis === 'key',
      })
    }
  }
  return shapes
}

function markShapes(drawn: Drawn, layout: Layout, mark: Cell): Shape[] {
  const { x, y, gap } = placed(layout)
  const [accent, paper] = ['--accent', '--paper'].map(styleColour)
  const within = (at: number, from: number, count: number): boolean => at >= from && at < from + count
  if (!within(mark.query, layout.query, layout.queries)) return []
  const last = layout.key + layout.keys
  const end = isCausal(drawn) ? Math.min(mark.query + 1, last) : last
  const shapes: Shape[] = []
  if (end > layout.key) {
    shapes.push({
      kind: 'rect',
      x: layout.left - 1,
      y: y(mark.query) - 1,
      width: x(end) - layout.left + 2 - gap,
      height: Math.max(3, y(mark.query + 1) - y(mark.query) + 2 - gap),
      stroke: accent!,
      line: 1.5,
    })
  }
  if (within(mark.key, layout.key, layout.keys)) {
    const box = {
      kind: 'rect',
      x: x(mark.key) - 1,
      y: y(mark.query) - 1,
      width: Math.max(4, x(mark.key + 1) - x(mark.key) + 2 - gap),
      height: Math.max(4, y(mark.query + 1) - y(mark.query) + 2 - gap),
    } as const
    shapes.push({ ...box, stroke: paper!, line: 5 }, { ...box, stroke: accent!, line: 2.5 })
  }
  return shapes
}
