/**
 * Pictures with what they show, as records for training: `{ image, text, references, tags, concept, style }`.
 *
 *     node dist/pictures/data.js [--out FOLDER] [--cache FOLDER] [--clip-art]
 *
 * Writes train.jsonl, validation.jsonl and test.jsonl, split by concept; style-train.jsonl and
 * style-test.jsonl, the drawings of a style that is never trained on; and manifest.json.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeFileWhole } from 'heed/internals'
import { clipArtRecords } from './clip-art.js'
import { splitOf } from './concepts.js'
import { emojiRecords, type PictureRecord } from './emoji.js'
import { npmPackages } from './packages.js'

const { values: options } = parseArgs({
  options: {
    out: { type: 'string' },
    cache: { type: 'string' },
    'clip-art': { type: 'boolean', default: false },
  },
})
/** `.cache` beside the sources, seen from dist/pictures. */
const out = resolve(options.out ?? fileURLToPath(new URL('../../pictures/.cache', import.meta.url)))
const cache = resolve(options.cache ?? join(out, 'packages'))
mkdirSync(out, { recursive: true })

const emoji = emojiRecords(cache)
const drawn = emoji.filter(({ style }) => style !== 'fluent')
const held = emoji.filter(({ style }) => style === 'fluent')
const clipArt = options['clip-art'] ? clipArtRecords(cache, emoji) : []

const files: object[] = []
async function write(name: string, records: readonly PictureRecord[]): Promise<void> {
  const lines = records.map((record) => JSON.stringify({ ...record, image: relative(out, record.image) }))
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  await writeFileWhole(join(out, name), bytes)
  const concepts = new Set(records.map(({ concept }) => concept)).size
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  files.push({ name, records: records.length, concepts, sha256 })
  process.stdout.write(`${name.padEnd(20)}${records.length} pictures of ${concepts} concepts\n`)
}
const of = (records: readonly PictureRecord[], split: string): readonly PictureRecord[] =>
  records.filter(({ concept }) => splitOf(concept) === split)

for (const split of ['train', 'validation', 'test'] as const)
  await write(`${split}.jsonl`, of([...drawn, ...clipArt], split))
await write('style-train.jsonl', of(held, 'train'))
await write('style-test.jsonl', of(held, 'test'))

const manifest = {
  split: 'by a hash of the concept: 16 of 20 parts train, 2 validate, 2 test',
  packages: [
    ...Object.values(npmPackages).map(({ name, version, licence }) => ({ name, version, licence })),
    ...(options['clip-art'] ? [{ name: 'openclipart (Debian)', licence: 'public domain' }] : []),
  ],
  files,
}
await writeFileWhole(join(out, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`))
