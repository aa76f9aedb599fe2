import { describe, expect, it } from 'vitest'
import { css, scale } from '../page/colour.js'
import { filterSvg } from './filter-svg.js'
import { lineChartSvg, type LineChart } from './line-chart-svg.js'

const chart: LineChart = {
  title: 'accuracy < length',
  x: { label: 'symbols', ticks: [4, 8] },
  y: { label: '%', low: 0, high: 100 },
  rules: [{ x: 8, label: 'trained up to here' }],
  lines: [
    { label: 'first', points: [4, 8].map((x) => ({ x, value: 100, low: 90, high: 100 })) },
    { label: 'second', points: [4, 8].map((x) => ({ x, value: 100 })) },
  ],
}
/** The places of a kind of shape, by the words in it. */
const placesOf = (svg: string): Map<string, { x: number; y: number }> =>
  new Map(
    [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</g)].map(([, x, y, said]) => [
      said!,
      { x: Number(x), y: Number(y) },
    ]),
  )

describe('a chart of lines', () => {
  it('has its words, its spreads, and labels that do not cover each other', () => {
    const svg = lineChartSvg(chart, 'light')
    const places = placesOf(svg)
    for (const said of ['accuracy &lt; length', 'symbols', '%', 'trained up to here', '0', '100'])
      expect([...places.keys()]).toContain(said)
    expect(Math.abs(places.get('first')!.y - places.get('second')!.y)).toBeGreaterThanOrEqual(15)
    // A value stands where its tick does.
    const lineAt = (value: number): string => places.get(String(value))!.y.toFixed(0)
    const [, drawn] = /d="M56 ([\d.]+)L[\d.]+ [\d.]+"[^>]*stroke-width="2"/.exec(svg)!
    expect(Number(drawn).toFixed(0)).toBe(lineAt(100))
    // Two points spread, each by a line and its two ends, in the first line's colour.
    const [, colour] = /stroke="(rgb[^"]+)"/.exec(svg)!
    expect(svg.split(`stroke="${colour}" fill="none" stroke-width="1" `)).toHaveLength(7)
  })

  it('has other colours on a dark page', () => {
    expect(lineChartSvg(chart, 'dark')).not.toBe(lineChartSvg(chart, 'light'))
    expect(lineChartSvg(chart, 'dark')).toContain('fill="#0d1117"')
  })
})

it('a filter has a cell for each weight, in its colour, beside the words of query and key', () => {
  const svg = filterSvg(
    {
      title: 'who sees whom',
      weights: [[1, 0]],
      queries: ['<end>'],
      keys: ['a', 'a long one of 24 letters'],
    },
    'light',
  )
  const fills = [...svg.matchAll(/<rect x="[^>]*fill="(rgb[^"]*)"/g)].map(([, fill]) => fill)
  expect(fills).toEqual([css(scale('light')[255]!), css(scale('light')[0]!)])
  for (const said of ['>who sees whom<', '>&lt;end&gt;<', '>a<', '>a long one of'])
    expect(svg).toContain(said)
})
