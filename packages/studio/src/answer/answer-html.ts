import { COLOURS, css, inkOn, place, scale, type Colour } from '../page/colour.js'
import { escaped } from '../terminal/escape.js'
import { visibleText } from '../visible.js'
import { heatHtml, pictureHtml } from './picture-html.js'
import { bdi, escapeHtml } from './html.js'
import {
  labelColours,
  scoreText,
  stretchesOf,
  type AnswerPart,
  type BarsPart,
  type MapPart,
  type TextPart,
  type WeightsPart,
} from './parts.js'

/** Steps of the colours of weights, as classes `w0` to `w16` of the style sheet. */
const steps = 16
/** Colours of labels, as classes `label0` to `label5`. */
const colours = 6
/** Units of a text that are shown at most; of a longer one what is near its marks. */
const longestText = 20_000
/** Rows and columns of a map that are shown at most. */
const widestMap = 200

/** Text of others: what would act on the text around it is a mark. */
function shown(text: string): string {
  return escapeHtml(escaped(text, '\n'))
}

/** What a task gave, as HTML that needs no script. */
export function answerHtml(parts: readonly AnswerPart[]): string {
  return parts
    .map((part) => {
      const name = part.name === undefined ? '' : `<h3>${shown(part.name)}</h3>`
      return `<div class="part ${part.kind}">${name}${htmlOf(part)}</div>`
    })
    .join('\n')
}

function htmlOf(part: AnswerPart): string {
  switch (part.kind) {
    case 'text':
      return textHtml(part)
    case 'bars':
      return barsHtml(part)
    case 'weights':
      return weightsHtml(part)
    case 'map':
      return mapHtml(part)
    case 'picture':
      return pictureHtml(part)
    case 'heat':
      return heatHtml(part)
  }
}

function textHtml({ text, marks = [] }: TextPart): string {
  const numbers = labelColours(marks)
  const html = stretchesOf(text, marks, longestText).map(({ text: stretch, mark }) => {
    if (mark === undefined) return shown(stretch)
    const label = mark.label === undefined ? '' : ` <span class="label">${shown(mark.label)}</span>`
    return `<mark class="label${numbers.get(mark.label)! % colours}">${bdi(shown(stretch))}${label}</mark>`
  })
  return `<p dir="auto">${html.join('')}</p>`
}

function barsHtml({ rows }: BarsPart): string {
  const largest = Math.max(1, ...rows.map(({ score }) => score))
  const lines = rows.map(({ text, score }) => {
    const length = (100 * Math.min(1, Math.max(0, score / largest))).toFixed(2)
    const bar = `<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${length}" height="8"/></svg>`
    return `<tr><td class="number">${scoreText(score)}</td><td class="bar">${bar}</td><td>${bdi(shown(text))}</td></tr>`
  })
  return `<table><tbody>${lines.join('')}</tbody></table>`
}

/** The class of a weight from 0 to 1. Small ones stay visible, as on the page's maps. */
function weightClass(weight: number): string {
  return `w${Math.round(steps * place(Math.min(1, Math.max(0, weight))))}`
}

/** The style of the classes of weights: the colours of the page's maps, and ink that reads on them. */
export function weightStyle(): string {
  const [light, dark] = [scale('light'), scale('dark')]
  return Array.from({ length: steps + 1 }, (_, step) => {
    const at = Math.round(((COLOURS - 1) * step) / steps)
    const both = (of: (colour: Colour) => string): string => `light-dark(${of(light[at]!)},${of(dark[at]!)})`
    return `.answer .w${step}{background:${both(css)};color:${both(inkOn)}}`
  }).join('')
}

function weightsHtml({ tokens, weights }: WeightsPart): string {
  const largest = Math.max(1e-9, ...weights)
  const spans = tokens.map((token, i) => {
    const share = `${(100 * weights[i]!).toFixed(1)}%`
    return `<span class="${weightClass(weights[i]! / largest)}" title="${share}">${bdi(escapeHtml(visibleText(token, 200)))}</span>`
  })
  return `<p>${spans.join(' ')}</p>`
}

function mapHtml({ rows, columns, weights }: MapPart): string {
  const texts = (all: readonly string[]): string[] =>
    all.slice(0, widestMap).map((one) => bdi(escapeHtml(visibleText(one, 40))))
  const head = texts(columns).map((one) => `<th scope="col">${one}</th>`)
  const body = texts(rows).map((one, row) => {
    const own = weights[row]!.slice(0, widestMap)
    const most = own.indexOf(Math.max(...own))
    const cells = own.map(
      (weight, column) =>
        `<td class="${weightClass(weight)}${column === most ? ' most' : ''}">${weight < 0.005 ? '' : weight.toFixed(2)}</td>`,
    )
    return `<tr><th scope="row">${one}</th>${cells.join('')}</tr>`
  })
  return `<div class="scroll"><table><thead><tr><td></td>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}
