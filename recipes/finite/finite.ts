/**
 * Trains the same small language model with full attention and with each of its cheaper variants, and writes
 * what they reached: results.json here, and a section of docs/why-attention.md. What is finished is kept.
 *
 *     node dist/finite/finite.js [--text FILE] [--seed N] [--variant NAME] [--draw]
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { ProgressLine } from '@heed/cli'
import { UsageError } from 'heed'
import { readJson, writeFileWhole } from 'heed/internals'
import { writePage } from './page.js'
import { charactersOf, train, type Trained } from './train.js'
import { settings, variantNames } from './variants.js'

const { values: options } = parseArgs({
  options: {
    text: { type: 'string' },
    seed: { type: 'string', default: '1' },
    variant: { type: 'string', multiple: true },
    draw: { type: 'boolean', default: false },
  },
})
const here = (path: string): string => fileURLToPath(new URL(`../../finite/${path}`, import.meta.url))
const file = here('results.json')
const results = (
  existsSync(file) ? readJson(readFileSync(file), { operation: 'finite', file }).plain() : []
) as Trained[]

if (!options.draw) {
  const characters = charactersOf(readText())
  const bar = new ProgressLine(process.stderr, process.env)
  const seed = Number(options.seed)
  for (const variant of variantNames) {
    if (options.variant !== undefined && !options.variant.includes(variant)) continue
    if (results.some((one) => one.variant === variant && one.seed === seed)) continue
    results.push(
      await train(variant, settings, characters, seed, (step) =>
        bar.update(`${variant}, seed ${seed}`, step, settings.steps, 'steps'),
      ),
    )
    bar.end()
    await writeFileWhole(file, Buffer.from(`${JSON.stringify(results, undefined, 2)}\n`))
  }
}
await writePage(results, settings, here('../../docs'))

/** The text that is named, or tinyshakespeare below the folder that HEED_SHARED names. */
function readText(): string {
  const shared = process.env['HEED_SHARED']
  const path =
    options.text ??
    (shared === undefined ? undefined : join(shared, 'data', 'text', 'tinyshakespeare.txt.gz'))
  if (path === undefined || !existsSync(path)) {
    throw new UsageError({
      operation: 'finite',
      expected: 'a text, from --text FILE or below the folder that HEED_SHARED names',
      found: path === undefined ? 'neither' : `no ${path}`,
      hint: 'fetch input.txt of tinyshakespeare, and name it',
    })
  }
  const bytes = readFileSync(path)
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
}
