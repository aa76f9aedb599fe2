/** A drawing as plain data, which is painted on a canvas or written out as SVG. Lengths are CSS pixels. */
export interface Scene {
  readonly width: number
  readonly height: number
  readonly shapes: readonly Shape[]
}

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export type Shape =
  | ({
      readonly kind: 'rect'
      readonly fill?: string
      readonly stroke?: string
      readonly line?: number
    } & Box)
  | ({ readonly kind: 'hatch'; readonly ink: string } & Box)
  | ({ readonly kind: 'image'; readonly canvas: HTMLCanvasElement } & Box)
  | {
      readonly kind: 'text'
      readonly x: number
      /** The middle of the line, or where `turned` reads downwards the middle of its width. */
      readonly y: number
      readonly text: string
      readonly fill: string
      readonly size: number
      readonly weight?: number
      readonly anchor?: 'start' | 'middle' | 'end'
      readonly turned?: boolean
      readonly family?: string
    }
  | {
      readonly kind: 'path'
      readonly d: string
      readonly stroke: string
      readonly line: number
      readonly opacity?: number
      readonly dash?: readonly number[]
    }

export const FONT: string = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'

/** Distance between the lines of a hatching. */
const HATCH = 6

function hatching(context: CanvasRenderingContext2D, ratio: number, ink: string): CanvasPattern | string {
  const tile = document.createElement('canvas')
  const side = Math.round(HATCH * ratio)
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

/** Paints a scene on a canvas of `ratio` pixels for each CSS pixel. */
export function paintScene(canvas: HTMLCanvasElement, scene: Scene, ratio: number, paper?: string): void {
  canvas.width = Math.round(scene.width * ratio)
  canvas.height = Math.round(scene.height * ratio)
  const context = canvas.getContext('2d')
  if (context === null) return
  context.scale(ratio, ratio)
  if (paper !== undefined) {
    context.fillStyle = paper
    context.fillRect(0, 0, scene.width, scene.height)
  }
  const patterns = new Map<string, CanvasPattern | string>()
  context.imageSmoothingEnabled = false
  context.textBaseline = 'middle'
  context.lineCap = 'round'
  for (const shape of scene.shapes) paintShape(context, shape, ratio, patterns)
}

function paintShape(
  context: CanvasRenderingContext2D,
  shape: Shape,
  ratio: number,
  patterns: Map<string, CanvasPattern | string>,
): void {
  switch (shape.kind) {
    case 'rect':
      if (shape.fill !== undefined) {
        context.fillStyle = shape.fill
        context.fillRect(shape.x, shape.y, shape.width, shape.height)
      }
      if (shape.stroke !== undefined) {
        context.strokeStyle = shape.stroke
        context.lineWidth = shape.line ?? 1
        context.strokeRect(shape.x, shape.y, shape.width, shape.height)
      }
      return
    case 'hatch': {
      const pattern = patterns.get(shape.ink) ?? hatching(context, ratio, shape.ink)
      patterns.set(shape.ink, pattern)
      context.fillStyle = pattern
      context.fillRect(shape.x, shape.y, shape.width, shape.height)
      return
    }
    case 'image':
      context.drawImage(shape.canvas, shape.x, shape.y, shape.width, shape.height)
      return
    case 'text':
      context.save()
      context.font = `${shape.weight ?? 400} ${shape.size}px ${shape.family ?? FONT}`
      context.fillStyle = shape.fill
      context.textAlign = shape.anchor === 'middle' ? 'center' : (shape.anchor ?? 'start')
      context.translate(shape.x, shape.y)
      if (shape.turned === true) context.rotate(Math.PI / 2)
      context.fillText(`\u2068${shape.text}\u2069`, 0, 0)
      context.restore()
      return
    case 'path':
      context.save()
      context.strokeStyle = shape.stroke
      context.lineWidth = shape.line
      context.globalAlpha = shape.opacity ?? 1
      context.setLineDash([...(shape.dash ?? [])])
      context.stroke(new Path2D(shape.d))
      context.restore()
  }
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\ufffe\uffff]/g, '\ufffd')
}

