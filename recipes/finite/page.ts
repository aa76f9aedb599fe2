/** The section on finite resources of docs/why-attention.md, made of the runs. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lineChartSvg, type LineChart } from '@heed/studio'
import { writeFileWhole } from 'heed/internals'
import { spreadOf } from '../few-shot/table.js'
import type { Trained } from './train.js'
import { type Settings, variantNames } from './variants.js'

const [begin, end] = ['<!-- lines of recipes/finite -->\n', '<!-- end of the lines of recipes/finite -->']

/** Writes charts into `images/` of the folder of documents, and tables into why-attention.md. */
export async function writePage(runs: readonly Trained[], settings: Settings, docs: string): Promise<void> {
  const page = join(docs, 'why-attention.md')
  const text = await readFile(page, 'utf8')
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
  if (start < 0 || stop < start || runs.length === 0) return
  const images = join(docs, 'images')
  await mkdir(images, { recursive: true })
  for (const [name, chart] of [['finite-loss', lossChart(runs)]] as const)
    for (const theme of ['light', 'dark'] as const)
      await writeFileWhole(join(images, `${name}-${theme}.svg`), Buffer.from(lineChartSvg(chart, theme)))
  const lines = [
    picture('finite-loss', 'Held-out loss by step'),
    '',
    ...table(runs),
    '',
    ...spansTable(runs, settings),
  ]
  const changed = `${text.slice(0, start)}${begin}${lines.join('\n')}\n${text.slice(stop)}`
  await writeFileWhole(page, Buffer.from(changed))
}

function of(runs: readonly Trained[]): readonly (readonly Trained[])[] {
  return variantNames
    .map((name) => runs.filter(({ variant }) => variant === name))
    .filter(({ length }) => length > 0)
}

function lossChart(runs: readonly Trained[]): LineChart {
  const all = runs.flatMap(({ along }) => along.map(({ loss }) => loss))
  return {
    title: 'Characters held out',
    x: { label: 'steps' },
    y: {
      label: 'nats a character',
      low: Math.floor(Math.min(...all) * 10) / 10,
      high: Math.ceil(Math.max(...all) * 10) / 10,
    },
    lines: of(runs).map((own) => ({
      label: own[0]!.variant,
      points: own[0]!.along.map(({ step }, i) => {
        const values = own.map(({ along }) => along[i]!.loss)
        const { mean } = spreadOf(values)
        return { x: step, value: mean, low: Math.min(...values), high: Math.max(...values) }
      }),
    })),
  }
}

function table(runs: readonly Trained[]): string[] {
  const full = runs.filter(({ variant }) => variant === 'full')
  const mean = (own: readonly Trained[], what: (run: Trained) => number): number =>
    spreadOf(own.map(what)).mean
  const time = ({ milliseconds }: Trained): number => milliseconds
  return [
    '| attention | seeds | held-out loss, nats a character | time of a step, over full | memory, MB |',
    '|---|--:|--:|--:|--:|',
    ...of(runs).map((own) => {
      const { mean: loss, deviation } = spreadOf(own.map((run) => run.loss))
      const spread = deviation === undefined ? '' : ` ± ${deviation.toFixed(3)}`
      const ratio = full.length === 0 ? '' : (mean(own, time) / mean(full, time)).toFixed(2)
      const bytes = (mean(own, (run) => run.bytes) / 2 ** 20).toFixed(0)
      return `| ${own[0]!.variant} | ${own.length} | ${loss.toFixed(3)}${spread} | ${ratio} | ${bytes} |`
    }),
  ]
}

function spansTable(runs: readonly Trained[], { heads, ramp }: Settings): string[] {
  const learned = runs.find(({ spans }) => spans !== undefined)?.spans
  if (learned === undefined) return []
  const names = Array.from({ length: heads }, (_, head) => `head ${head}`)
  return [
    `Spans that heads learned, in positions before the ramp of ${ramp} (seed ${runs[0]!.seed}):`,
    '',
    `| layer | ${names.join(' | ')} |`,
    `|---|${'--:|'.repeat(heads)}`,
    ...learned.map((own, layer) => `| ${layer} | ${own.map((span) => span.toFixed(0)).join(' | ')} |`),
  ]
}

function picture(name: string, alt: string): string {
  return [
    '<picture>',
    `<source media="(prefers-color-scheme: dark)" srcset="images/${name}-dark.svg">`,
    `<img alt="${alt}" src="images/${name}-light.svg">`,
    '</picture>',
  ].join('\n')
}
