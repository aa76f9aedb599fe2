/** The tables and charts of docs/why-attention.md, made of the runs. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { filterSvg, lineChartSvg, type LineChart } from '@heed/studio'
import { writeFileWhole } from 'heed/internals'
import { spreadOf } from '../few-shot/table.js'
import type { Run } from './runs.js'
import { modelNames, taskNames, type ModelName, type TaskName } from './settings.js'

/** What a task's scores are. */
const scores: Readonly<Record<TaskName, Pick<LineChart, 'title' | 'x' | 'y'>>> = {
  recall: {
    title: 'The k-th of n symbols',
    x: { label: 'symbols (n)' },
    y: { label: 'right answers, %', low: 0, high: 100 },
  },
  'recall-longer': {
    title: 'The k-th of n symbols, three times the steps',
    x: { label: 'symbols (n)' },
    y: { label: 'right answers, %', low: 0, high: 100 },
  },
  copy: {
    title: 'A copy of n symbols',
    x: { label: 'symbols (n)' },
    y: { label: 'right symbols, %', low: 0, high: 100 },
  },
  translation: {
    title: 'Translation from English to Italian',
    x: { label: 'words of the sentence, up to' },
    y: { label: 'BLEU', low: 0, high: 100 },
  },
}

/** Scores of all seeds of a model at a length. */
interface Cell {
  readonly length: number
  readonly values: readonly number[]
}

/** Writes charts into `images/` of the folder of documents, and tables into why-attention.md. */
export async function writePage(runs: readonly Run[], docs: string): Promise<void> {
  const images = join(docs, 'images')
  await mkdir(images, { recursive: true })
  const page = join(docs, 'why-attention.md')
  let text = await readFile(page, 'utf8')
  for (const task of taskNames) {
    const own = runs.filter((run) => run.task === task)
    const write = (name: string, draw: (theme: 'light' | 'dark') => string): Promise<void[]> =>
      Promise.all(
        (['light', 'dark'] as const).map((theme) =>
          writeFileWhole(join(images, `${name}-${theme}.svg`), new TextEncoder().encode(draw(theme))),
        ),
      )
    if (own.length === 0) {
      text = between(text, task, 'Not measured yet: see [the recipe](../recipes/why-attention/README.md).\n')
      continue
    }
    const chart = chartOf(task, own)
    await write(`why-${task}`, (theme) => lineChartSvg(chart, theme))
    const lines = [picture(`why-${task}`, `${chart.title}: ${chart.y.label} by ${chart.x.label}`), '']
    lines.push(...reachedTable(own, chart.x.label), '', ...costTable(own))
    for (const { model, shown } of own) {
      if (shown === undefined) continue
      const name = `why-${task}-${model.replaceAll(' ', '-')}`
      const title = `${model}: what each ${task === 'translation' ? 'word' : 'symbol'} attended to`
      const filter = { title, weights: shown.filter, queries: shown.written, keys: shown.source }
      await write(name, (theme) => filterSvg(filter, theme))
      lines.push('', picture(name, title))
    }
    text = between(text, task, `${lines.join('\n')}\n`)
  }
  await writeFileWhole(page, new TextEncoder().encode(text))
}

/** Lengths and scores of each model that has runs. */
function cellsOf(runs: readonly Run[]): Map<ModelName, Cell[]> {
  const models = modelNames.filter((name) => runs.some(({ model }) => model === name))
  return new Map(
    models.map((name) => {
      const own = runs.filter(({ model }) => model === name)
      const lengths = own[0]!.reached.map(({ length }) => length)
      const valuesAt = (length: number): number[] =>
        own.flatMap(({ reached }) => reached.filter((one) => one.length === length).map(({ score }) => score))
      return [name, lengths.map((length) => ({ length, values: valuesAt(length) }))]
    }),
  )
}

function chartOf(task: TaskName, runs: readonly Run[]): LineChart {
  const { title, x, y } = scores[task]
  const cells = [...cellsOf(runs)]
  const most = Math.max(...cells.flatMap(([, own]) => own.flatMap(({ values }) => values)))
  const { longest } = runs[0]!.settings as { readonly longest?: number }
  return {
    title,
    x: { ...x, ticks: cells[0]![1].map(({ length }) => length) },
    y: { ...y, high: Math.ceil(most / 10) * 10 },
    ...(longest !== undefined && { rules: [{ x: longest, label: `trained up to ${longest}` }] }),
    lines: cells.map(([label, own]) => ({
      label,
      points: own.map(({ length, values }) => ({
        x: length,
        value: spreadOf(values).mean,
        low: Math.min(...values),
        high: Math.max(...values),
      })),
    })),
  }
}

/** A score for each model and length: the mean of the seeds, and their deviation. */
function reachedTable(runs: readonly Run[], corner: string): string[] {
  const cells = [...cellsOf(runs)]
  const lengths = cells[0]![1].map(({ length }) => length)
  return [
    `| ${[corner, ...lengths].join(' | ')} |`,
    `|---${'|--:'.repeat(lengths.length)}|`,
    ...cells.map(([name, own]) => `| ${[name, ...own.map(({ values }) => scoreText(values))].join(' | ')} |`),
  ]
}

function scoreText(values: readonly number[]): string {
  const { mean, deviation } = spreadOf(values)
  return deviation === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`
}

/** What each model is, and what its training took. */
function costTable(runs: readonly Run[]): string[] {
  const rows = [...cellsOf(runs).keys()].map((name) => {
    const own = runs.filter(({ model }) => model === name)
    const { rate, steps } = own[0]!.settings as { readonly rate: number; readonly steps: number }
    const numbers = [
      own[0]!.parameters.toLocaleString('en'),
      String(rate),
      String(own.length),
      steps.toLocaleString('en'),
      (spreadOf(own.map(({ tokens }) => tokens)).mean / 1e6).toFixed(2),
      spreadOf(own.map(({ seconds }) => seconds)).mean.toFixed(0),
      spreadOf(own.map(({ loss }) => loss)).mean.toFixed(3),
    ]
    return `| ${[name, ...numbers].join(' | ')} |`
  })
  return [
    '| model | parameters | rate | seeds | steps | tokens seen, millions | seconds | last loss, nats |',
    '|---|--:|--:|--:|--:|--:|--:|--:|',
    ...rows,
  ]
}

/** A picture that is another one on a dark page. */
function picture(name: string, what: string): string {
  return [
    '<picture>',
    `<source media="(prefers-color-scheme: dark)" srcset="images/${name}-dark.svg">`,
    `<img alt="${what}" src="images/${name}-light.svg">`,
    '</picture>',
  ].join('\n')
}

/** A page with other lines between a task's markers. */
export function between(page: string, task: string, lines: string): string {
  const begin = `<!-- lines of recipes/why-attention: ${task} -->\n`
  const end = `<!-- end of the lines of ${task} -->`
  const from = page.indexOf(begin) + begin.length
  const to = page.indexOf(end)
  if (from < begin.length || to < from) throw new Error(`docs/why-attention.md has no markers of ${task}`)
  return page.slice(0, from) + lines + page.slice(to)
}
