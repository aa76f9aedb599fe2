import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { saveTokenizer } from './save-tokenizer.js'
import { readTokenizerJson } from './tokenizer-json.js'

const shared = process.env['HEED_SHARED']
const root = shared === undefined ? '' : join(shared, 'reference', 'tokenizers')
/** Tokenizers whose files aren't spelled as the package writes them. */
const others = ['minilm', 'deepseek-v3-first-2500']
const folders = existsSync(root)
  ? ['made', 'byte-level', 'real'].flatMap((kind) =>
      readdirSync(join(root, kind)).map((name) => join(kind, name)),
    )
  : []

function contentOf(path: string): string | undefined {
  if (existsSync(path)) return readFileSync(path, 'utf8')
  return existsSync(`${path}.gz`) ? gunzipSync(readFileSync(`${path}.gz`)).toString() : undefined
}

describe.skipIf(folders.length === 0)('the reference of tokenizers (set HEED_SHARED to run)', () => {
  it('has files that are saved letter by letter as they are', () => {
    const read = (text: string): string =>
      saveTokenizer(readTokenizerJson(text), { pretty: text.startsWith('{\n') })
    let count = 0
    for (const folder of folders) {
      const text = contentOf(join(root, folder, 'tokenizer.json'))
      if (text === undefined) continue
      count++
      const saved = read(text)
      if (!others.some((name) => folder.endsWith(name))) expect(saved === text, folder).toBe(true)
      expect(read(saved) === saved, folder).toBe(true)
      const old = contentOf(join(root, folder, 'tokenizer.old.json'))
      // What older files spell otherwise becomes the same.
      if (old !== undefined) expect(saveTokenizer(readTokenizerJson(old), { pretty: false })).toBe(saved)
    }
    expect(count).toBeGreaterThan(70)
  })
})
