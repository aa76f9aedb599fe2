import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { StateError, UsageError } from 'heed'
import { answerHtml, weightStyle } from './answer/answer-html.js'
import { escapeHtml } from './answer/html.js'
import { heatStyle } from './answer/picture-html.js'
import { checkReport } from './check.js'
import { isCausal, layersOf } from './layers.js'
import { frameId, packFilters, payloadId, SCORES, type FrameSummary, type Payload } from './payload.js'
import type { AnswerSection, HeadView, LayerView, Report } from './types.js'
import { escaped, jsonText } from './terminal/index.js'

/** Of the next tokens so many are shown, the likeliest. */
const PREDICTIONS = 20

/** The bundled client code, or style; `npm run build` puts both beside the compiled sources. */
function asset(name: string): string {
  try {
    return readFileSync(new URL(`../dist/${name}`, import.meta.url), 'utf8')
  } catch (cause) {
    throw new StateError({
      operation: 'renderReport',
      expected: `the page's ${name} in the package's dist folder`,
      found: 'none that can be read',
      hint: 'build the package first: npm run build -w @heed/studio',
      cause,
    })
  }
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

function summary(step: number | null, layers: readonly LayerView[]): FrameSummary {
  const heads: readonly HeadView[] = layers.flatMap((layer) => layer.heads)
  return { step, scores: SCORES.map((score) => heads.map((head) => finite(head[score]))) }
}

/** JSON that can stand inside a script element: no markup, no character that acts on the text around it. */
function safeJson(value: unknown): string {
  return jsonText(value).replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)
}

function hash(source: string): string {
  return `'sha256-${createHash('sha256').update(source, 'utf8').digest('base64')}'`
}

/** One report's numbers: the payload, and a script element for it and for each frame. */
function numbersOf(report: Report, section: number): string {
  checkReport(report)
  const { attend, training, bits = 16 } = report
  const snapshots = [...(training?.snapshots ?? [])].sort((a, b) => a.step - b.step)
  const frames = [...snapshots.map((snapshot) => snapshot.layers), attend.layers]
  const layers = layersOf(attend)
  const causal = layers.map((layer, index) =>
    frames.every((frame) => isCausal({ ...layer, view: frame[index]! })),
  )
  const texts = [...new Set(layers.flatMap(({ queries, keys }) => [queries, keys]))]
  const payload: Payload = {
    title: escaped(report.title),
    model: report.model === undefined ? null : { ...report.model, name: escaped(report.model.name) },
    bits,
    from: training?.from === undefined ? null : escaped(training.from),
    texts: texts.map((tokens) => tokens.map(({ id, text, start, end }) => ({ id, text, start, end }))),
    next: attend.next
      .map(({ id, text, probability }) => ({ id, text, probability }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, PREDICTIONS),
    layers: layers.map(({ name, short, view, queries, keys }, index) => ({
      name,
      short,
      heads: view.heads.length,
      queries: texts.indexOf(queries),
      keys: texts.indexOf(keys),
      causal: causal[index]!,
    })),
    frames: [
      ...snapshots.map((snapshot) => summary(snapshot.step, snapshot.layers)),
      summary(training?.until ?? null, attend.layers),
    ],
    loss: [...(training?.steps ?? [])]
      .sort((a, b) => a.step - b.step)
      .map((point) => ({
        step: point.step,
        loss: finite(point.loss),
        validation: finite(point.validation),
      })),
  }
  const filters = frames.map((frame, index) => {
    const bytes = deflateSync(packFilters(frame, causal, bits), { level: 9 })
    return `<script type="application/octet-stream" id="${frameId(index, section)}">${bytes.toString('base64')}</script>`
  })
  return [
    `<script type="application/json" id="${payloadId(section)}">${safeJson(payload)}</script>`,
    ...filters,
  ].join('\n')
}

/**
 * The page that shows how a model attends: one HTML document with its style, its script and its numbers
 * inside. It opens from a file, asks no server for anything (its content security policy forbids it to), and
 * shows the sentence, every head's attention filter, the next token's probabilities, the heads' scores, and,
 * where `report.training` is given, how the filters came about.
 *
 * Weights are kept to 16 bits, or `report.bits`, see payload.ts; every other number as it is.
 *
 * @throws {UsageError} when the report can't be shown, see {@link checkReport}.
 * @throws {StateError} when the package hasn't been built.
 */
export function renderReport(report: Report): string {
  return renderAnswers(report.title, [{ report }])
}

/**
 * The page that shows what tasks gave, a section each, and below how the model attended: of one section at a
 * time, that of the first until the reader chooses another.
 *
 * @throws {UsageError} when there is no section, or its report can't be shown
 * @throws {StateError} when the package hasn't been built
 */
export function renderAnswers(heading: string, sections: readonly AnswerSection[]): string {
  if (sections.length === 0)
    throw new UsageError({
      operation: 'report',
      expected: 'at least one section',
      found: 'none',
      hint: 'give what a task gave',
    })
  const attended = sections.flatMap(({ report }) => (report === undefined ? [] : [report]))
  const numbers = attended.map((report, index) => numbersOf(report, index))
  let count = 0
  const answers = sections.flatMap(({ heading: own, parts, report }) => {
    const section = report === undefined ? undefined : count++
    if (parts === undefined) return []
    const data = section === undefined ? '' : ` data-section="${section}"`
    const title = own === undefined ? '' : `<header><h2>${escapeHtml(escaped(own))}</h2></header>`
    return [`<section class="answer"${data}>${title}\n${answerHtml(parts)}\n</section>`]
  })
  const script = asset('page.js')
  const hasPictures = sections.some(({ parts }) =>
    parts?.some(({ kind }) => kind === 'picture' || kind === 'heat'),
  )
  const style = `${asset('page-style.css')}${weightStyle()}${hasPictures ? heatStyle() : ''}`
  // Pictures stand in the page itself.
  const images = hasPictures ? ' img-src data:;' : ''
  const title = escapeHtml(escaped(heading))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)};${images} base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header id="header"><div><h1><bdi>${title}</bdi></h1></div></header>
${answers.length === 0 ? '' : `<div id="answers" role="region" aria-label="Results">\n${answers.join('\n')}\n</div>\n`}<main id="main">${
    numbers.length === 0
      ? ''
      : '<noscript>This page draws its figures with the script inside it; please allow it to run.</noscript>'
  }</main>
${numbers.join('\n')}
<script>${script}</script>
</body>
</html>
`
}
