import { COLOURS, css, place, scale, type Theme } from '../page/colour.js'
import { FONT, svgOfScene, type Shape } from '../page/scene.js'
import { visibleText } from '../visible.js'
import { svgColours } from './svg-colours.js'

/** A filter with the words of its queries and keys. */
export interface LabelledFilter {
  readonly title: string
  /** query × key, from 0 to 1. */
  readonly weights: readonly (readonly number[])[]
  readonly queries: readonly string[]
  readonly keys: readonly string[]
}

const cell = 20
const font = 12
const gap = 6
/** Letters of a label at most. */
const longest = 16

/** One filter as SVG, for a light or a dark page: queries downward, keys to the right. */
export function filterSvg({ title, weights, queries, keys }: LabelledFilter, theme: Theme): string {
  const { paper, ink } = svgColours[theme]
  const shown = (label: string): string => visibleText(label, longest).replaceAll('␣', ' ')
  const roomFor = (labels: readonly string[]): number =>
    gap + Math.ceil(0.62 * font * Math.max(1, ...labels.map((label) => shown(label).length)))
  const [left, top] = [gap + roomFor(queries), 34 + roomFor(keys)]
  const colours = scale(theme)
  const text = { kind: 'text', fill: ink, size: font, family: FONT } as const
  const shapes: Shape[] = [
    { ...text, x: gap, y: 16, text: title, size: 14, weight: 600 },
    ...keys.map((label, key): Shape => ({
      ...text,
      x: left + (key + 0.5) * cell,
      y: top - roomFor(keys),
      text: shown(label),
      turned: true,
    })),
    ...queries.map((label, query): Shape => ({
      ...text,
      x: left - gap,
      y: top + (query + 0.5) * cell,
      text: shown(label),
      anchor: 'end',
    })),
    ...weights.flatMap((row, query) =>
      row.map((weight, key): Shape => {
        const share = place(Math.min(1, Math.max(0, weight)))
        const fill = css(colours[Math.round((COLOURS - 1) * share)]!)
        return {
          kind: 'rect',
          x: left + key * cell,
          y: top + query * cell,
          width: cell - 1,
          height: cell - 1,
          fill,
        }
      }),
    ),
  ]
  const width = Math.max(left + keys.length * cell, Math.ceil(0.62 * 14 * title.length)) + gap
  const height = top + queries.length * cell + gap
  return svgOfScene({ width, height, shapes }, paper, title)
}
