/**
 * Held-out bits per byte of what a language model must beat: compressors, and an n-gram model of the same
 * training text.
 *
 *     node dist/first-light/baselines.js [--data FOLDER] [--order N] [--json FILE] [--context]
 *
 * Every figure is bits for the held-out documents, the end of each included, over the bytes of their text.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { UsageError } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { gzipBytes, xzBytes } from './compressors.js'
import { readDocuments, sources } from './document.js'
import type { Source } from './document.js'
import { ngramBits, packDocuments, trainNgrams } from './kneser-ney.js'

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    order: { type: 'string', default: '18' },
    json: { type: 'string' },
    context: { type: 'boolean', default: false },
  },
})
const folder = resolve(options.data ?? fileURLToPath(new URL('../../first-light/.cache', import.meta.url)))
const highest = Number(options.order)
const started = performance.now()
function progress(step: string): void {
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${step}\n`)
}

async function texts(name: string): Promise<Uint8Array[]> {
  const file = join(folder, name)
  if (!existsSync(file)) {
    throw new UsageError({
      operation: 'baselines',
      expected: `the corpus in '${folder}'`,
      found: `no ${name} there`,
      hint: 'make it first, with data.js',
    })
  }
  const out: Uint8Array[] = []
  for await (const { text } of readDocuments(file)) out.push(Buffer.from(text))
  return out
}

type HeldOut = { readonly source: Source; readonly documents: readonly Uint8Array[]; readonly bytes: number }

async function heldOut(split: 'validation' | 'test'): Promise<HeldOut[]> {
  const parts: HeldOut[] = []
  for (const source of sources) {
    const documents = await texts(`${split}-${source}.jsonl`)
    const bytes = documents.reduce((sum, document) => sum + document.length, 0)
    // A source that was not at hand when the corpus was made has no documents.
    if (bytes > 0) parts.push({ source, documents, bytes })
  }
  return parts
}

/** Bits per byte by source and overall: all bits over all bytes. */
type Row = { readonly method: string } & Readonly<Partial<Record<Source | 'overall', number>>>

function row(method: string, parts: readonly HeldOut[], bits: readonly number[]): Row {
  const bySource = parts.map((part, index) => [part.source, (bits[index] ?? 0) / part.bytes])
  const total = parts.reduce((sum, part) => sum + part.bytes, 0)
  return { method, ...Object.fromEntries(bySource), overall: bits.reduce((sum, one) => sum + one, 0) / total }
}

const training = await texts('train.jsonl')
const validation = await heldOut('validation')
const test = await heldOut('test')

progress(`counting n-grams up to order ${highest} in ${training.length} documents`)
const model = trainNgrams(training, highest)
const ngrams = model.levels.slice(1).map((level) => level.symbol.length)
progress(`${ngrams.reduce((sum, count) => sum + count, 0)} distinct n-grams; evaluating`)
/** At [part][order], bits. */
const validationBits = validation.map((part) => ngramBits(model, part.documents))
const testBits = test.map((part) => ngramBits(model, part.documents))
const byOrder = Array.from({ length: highest }, (_, index) =>
  row(
    `Kneser-Ney, order ${index + 1}`,
    validation,
    validationBits.map((bits) => bits[index + 1] ?? 0),
  ),
)
const overall = byOrder.map((one) => one.overall ?? Infinity)
const order = overall.indexOf(Math.min(...overall)) + 1

function compressed(
  parts: readonly HeldOut[],
  size: (text: Uint8Array) => number | undefined,
): number[] | undefined {
  const sizes = parts.map((part) => size(packDocuments(part.documents)))
  return sizes.some((bytes) => bytes === undefined) ? undefined : sizes.map((bytes) => 8 * (bytes ?? 0))
}

function rows(parts: readonly HeldOut[], ngram: readonly Float64Array[]): Row[] {
  const out = [row('gzip -9', parts, compressed(parts, gzipBytes) ?? [])]
  const xz = compressed(parts, xzBytes)
  if (xz === undefined) progress('xz is not on this machine: left out')
  else out.push(row('xz -9', parts, xz))
  if (xz !== undefined && options.context) {
    progress('xz -9 after the training text')
    const before = xzBytes(packDocuments(training)) ?? 0
    const after = parts.map(
      (part) => 8 * ((xzBytes(packDocuments([...training, ...part.documents])) ?? 0) - before),
    )
    out.push(row('xz -9 after training text', parts, after))
  }
  out.push(
    row(
      `Kneser-Ney, order ${order}`,
      parts,
      ngram.map((bits) => bits[order] ?? 0),
    ),
  )
  return out
}

function table(title: string, parts: readonly HeldOut[], lines: readonly Row[]): string {
  const columns = [...parts.map((part) => part.source), 'overall'] as const
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, index) => (index === 0 ? cell.padEnd(26) : cell.padStart(8))).join(' | ')} |`
  return [
    format([title, ...columns]),
    `|${'-'.repeat(28)}|${columns.map(() => `${'-'.repeat(9)}:|`).join('')}`,
    ...lines.map((line) =>
      format([line.method, ...columns.map((column) => (line[column] ?? NaN).toFixed(4))]),
    ),
  ].join('\n')
}

const validationRows = rows(validation, validationBits)
const testRows = rows(test, testBits)
progress('done')
process.stdout.write(`${table('validation, by order', validation, byOrder)}\n\n`)
process.stdout.write(
  `${table('validation', validation, validationRows)}\n\n${table('test', test, testRows)}\n`,
)
if (options.json !== undefined) {
  const bytes = (parts: readonly HeldOut[]): Record<string, number> =>
    Object.fromEntries(parts.map((part) => [part.source, part.bytes]))
  const report = {
    unit: 'bits per byte of held-out text, the end of each document included',
    trainingBytes: training.reduce((sum, document) => sum + document.length, 0),
    ngrams,
    order,
    validation: { bytes: bytes(validation), byOrder, rows: validationRows },
    test: { bytes: bytes(test), rows: testRows },
  }
  await writeFileWhole(options.json, Buffer.from(`${JSON.stringify(report, undefined, 2)}\n`))
}
