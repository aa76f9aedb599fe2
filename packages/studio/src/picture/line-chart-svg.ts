import { css, headColours, type Theme } from '../page/colour.js'
import { ticks } from '../page/chart.js'
import { svgOfScene, type Shape } from '../page/scene.js'
import { visibleText } from '../visible.js'
import { svgColours } from './svg-colours.js'

/** What was measured at `x`: a value, and from where to where it spreads. */
export interface ChartPoint {
  readonly x: number
  readonly value: number
  readonly low?: number
  readonly high?: number
}

/** Lines over a number, each with its name at its end. */
export interface LineChart {
  readonly title: string
  readonly lines: readonly { readonly label: string; readonly points: readonly ChartPoint[] }[]
  readonly x: {
    readonly label: string
    /** Where the axis is marked; default round numbers. */
    readonly ticks?: readonly number[] | undefined
  }
  readonly y: { readonly label: string; readonly low: number; readonly high: number }
  /** Vertical rules, such as up to where there was training. */
  readonly rules?: readonly { readonly x: number; readonly label: string }[]
}

const size = { width: 720, height: 360 }
const edge = { left: 56, right: 132, top: 46, bottom: 48 }
const font = 12
/** Lines are told apart without colours, too. */
const dashes: readonly (readonly number[])[] = [[], [7, 4], [2, 4], [9, 4, 2, 4]]
/** Labels at the ends of lines keep so far from each other. */
const labelHeight = 15

/**
 * A chart of lines as SVG, for a light or a dark page. Marks upward and downward show how far a value
 * spreads.
 */
export function lineChartSvg(chart: LineChart, theme: Theme): string {
  const { title, lines, x, y, rules = [] } = chart
  const { paper, ink, muted, grid } = svgColours[theme]
  const xs = lines.flatMap(({ points }) => points.map((point) => point.x))
  const [first, last] = [Math.min(...xs), Math.max(...xs)]
  const [right, bottom] = [size.width - edge.right, size.height - edge.bottom]
  const across = (value: number): number =>
    edge.left + ((value - first) / Math.max(1e-12, last - first)) * (right - edge.left)
  const up = (value: number): number =>
    bottom - ((value - y.low) / Math.max(1e-12, y.high - y.low)) * (bottom - edge.top)
  const shapes: Shape[] = []
  const text = (
    [left, middle]: readonly [number, number],
    said: string,
    more: Partial<Extract<Shape, { kind: 'text' }>> = {},
  ): void =>
    void shapes.push({
      kind: 'text',
      x: left,
      y: middle,
      text: visibleText(said, 120).replaceAll('␣', ' '),
      fill: muted,
      size: font,
      ...more,
    })
  const path = (d: string, stroke: string, line: number, dash: readonly number[] = []): void =>
    void shapes.push({ kind: 'path', d, stroke, line, ...(dash.length > 0 && { dash }) })

  text([edge.left, 16], title, { fill: ink, size: 14, weight: 600 })
  for (const tick of ticks(y.low, y.high, 5)) {
    path(`M${edge.left} ${at(up(tick))}L${right} ${at(up(tick))}`, grid, 1)
    text([edge.left - 8, up(tick)], String(Number(tick.toPrecision(6))), { anchor: 'end' })
  }
  text([edge.left, edge.top - 12], y.label)
  for (const tick of x.ticks ?? ticks(first, last, 6))
    text([across(tick), bottom + 16], String(tick), { anchor: 'middle' })
  text([(edge.left + right) / 2, bottom + 36], x.label, { anchor: 'middle' })
  for (const rule of rules) {
    path(`M${at(across(rule.x))} ${edge.top}L${at(across(rule.x))} ${bottom}`, muted, 1, [3, 4])
    text([across(rule.x) + 5, bottom - 9], rule.label)
  }

  const taken: number[] = []
  lines.forEach(({ label, points }, number) => {
    const colour = css(headColours(theme)[number % headColours(theme).length]!)
    const place = ({ x: own, value }: ChartPoint): string => `${at(across(own))} ${at(up(value))}`
    for (const { x: own, low, high } of points) {
      if (low === undefined || high === undefined) continue
      const [left, upper, lower] = [across(own), up(high), up(low)]
      path(`M${at(left)} ${at(upper)}L${at(left)} ${at(lower)}`, colour, 1)
      for (const end of [upper, lower])
        path(`M${at(left - 3)} ${at(end)}L${at(left + 3)} ${at(end)}`, colour, 1)
    }
    path(
      points.map((point, i) => `${i === 0 ? 'M' : 'L'}${place(point)}`).join(''),
      colour,
      2,
      dashes[number % dashes.length],
    )
    for (const point of points) path(`M${place(point)}L${place(point)}`, colour, 6)
    const end = points.at(-1)
    if (end === undefined) return
    let middle = up(end.value)
    while (taken.some((other) => Math.abs(other - middle) < labelHeight)) middle -= 2
    taken.push(middle)
    text([right + 12, middle], label, { fill: ink, weight: 600 })
    path(`M${right + 4} ${at(up(end.value))}L${right + 9} ${at(middle)}`, colour, 1.5)
  })
  return svgOfScene({ ...size, shapes }, paper, title)
}

function at(value: number): number {
  return Number(value.toFixed(1))
}
