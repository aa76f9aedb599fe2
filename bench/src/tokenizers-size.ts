/** Kilobytes of the text half in a browser: bundled, minified, gzipped. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Figures, Result } from './measure.js'

/** @param names what is used of the module; empty: all */
async function kilobytesOf(entry: string, names: string): Promise<number> {
  const from = JSON.stringify(entry)
  const { outputFiles } = await build({
    stdin: { contents: `export ${names === '' ? '*' : `{ ${names} }`} from ${from}`, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length / 1000
}

/** @param peers the folder in which the peers are installed */
export async function sizes(peers: string): Promise<Result[]> {
  const entries = {
    heed: fileURLToPath(new URL('../../packages/heed/dist/text/index.js', import.meta.url)),
    '@huggingface/tokenizers': join(peers, 'node_modules/@huggingface/tokenizers/dist/tokenizers.mjs'),
  }
  const parts = {
    'all of it': { heed: '', '@huggingface/tokenizers': '' },
    'what reads a tokenizer.json and encodes': {
      heed: 'loadTokenizer',
      '@huggingface/tokenizers': 'Tokenizer',
    },
  }
  const results: Result[] = []
  for (const [part, names] of Object.entries(parts)) {
    const figures: Figures[] = []
    for (const [name, entry] of Object.entries(entries)) {
      if (!existsSync(entry)) continue
      const kilobytes = await kilobytesOf(entry, names[name as keyof typeof names])
      figures.push({
        participant: { name, role: name === 'heed' ? 'heed' : 'peer', module: '', variant: '' },
        target: '',
        how: '',
        summary: { median: kilobytes, min: kilobytes, max: kilobytes },
      })
    }
    const work = `size in a browser, minified and gzipped: ${part}`
    results.push({ work, unit: 'kB', higherIsBetter: false, figures })
  }
  return results
}
