import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadTokenizer, saveTokenizer } from './index.js'
import {
  differences,
  readGzipped,
  type ReferenceCases,
  referenceTokenizer,
} from './testing/reference-cases.js'

// What the package `tokenizers` makes of the same files and texts: ids, tokens, spans, masks and decoded
// texts have no tolerance.

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers')
const missing = !existsSync(folder)
if (missing) console.warn('Skipped: the reference of tokenizers; HEED_SHARED names the folder that has it.')
const names = (kind: string): string[] => (missing ? ['(no reference)'] : readdirSync(join(folder, kind)))

describe.skipIf(missing).each(['made', 'real'])('the reference %s', (kind) => {
  it.each(names(kind).filter((name) => !name.includes('.')))('%s', (name) => {
    const place = join(folder, kind)
    const file = referenceTokenizer(place, process.env['HEED_REFERENCE_TOKENIZERS'], name)
    // Large ones are fetched for the long suite.
    if (file === undefined) return
    const cases = readGzipped(join(place, name, 'cases.json.gz')) as ReferenceCases
    const tokenizer = loadTokenizer(file)
    const { count, shown } = differences(
      tokenizer,
      cases,
      // The cases of published files are without what they cut and fill up.
      kind === 'real' ? { truncation: null, padding: null } : {},
    )
    expect(count).toBeGreaterThan(100)
    expect(shown.slice(0, 5)).toEqual([])
    // Not by toEqual, which takes minutes to show how large files differ.
    const saved = JSON.stringify(JSON.parse(saveTokenizer(tokenizer)))
    const original = JSON.stringify(JSON.parse(Buffer.from(file).toString()))
    expect(saved === original ? '' : firstDifference(saved, original)).toBe('')
  })
})

function firstDifference(a: string, b: string): string {
  let at = 0
  while (a[at] === b[at]) at++
  return `${a.slice(at - 40, at + 60)} for ${b.slice(at - 40, at + 60)}`
}
