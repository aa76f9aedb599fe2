/**
 * Few examples of each label beside none: contrastive pairs and a linear head, a linear head alone, and
 * labels by entailment.
 *
 *     node dist/few-shot/few-shot.js [--draws 5] [--pairs 5] [--json] [--write FOLDER]
 *
 * HEED_SHARED names the folder of data. The models are those that heed ships. `--write` writes `results.json`
 * and `results.md`, the table, into a folder.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { pipeline } from 'heed'
import { shippedPath, writeFileWhole } from 'heed/internals'
import { accuracyOf, compareFewShot, type Reached } from './compare.js'
import { pairsOfRte, topicsOfWikipedia } from './sets.js'
import { resultsTable } from './table.js'

const { values: options } = parseArgs({
  options: {
    draws: { type: 'string', default: '5' },
    pairs: { type: 'string', default: '5' },
    rate: { type: 'string', default: '2e-5' },
    /** Texts that are measured on, of each set at most. */
    limit: { type: 'string', default: '600' },
    json: { type: 'boolean', default: false },
    write: { type: 'string' },
  },
})
const shared = process.env['HEED_SHARED']
if (shared === undefined) throw new Error('few-shot: HEED_SHARED names no folder of data')
const data = join(shared, 'data')
const told = (what: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}
const comparing = {
  encoder: shippedPath('feature-extraction'),
  each: [8, 16],
  draws: Number(options.draws),
  pairs: Number(options.pairs),
  rate: Number(options.rate),
  told,
}
const limit = Number(options.limit)

const topics = await topicsOfWikipedia(data, limit)
const pairs = await pairsOfRte(data, limit)
const rows: Reached[] = []
for (const set of [topics, pairs]) {
  rows.push(await (set === topics ? sortedByEntailment() : judged()))
  rows.push(...(await compareFewShot(set, comparing)))
}
if (process.stderr.isTTY) process.stderr.write('\n')
process.stdout.write(options.json ? `${JSON.stringify(rows, undefined, 2)}\n` : resultsTable(rows))
if (options.write !== undefined) {
  const folder = resolve(options.write)
  const write = (name: string, text: string): Promise<void> =>
    writeFileWhole(join(folder, name), new TextEncoder().encode(text))
  await write('results.json', `${JSON.stringify(rows, undefined, 2)}\n`)
  await write('results.md', resultsTable(rows))
}

/** Topics that no example was seen of. */
async function sortedByEntailment(): Promise<Reached> {
  const begin = performance.now()
  const sort = await pipeline('zero-shot-classification')
  const labels = [...new Set(topics.test.map(({ label }) => label))]
  const sorted = await sort(
    topics.test.map(({ text }) => text),
    labels,
    { hypothesis_template: 'This text is about {}.' },
  )
  sort.dispose()
  return zeroShot(
    topics.name,
    accuracyOf(
      sorted.map((one) => one.labels[0]!),
      topics.test,
    ),
    begin,
  )
}

/** Entailment itself, by the model of entailment, which never saw a label of this set. */
async function judged(): Promise<Reached> {
  const begin = performance.now()
  const judge = await pipeline('text-classification')
  const found = await judge(
    pairs.test.map(({ premise, hypothesis }) => ({ text: premise, text_pair: hypothesis })),
  )
  judge.dispose()
  const labels = found.map(({ label }) => (label === 'entailment' ? label : 'not_entailment'))
  return zeroShot(pairs.name, accuracyOf(labels, pairs.test), begin)
}

function zeroShot(set: string, accuracy: number, begin: number): Reached {
  return {
    set,
    method: 'entailment',
    each: 0,
    accuracies: [accuracy],
    seconds: (performance.now() - begin) / 1000,
  }
}
