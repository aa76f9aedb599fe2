/**
 * Puts a trained model where heed looks for the one that it ships.
 *
 *     node dist/first-light/publish.js [--run FOLDER] [--to FOLDER]
 *
 * From RUN (default first-light/.cache/run): model/config.json, model/model.safetensors,
 * model/tokenizer.json. The model is loaded before it is written, so that nothing broken takes the place of a
 * good one.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadDecoder, modelFileNames, UsageError } from 'heed'
import { writeFileWhole } from 'heed/internals'

/** Weights of more bytes than this don't belong into the repository. */
const limitBytes = 16e6

const { values: options } = parseArgs({ options: { run: { type: 'string' }, to: { type: 'string' } } })
const here = (path: string): string => fileURLToPath(new URL(`../../first-light/${path}`, import.meta.url))
const from = join(resolve(options.run ?? here('.cache/run')), 'model')
const to = resolve(options.to ?? here('../../models/first-light'))
await loadDecoder(from)
const files = modelFileNames.map((name) => [name, readFileSync(join(from, name))] as const)
const weights = files.find(([name]) => name === 'model.safetensors')![1].length
if (weights > limitBytes) {
  throw new UsageError({
    operation: 'publish',
    expected: `weights of at most ${limitBytes} bytes`,
    found: String(weights),
    hint: 'train a smaller model, or store f16',
  })
}
for (const [name, bytes] of files) {
  await writeFileWhole(join(to, name), bytes)
  process.stdout.write(`${join(to, name)}: ${bytes.length} bytes\n`)
}
