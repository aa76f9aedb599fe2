import type { Data, Frame } from './frames.js'
import { visibleText } from '../visible.js'
import { drawPicture } from './picture.js'
import { indexOf, palette, styleColour } from './theme.js'

/** The part of a filter on the canvas, and where it lies there (CSS pixels). */
export interface Layout {
  readonly left: number
  readonly top: number
  /** Length of the plot's side. */
  readonly side: number
  /** The first query and key shown, and how many. */
  readonly query: number
  readonly key: number
  readonly span: number
}

export interface Cell {
  readonly query: number
  readonly key: number
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
/** Cells smaller than this are drawn as one image; from the next on, with a gap; from the last, with numbers. */
const SMALL = 7
const GAP = 13
const NUMBERS = 28
/** Room between two labels of an axis. */
const LABEL = 14

function hatch(context: CanvasRenderingContext2D, ratio: number, ink: string): CanvasPattern | string {
  const tile = document.createElement('canvas')
  const side = Math.round(6 * ratio)
  tile.width = side
  tile.height = side
  const pen = tile.getContext('2d')
  if (pen === null) return 'transparent'
  pen.strokeStyle = ink
  pen.lineWidth = ratio
  for (const shift of [-side, 0, side]) {
    pen.beginPath()
    pen.moveTo(shift, side)
    pen.lineTo(shift + side, 0)
    pen.stroke()
  }
  const pattern = context.createPattern(tile, 'repeat')
  pattern?.setTransform(new DOMMatrix().scale(1 / ratio))
  return pattern ?? 'transparent'
}

/** Room for the labels beside and above the plot. */
export function labelRoom(data: Data, canvas: HTMLCanvasElement, width: number): number {
  const context = canvas.getContext('2d')!
  context.font = `13px ${FONT}`
  const longest = data.payload.tokens.reduce(
    (most, token) => Math.max(most, context.measureText(visibleText(token.text, 14)).width),
    0,
  )
  return Math.ceil(Math.min(longest, width < 480 ? 72 : 120)) + 12
}

/** The cell under a point of the canvas. */
export function cellAt(layout: Layout, x: number, y: number): Cell | null {
  const column = Math.floor(((x - layout.left) / layout.side) * layout.span)
  const row = Math.floor(((y - layout.top) / layout.side) * layout.span)
  if (column < 0 || row < 0 || column >= layout.span || row >= layout.span) return null
  return { query: layout.query + row, key: layout.key + column }
}

const picture = document.createElement('canvas')

/** Draws one head's filter, large, with its tokens on both axes and the chosen cell marked. */
export function drawMap(
  canvas: HTMLCanvasElement,
  data: Data,
  frame: Frame,
  head: number,
  layout: Layout,
  chosen: Cell,
  hovered: Cell | null,
): void {
  const { left, top, side, span } = layout
  const ratio = window.devicePixelRatio || 1
  const [width, height] = [left + side + 2, top + side + 2]
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const context = canvas.getContext('2d')
  if (context === null) return
  const [ink, muted, accent, paper] = ['--ink', '--muted', '--accent', '--paper'].map(styleColour)
  const { fill, ink: inkOn } = palette()
  context.scale(ratio, ratio)
  const cell = side / span
  const x = (key: number): number => left + Math.round((key - layout.key) * cell)
  const y = (query: number): number => top + Math.round((query - layout.query) * cell)
  const gap = cell >= GAP ? 1 : 0

  if (data.payload.causal) {
    context.fillStyle = hatch(context, ratio, styleColour('--hatch'))
    for (let query = layout.query; query < layout.query + span; query++) {
      const from = Math.max(query + 1, layout.key)
      if (from < layout.key + span) {
        context.fillRect(x(from), y(query), left + side - x(from), y(query + 1) - y(query))
      }
    }
  }
  if (cell < SMALL) {
    drawPicture(picture, data, frame, head, side * ratio)
    const part = picture.width / data.tokens
    context.imageSmoothingEnabled = false
    context.drawImage(
      picture,
      layout.key * part,
      layout.query * part,
      span * part,
      span * part,
      left,
      top,
      side,
      side,
    )
  } else {
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    context.font = `${Math.min(13, Math.round(cell / 3))}px ${FONT}`
    for (let query = layout.query; query < layout.query + span; query++) {
      for (let key = layout.key; key < layout.key + span && data.mayAttend(query, key); key++) {
        const code = data.code(frame, head, query, key)
        const [right, down] = [x(key + 1) - x(key) - gap, y(query + 1) - y(query) - gap]
        context.fillStyle = fill[indexOf(code)]!
        context.fillRect(x(key), y(query), right, down)
        if (cell < NUMBERS) continue
        context.fillStyle = inkOn[indexOf(code)]!
        const weight = data.weight(frame, head, query, key)
        context.fillText(weight.toFixed(2).replace(/^0/, ''), x(key) + right / 2, y(query) + down / 2 + 0.5)
      }
    }
  }

  const mark = hovered ?? chosen
  const within = (at: number, from: number): boolean => at >= from && at < from + span
  const every = Math.max(1, Math.ceil(LABEL / cell))
  const size = Math.max(10, Math.min(13, Math.round(cell * 0.8)))
  context.textBaseline = 'middle'
  context.textAlign = 'right'
  for (const axis of ['query', 'key'] as const) {
    const start = layout[axis]
    for (let at = start; at < start + span; at++) {
      const marked = at === mark[axis]
      // A marked label takes the place of its neighbours where not all have room.
      if (!marked && (at % every !== 0 || (every > 1 && Math.abs(at - mark[axis]) < every))) continue
      context.font = `${marked ? 600 : 400} ${size}px ${FONT}`
      context.fillStyle = marked ? accent! : cell >= LABEL ? ink! : muted!
      let label = visibleText(data.payload.tokens[at]!.text, 14)
      while (label.length > 1 && context.measureText(label).width > (axis === 'query' ? left : top) - 10) {
        label = `${[...label.replace(/…$/, '')].slice(0, -1).join('')}…`
      }
      const middle = ((axis === 'query' ? y(at) + y(at + 1) : x(at) + x(at + 1)) - gap) / 2
      context.save()
      if (axis === 'query') context.translate(left - 8, middle)
      else {
        context.translate(middle, top - 8)
        context.rotate(Math.PI / 2)
      }
      context.fillText(`\u2068${label}\u2069`, 0, 0)
      context.restore()
    }
  }

  if (within(mark.query, layout.query)) {
    context.strokeStyle = accent!
    context.lineWidth = 1.5
    const end = data.payload.causal ? Math.min(mark.query + 1, layout.key + span) : layout.key + span
    if (end > layout.key) {
      context.strokeRect(
        left - 1,
        y(mark.query) - 1,
        x(end) - left + 1 - gap + 1,
        Math.max(3, y(mark.query + 1) - y(mark.query) + 2 - gap),
      )
    }
    if (within(mark.key, layout.key)) {
      const wide = Math.max(4, x(mark.key + 1) - x(mark.key) + 2 - gap)
      context.lineWidth = 5
      context.strokeStyle = paper!
      context.strokeRect(x(mark.key) - 1, y(mark.query) - 1, wide, wide)
      context.lineWidth = 2.5
      context.strokeStyle = accent!
      context.strokeRect(x(mark.key) - 1, y(mark.query) - 1, wide, wide)
    }
  }
}
