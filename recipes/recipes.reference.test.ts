import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

/** A few steps of each recipe from its own configuration, on its own data. */

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const command = here('../packages/cli/bin/heed.js')
/** Recipes with a configuration, and what each of them says. */
const all = readdirSync(here('.'))
  .filter((name) => existsSync(here(`${name}/train.json`)))
  .map((name) => ({ name, config: JSON.parse(readFileSync(here(`${name}/train.json`), 'utf8')) as Config }))
const names = all.filter(({ config }) => config.task !== undefined).map(({ name }) => name)
/** Of decoders, on text that scripts beside them fetch. */
const decoders = all.filter(({ config }) => config.task === undefined)

interface Config {
  readonly task?: string
  readonly data: { readonly train: readonly string[]; readonly validation: readonly string[] }
}

/** Why they can't run here; undefined where they can. */
function reason(): string | undefined {
  const { HEED_SHARED: shared, HEED_REFERENCE_WEIGHTS: weights } = process.env
  if (shared === undefined || !existsSync(join(shared, 'data')))
    return 'HEED_SHARED names no folder with data'
  if (weights === undefined || !existsSync(join(weights, 'all-MiniLM-L6-v2')))
    return 'HEED_REFERENCE_WEIGHTS names no folder with all-MiniLM-L6-v2'
  return undefined
}

describe.skipIf(reason() !== undefined)(`recipes${reason() === undefined ? '' : ` (${reason()})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'heed-recipes-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(names)('%s: two steps make a package with its card', { timeout: 300_000 }, async (name) => {
    const out = join(folder, name)
    const args = ['train', here(name), '--steps', '2', '--limit', '16', '--out', out, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, [command, ...args])
    const result = JSON.parse(stdout) as Record<string, unknown>
    expect(result).toMatchObject({ reason: 'finished', step: 2, published: join(out, 'package') })
    expect(result.loss).toBeGreaterThan(0)
    const files = readdirSync(join(out, 'package'))
    const { publish } = JSON.parse(readFileSync(join(here(name), 'train.json'), 'utf8')) as {
      readonly publish: { readonly adapter?: boolean; readonly part?: boolean }
    }
    const written = [
      'README.md',
      'config.json',
      publish.adapter === true ? 'adapter_model.safetensors' : 'model.safetensors',
      'results.json',
    ]
    for (const file of written) expect(files).toContain(file)
    expect(files.includes('package.json')).toBe(publish.part !== true)
    const card = readFileSync(join(out, 'package', 'README.md'), 'utf8')
    for (const part of ['## Data', '## Training', '## Scores', '## Limits', '| **this model** |'])
      expect(card).toContain(part)
  })
})

describe('recipes of decoders, on a stand-in of their text', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heed-decoders-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(decoders)('$name: two steps make a model', { timeout: 300_000 }, async ({ name, config }) => {
    const { train, validation } = config.data
    const text = ['README.md', 'docs/guide.md'].map((file) => readFileSync(here(`../${file}`), 'utf8'))
    for (const file of [...train, ...validation]) {
      mkdirSync(dirname(join(folder, name, file)), { recursive: true })
      writeFileSync(
        join(folder, name, file),
        text.map((one) => `${JSON.stringify({ text: one })}\n`).join(''),
      )
    }
    const path = join(folder, name, 'train.json')
    cpSync(here(`${name}/train.json`), path)
    const { stdout } = await promisify(execFile)(process.execPath, [
      command,
      'train',
      path,
      '--steps',
      '2',
      '--json',
    ])
    const result = JSON.parse(stdout) as { readonly loss: number; readonly model: string }
    expect(result).toMatchObject({ reason: 'finished', step: 2 })
    expect(result.loss).toBeGreaterThan(0)
    expect(readdirSync(result.model)).toContain('model.safetensors')
  })
})
