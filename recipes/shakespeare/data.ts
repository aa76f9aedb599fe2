/**
 * The text of the character-level Shakespeare benchmark, cut as its authors cut it: the first nine tenths to
 * train on, the last tenth held out.
 *
 *     node dist/shakespeare/data.js [--text FILE] [--out FOLDER]
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { FormatError, UsageError } from 'heed'
import { writeFileWhole } from 'heed/internals'

/** Of tinyshakespeare, 1,115,394 characters (github.com/karpathy/char-rnn). */
const expected = '86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed'

const { values: options } = parseArgs({ options: { text: { type: 'string' }, out: { type: 'string' } } })
const shared = process.env['HEED_SHARED']
const file =
  options.text ?? (shared === undefined ? undefined : join(shared, 'data', 'text', 'tinyshakespeare.txt.gz'))
if (file === undefined || !existsSync(file)) {
  throw new UsageError({
    operation: 'shakespeare data',
    expected: 'the text, from --text FILE or below the folder that HEED_SHARED names',
    found: file === undefined ? 'neither' : `no ${file}`,
    hint: 'fetch input.txt of tinyshakespeare, and name it',
  })
}
const bytes = readFileSync(file)
const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
const found = createHash('sha256').update(text).digest('hex')
if (found !== expected) {
  throw new FormatError({
    operation: 'shakespeare data',
    expected: `tinyshakespeare, sha256 ${expected}`,
    found: `${text.length} characters, sha256 ${found}`,
    hint: 'the published loss is of that text',
    file,
  })
}
const out = resolve(options.out ?? fileURLToPath(new URL('../../shakespeare/.cache', import.meta.url)))
mkdirSync(out, { recursive: true })
const cut = Math.floor(text.length * 0.9)
for (const [name, part] of [
  ['train', text.slice(0, cut)],
  ['validation', text.slice(cut)],
] as const) {
  await writeFileWhole(join(out, `${name}.jsonl`), Buffer.from(`${JSON.stringify({ text: part })}\n`))
  process.stdout.write(`${name}: ${part.length} characters\n`)
}
