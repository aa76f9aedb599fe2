/**
 * Writes pairs of texts from Debian's package descriptions, as JSON lines.
 *
 *     node dist/debian/data.js [--out FOLDER]
 *
 * summaries.jsonl: `{ source, target, package, group }`, a description and its synopsis.
 * segments-LANGUAGE.jsonl: `{ source, target, language, package, group }`, `>>it<< ` and a segment in
 * English, and the same in Italian. A split takes whole groups:
 * `"part": { "by": "group", "of": 20, "take": [0] }`. manifest.json has the counts.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { partOf, writeFileWhole } from 'heed/internals'
import { debianIndices } from '../first-light/apt.js'
import { sourcePackages } from '../first-light/debian.js'
import { groupsOf, nearShare, type Grouped } from './apart.js'
import { languageMark, segments, summaries } from './descriptions.js'

const languages = ['it', 'fr', 'de', 'da'] as const
/** Families are one group from this similarity of two of their texts on (Jaccard, runs of three words). */
const near = { summaries: 0.5, segments: 0.7 } as const
/** Parts that a split by groups counts: of 20, the first for a test, the second for validation. */
const parts = { of: 20, test: 0, validation: 1 } as const

const { values: options } = parseArgs({ options: { out: { type: 'string' } } })
/** `.cache` beside the sources, seen from dist/debian. */
const out = resolve(options.out ?? fileURLToPath(new URL('../../debian/.cache', import.meta.url)))
mkdirSync(out, { recursive: true })

const indices = debianIndices(join(out, 'apt'), languages)
if (typeof indices === 'string') {
  process.stderr.write(`${indices}\n`)
  process.exit(1)
}
const sourceOf = sourcePackages(indices.packages)

type Counts = {
  readonly pairs: number
  readonly packages: number
  readonly groups: number
  readonly largestGroup: number
  readonly words: { readonly source: number; readonly target: number }
  readonly train: number
  readonly validation: number
  readonly test: number
  /** The share of the test's sources with one as near among those of training. */
  readonly near: Readonly<Record<string, number>>
}

const count = (text: string): number => text.split(' ').length
const mean = (values: readonly number[]): number =>
  Number((values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2))

async function write<T extends Grouped & { readonly target: string; readonly package: string }>(
  name: string,
  records: readonly T[],
  groups: readonly string[],
  plain: (source: string) => string,
): Promise<Counts> {
  const ordered = records
    .map((record, i) => {
      const { family: _, ...own } = record
      return { ...own, group: groups[i]! }
    })
    .map((record) => ({ record, key: createHash('sha256').update(JSON.stringify(record)).digest('hex') }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ record }) => record)
  const lines = ordered.map((record) => `${JSON.stringify(record)}\n`)
  await writeFileWhole(join(out, name), Buffer.from(lines.join('')))
  const sizes = new Map<string, number>()
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  const part = (wanted: (part: number) => boolean): string[] =>
    ordered.filter(({ group }) => wanted(partOf(group, parts.of))).map(({ source }) => plain(source))
  const [test, validation] = [part((one) => one === parts.test), part((one) => one === parts.validation)]
  const train = part((one) => one !== parts.test && one !== parts.validation)
  const counts = {
    pairs: ordered.length,
    packages: new Set(ordered.map((record) => record.package)).size,
    groups: sizes.size,
    largestGroup: Math.max(...sizes.values()),
    words: {
      source: mean(ordered.map(({ source }) => count(plain(source)))),
      target: mean(ordered.map(({ target }) => count(target))),
    },
    train: train.length,
    validation: validation.length,
    test: test.length,
    near: Object.fromEntries(
      [0.3, 0.5, 0.7].map((threshold) => [threshold, Number(nearShare(test, train, threshold).toFixed(4))]),
    ),
  }
  process.stderr.write(`${name}: ${JSON.stringify(counts)}\n`)
  return counts
}

const written: Record<string, Counts> = {}
const pairs = summaries(indices.translations, sourceOf)
written['summaries.jsonl'] = await write(
  'summaries.jsonl',
  pairs,
  groupsOf(pairs, near.summaries),
  (source) => source,
)

const translated = languages.map((language) =>
  segments(indices.translations, indices.others.get(language)!, language, sourceOf),
)
// One grouping for all languages: they have the English segments in common.
const english = translated.flatMap((records, i) =>
  records.map(({ source, family }) => ({
    source: source.slice(languageMark(languages[i]!).length + 1),
    family,
  })),
)
const groups = groupsOf(english, near.segments)
let start = 0
for (const [i, records] of translated.entries()) {
  const language = languages[i]!
  const own = groups.slice(start, (start += records.length))
  const name = `segments-${language}.jsonl`
  written[name] = await write(name, records, own, (source) => source.slice(languageMark(language).length + 1))
}
const manifest = { indices: indices.names, near, parts, files: written }
await writeFileWhole(join(out, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`))
