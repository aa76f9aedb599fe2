import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadTokenizer, saveTokenizer } from './index.js'
import {
  contentOf,
  differences,
  readGzipped,
  type ReferenceCases,
  referencePath,
} from './testing/reference-cases.js'

// What the package `tokenizers` makes of the same files and texts: ids, tokens, spans, masks and decoded
// texts have no tolerance.

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers')
const missing = !existsSync(folder)
if (missing) console.warn('Skipped: the reference of tokenizers; HEED_SHARED names the folder that has it.')
/** Names with paths; undefined: too large to be kept, and fetched where HEED_REFERENCE_TOKENIZERS says. */
const files = (kind: string): (readonly [name: string, path: string | undefined])[] =>
  (missing ? ['(no reference)'] : readdirSync(join(folder, kind)))
    .filter((name) => !name.includes('.'))
    .map((name) => [name, referencePath(join(folder, kind), name)])

/** Published files with merges in one string, or without fields that have come since. */
const olderSpellings = ['claude', 'deepseek-v3', 'gpt-4o', 'minilm']

describe.skipIf(missing).each(['made', 'real', 'byte-level'])('the reference %s', (kind) => {
  describe.each(files(kind))('%s', (name, path) => {
    it.skipIf(path === undefined)('gives the same for every case, and is saved as it is', () => {
      const place = join(folder, kind)
      const file = contentOf(path!)
      const cases = readGzipped(join(place, name, 'cases.json.gz')) as ReferenceCases
      const tokenizer = loadTokenizer(file)
      // The cases of published files are without what they cut and fill up.
      const settings = kind === 'real' ? { truncation: null, padding: null } : {}
      const { count, shown } = differences(tokenizer, cases, settings)
      expect(count).toBeGreaterThan(100)
      expect(shown.slice(0, 5)).toEqual([])
      // Not by toEqual, which takes minutes to show how large files differ.
      const saved = saveTokenizer(tokenizer)
      if (plainly(JSON.parse(saved)) === plainly(JSON.parse(Buffer.from(file).toString()))) return
      // A file in an older spelling is saved in today's, and stays as it is from then on.
      expect(olderSpellings).toContain(name)
      const again = loadTokenizer(saved)
      expect(saveTokenizer(again) === saved).toBe(true)
      expect(differences(again, cases, settings).shown.slice(0, 5)).toEqual([])
    })
  })
})

/** Fields by name, without those that say no more than their absence: older files leave them out. */
function plainly(file: unknown): string {
  return JSON.stringify(file, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .filter(([, field]) => field !== null && field !== false)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : value,
  )
}
