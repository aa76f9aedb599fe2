/**
 * How a model of a recipe writes best: the likeliest token each time beside beams, on the recipe's validation
 * data.
 *
 *     node dist/beams/beams.js summarization [--model FOLDER] [--sample N] [--write FILE]
 *
 * prints a table in Markdown: each way with the scores of the recipe's first evaluation, what it reaches more
 * than the likeliest token on the same records, and the seconds that it took.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  type DataSource,
  drawnOf,
  loadRecords,
  openTask,
  scoresOf,
  type Measure,
  writeFileWhole,
} from 'heed/internals'

/** Beams, and the penalty of length. */
const ways = [
  { beams: 1 },
  { beams: 2, lengthPenalty: 1 },
  { beams: 4, lengthPenalty: 0.6 },
  { beams: 4, lengthPenalty: 1 },
  { beams: 4, lengthPenalty: 1.4 },
  { beams: 8, lengthPenalty: 1 },
] as const

interface Recipe {
  readonly data: { readonly validation: DataSource | readonly DataSource[] }
  readonly evaluation: readonly { readonly task: string }[]
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: 'string' }, sample: { type: 'string' }, write: { type: 'string' } },
})
const [name = 'summarization'] = positionals
const folder = fileURLToPath(new URL(`../../${name}`, import.meta.url))
const { data, evaluation } = JSON.parse(await readFile(join(folder, 'train.json'), 'utf8')) as Recipe
const { task } = evaluation[0]!
const all = await loadRecords(data.validation, { folder, operation: 'beams' })
const records = drawnOf(all, Number(options.sample ?? 300), 1)
const model = options.model === undefined ? join(folder, '.cache/run/model') : resolve(options.model)

const measures: Measure[] = []
const seconds: number[] = []
for (const way of ways) {
  const opened = await openTask(model, task, way)
  const since = performance.now()
  const { own } = await opened.measure(records, {
    baselines: false,
    progress: (done, total) => process.stderr.write(`\r${JSON.stringify(way)} ${done} of ${total}  `),
  })
  seconds.push((performance.now() - since) / 1000)
  measures.push({ ...own, name: nameOf(way) })
  opened.dispose()
}
process.stderr.write('\n')

const [greedy, ...others] = measures as [Measure, ...Measure[]]
// What is beside the likeliest token has its differences from it, the other way round.
const scores = await scoresOf(records.length, greedy, others, {})
const percent = (value: number): string => (Number.isFinite(value) ? (100 * value).toFixed(1) : '–')
const header = ['way', ...scores.map(({ metric }) => metric), 'seconds']
const rows = measures.map((measure, i) => [
  measure.name,
  ...scores.map(({ value, beside }) => {
    if (i === 0) return percent(value)
    const { value: own, difference } = beside[i - 1]!
    return `${percent(own)} (${percent(-difference.high)} … ${percent(-difference.low)})`
  }),
  seconds[i]!.toFixed(1),
])
const table = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
const text =
  `${task}, ${records.length} records of validation, in hundredths; in brackets what is more than the likeliest ` +
  `token reaches on the same records (95 %)\n\n${table}\n`
process.stdout.write(text)
if (options.write !== undefined) await writeFileWhole(resolve(options.write), new TextEncoder().encode(text))

function nameOf({
  beams,
  lengthPenalty,
}: {
  readonly beams: number
  readonly lengthPenalty?: number
}): string {
  return lengthPenalty === undefined ? 'the likeliest token' : `${beams} beams, penalty ${lengthPenalty}`
}
