/**
 * Held-out bits per byte of a model, by source, beside the baselines of the same text.
 *
 *     node dist/first-light/evaluate.js [--model FOLDER] [--data FOLDER] [--json FILE]
 *
 * Every figure is bits for the held-out documents, the end of each included, over the bytes of their text, as
 * in baselines.js.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadDecoder } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { bitsOf } from './bits.js'
import { readDocuments, sources, type Source } from './document.js'

const { values: options } = parseArgs({
  options: { model: { type: 'string' }, data: { type: 'string' }, json: { type: 'string' } },
})
const here = (path: string): string => fileURLToPath(new URL(`../../first-light/${path}`, import.meta.url))
const folder = resolve(options.data ?? here('.cache'))
const language = await loadDecoder(resolve(options.model ?? here('../../models/first-light')))

type Row = { readonly method: string; readonly overall: number } & Readonly<Partial<Record<Source, number>>>
type Report = Readonly<
  Record<'validation' | 'test', { readonly bytes: Partial<Record<Source, number>>; readonly heed: Row }>
>

async function score(split: 'validation' | 'test'): Promise<Report['test']> {
  const bytes: Partial<Record<Source, number>> = {}
  const bits: Partial<Record<Source, number>> = {}
  for (const source of sources) {
    const texts: string[] = []
    for await (const { text } of readDocuments(join(folder, `${split}-${source}.jsonl`))) texts.push(text)
    if (texts.length === 0) continue
    bytes[source] = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    bits[source] = bitsOf(language, texts, (done) => {
      const line = `${split} ${source}: ${(done * 100).toFixed(0)} %`
      process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : done === 1 ? `${line}\n` : '')
    })
  }
  if (process.stderr.isTTY) process.stderr.write('\n')
  const found = sources.filter((source) => bytes[source] !== undefined)
  const total = (of: Partial<Record<Source, number>>): number =>
    found.reduce((sum, source) => sum + of[source]!, 0)
  const perByte = Object.fromEntries(found.map((source) => [source, bits[source]! / bytes[source]!]))
  return { bytes, heed: { method: 'heed', ...perByte, overall: total(bits) / total(bytes) } }
}

const report: Report = { validation: await score('validation'), test: await score('test') }
if (options.json !== undefined)
  await writeFileWhole(resolve(options.json), Buffer.from(`${JSON.stringify(report, undefined, 2)}\n`))

const baselines = JSON.parse(readFileSync(here('baselines.json'), 'utf8')) as Readonly<
  Record<string, { readonly rows?: readonly Row[] }>
>
for (const split of ['validation', 'test'] as const) {
  const rows = [...(baselines[split]?.rows ?? []), report[split].heed]
  process.stdout.write(`${split}, bits per byte\n`)
  process.stdout.write(
    `${''.padEnd(36)}${[...sources, 'overall'].map((name) => name.padStart(10)).join('')}\n`,
  )
  for (const row of rows) {
    const figures = [...sources, 'overall' as const].map((name) => (row[name]?.toFixed(4) ?? '').padStart(10))
    process.stdout.write(`${row.method.padEnd(36)}${figures.join('')}\n`)
  }
}