function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? +value.toFixed(2) : xml(value!)}"`)
    .join('')
}

function shapeSvg(shape: Shape, hatches: readonly string[]): string {
  switch (shape.kind) {
    case 'rect': {
      const { x, y, width, height, fill = 'none', stroke, line } = shape
      return `<rect${attributes({ x, y, width, height, fill, stroke, 'stroke-width': line })}/>`
    }
    case 'hatch': {
      const { x, y, width, height, ink } = shape
      return `<rect${attributes({ x, y, width, height, fill: `url(#hatch-${hatches.indexOf(ink)})` })}/>`
    }
    case 'image': {
      const { x, y, width, height, canvas } = shape
      const size = attributes({ x, y, width, height, href: canvas.toDataURL('image/png') })
      return `<image${size} preserveAspectRatio="none" image-rendering="pixelated"/>`
    }
    case 'text': {
      const { x, y, text, fill, size, weight, anchor = 'start', turned, family } = shape
      const turn = turned === true ? `rotate(90 ${+x.toFixed(2)} ${+y.toFixed(2)})` : undefined
      return `<text${attributes({
        x,
        y,
        dy: '0.35em',
        fill,
        'font-size': size,
        'font-weight': weight,
        'text-anchor': anchor === 'start' ? undefined : anchor,
        transform: turn,
        'font-family': family,
      })} unicode-bidi="isolate" xml:space="preserve">${xml(text)}</text>`
    }
    case 'path': {
      const { d, stroke, line, opacity, dash } = shape
      return `<path${attributes({
        d,
        stroke,
        fill: 'none',
        'stroke-width': line,
        'stroke-opacity': opacity,
        'stroke-dasharray': dash?.join(' '),
        'stroke-linecap': 'round',
        'stroke-linejoin': 'round',
      })}/>`
    }
  }
}

/** A scene as an SVG file on paper of a colour. */
export function svgOfScene(scene: Scene, paper: string, title: string): string {
  const { width, height, shapes } = scene
  const hatches = [...new Set(shapes.flatMap((shape) => (shape.kind === 'hatch' ? [shape.ink] : [])))]
  const patterns = hatches.map(
    (ink, index) =>
      `<pattern id="hatch-${index}" width="${HATCH}" height="${HATCH}" patternUnits="userSpaceOnUse">` +
      `<path d="M-1 1L1 -1M0 ${HATCH}L${HATCH} 0M${HATCH - 1} ${HATCH + 1}L${HATCH + 1} ${HATCH - 1}" stroke="${xml(ink)}"/></pattern>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${+width.toFixed(2)} ${+height.toFixed(2)}"` +
      `${attributes({ width, height, 'font-family': FONT })} role="img">`,
    `<title>${xml(title)}</title>`,
    ...(patterns.length > 0 ? [`<defs>${patterns.join('')}</defs>`] : []),
    `<rect width="100%" height="100%" fill="${xml(paper)}"/>`,
    ...shapes.map((shape) => shapeSvg(shape, hatches)),
    '</svg>',
    '',
  ].join('\n')
}

/** Shapes at another place. */
export function moved(shapes: readonly Shape[], right: number, down: number): Shape[] {
  return shapes.map((shape) =>
    shape.kind === 'path'
      ? { ...shape, d: shiftedPath(shape.d, right, down) }
      : { ...shape, x: shape.x + right, y: shape.y + down },
  )
}

/** A path of absolute M, L and C commands, moved. */
function shiftedPath(d: string, right: number, down: number): string {
  let horizontal = true
  return d.replace(/-?\d+(?:\.\d+)?(?:e-?\d+)?/g, (number) => {
    const shifted = Number(number) + (horizontal ? right : down)
    horizontal = !horizontal
    return `${+shifted.toFixed(2)}`
  })
}
