import { svg } from './dom.js'

export interface Line {
  readonly label: string
  readonly style: string
  readonly points: readonly (readonly [step: number, value: number | null])[]
}

/** Ticks at round numbers: about `count` of them. */
export function ticks(from: number, to: number, count: number): number[] {
  const raw = (to - from) / Math.max(1, count)
  if (!(raw > 0)) return [from]
  const power = 10 ** Math.floor(Math.log10(raw))
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999) ?? raw
  const result: number[] = []
  for (let index = Math.ceil(from / step - 1e-9); index * step <= to + 1e-9 * step; index++)
    result.push(index * step + 0) // never -0
  return result
}

function tickText(value: number): string {
  if (Math.abs(value) >= 10000) return `${Number((value / 1000).toFixed(1))}k`
  return `${Number(value.toPrecision(6))}`
}

/** Each value with the mean of the known ones among the last `window`. */
export function smoothed(points: Line['points'], window: number): Line['points'] {
  let sum = 0
  let count = 0
  return points.map(([step, value], index) => {
    const leaving = points[index - window]?.[1] ?? null
    if (value !== null) [sum, count] = [sum + value, count + 1]
    if (leaving !== null) [sum, count] = [sum - leaving, count - 1]
    return [step, count === 0 ? null : sum / count]
  })
}

/** At most `most` points: of each stretch its lowest and its highest, so that peaks stay. */
function thin(points: Line['points'], most: number): Line['points'] {
  if (points.length <= most) return points
  const size = Math.ceil((2 * points.length) / most)
  const result: (readonly [number, number | null])[] = []
  for (let from = 0; from < points.length; from += size) {
    const stretch = points.slice(from, from + size)
    const known = stretch.filter((point): point is readonly [number, number] => point[1] !== null)
    if (known.length === 0) {
      result.push(stretch[0]!)
      continue
    }
    const low = known.reduce((best, point) => (point[1] < best[1] ? point : best))
    const high = known.reduce((best, point) => (point[1] > best[1] ? point : best))
    result.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]))
  }
  return result
}

const MARGIN = { top: 12, right: 76, bottom: 34, left: 44 }

export interface Chart {
  readonly node: SVGSVGElement
  readonly paths: readonly SVGPathElement[]
  readonly labels: readonly SVGTextElement[]
  /** Moves the cursor to a step. */
  cursor(step: number): void
  /** The step under a point of the chart. */
  stepAt(x: number): number
}

/** Lines over training steps, labelled at their ends. */
export function lineChart(
  lines: readonly Line[],
  range: { readonly lastStep: number; readonly low: number; readonly high: number },
  size: { readonly width: number; readonly height: number },
  name: string,
): Chart {
  const right = size.width - MARGIN.right
  const bottom = size.height - MARGIN.bottom
  const x = (step: number): number =>
    MARGIN.left + (step / Math.max(1, range.lastStep)) * (right - MARGIN.left)
  const y = (value: number): number =>
    bottom - ((value - range.low) / Math.max(1e-12, range.high - range.low)) * (bottom - MARGIN.top)
  const node = svg('svg', {
    class: 'chart',
    width: size.width,
    height: size.height,
    role: 'img',
    'aria-label': name,
  })
  for (const tick of ticks(range.low, range.high, 4)) {
    node.append(
      svg('line', { class: 'rule', x1: MARGIN.left, x2: right, y1: y(tick), y2: y(tick) }),
      svg(
        'text',
        {
          class: 'tick',
          x: MARGIN.left - 8,
          y: y(tick),
          'text-anchor': 'end',
          'dominant-baseline': 'middle',
        },
        tickText(tick),
      ),
    )
  }
  const stepTicks = ticks(0, range.lastStep, size.width < 500 ? 3 : 5)
  for (const tick of stepTicks) {
    node.append(
      svg('text', { class: 'tick', x: x(tick), y: bottom + 18, 'text-anchor': 'middle' }, tickText(tick)),
    )
  }
  node.append(svg('text', { class: 'tick', x: right + 28, y: bottom + 18 }, 'step'))
  const labels: SVGTextElement[] = []
  const taken: number[] = []
  const paths = lines.map((line) => {
    let drawing = false
    const d = thin(line.points, 1200)
      .map(([step, value]) => {
        if (value === null) {
          drawing = false
          return ''
        }
        const command = `${drawing ? 'L' : 'M'}${x(step).toFixed(1)} ${y(value).toFixed(1)}`
        drawing = true
        return command
      })
      .join('')
    const path = svg('path', { class: `line ${line.style}`, d })
    node.append(path)
    const end = line.points.findLast((point) => point[1] !== null)
    let at = end === undefined ? bottom : y(end[1]!)
    if (line.label !== '') {
      while (taken.some((other) => Math.abs(other - at) < 14)) at -= 4
      if (at < MARGIN.top) at = Math.max(...taken) + 14
      taken.push(at)
    }
    const label = svg(
      'text',
      { class: `line-label ${line.style}`, x: right + 8, y: at, 'dominant-baseline': 'middle' },
      line.label,
    )
    labels.push(label)
    node.append(label)
    return path
  })
  const cursor = svg('line', { class: 'cursor', y1: MARGIN.top - 6, y2: bottom + 4 })
  node.append(cursor)
  return {
    node,
    paths,
    labels,
    cursor(step) {
      cursor.setAttribute('x1', x(step).toFixed(1))
      cursor.setAttribute('x2', x(step).toFixed(1))
    },
    stepAt: (at) => ((at - MARGIN.left) / (right - MARGIN.left)) * range.lastStep,
  }
}
