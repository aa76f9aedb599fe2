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
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { pngFile } from '../packages/heed/src/vision/testing/png.js'

/** A few steps of each recipe from its own configuration, on its own data. */

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const command = here('../packages/cli/bin/heed.js')
const descriptions = '../debian/.cache/'
const pictures = '../pictures/.cache/'
/** Recipes with a configuration, and what each of them says. */
const all = readdirSync(here('.'))
  .filter((name) => existsSync(here(`${name}/train.json`)))
  .map((name) => ({ name, config: JSON.parse(readFileSync(here(`${name}/train.json`), 'utf8')) as Config }))
const isDebian = ({ data }: Config): boolean => JSON.stringify(data).includes(descriptions)
const isSeen = ({ data }: Config): boolean => JSON.stringify(data).includes(pictures)
const tasks = all.filter(({ config }) => config.task !== undefined)
const names = tasks.filter(({ config }) => !isDebian(config) && !isSeen(config)).map(({ name }) => name)
/** Of drawings that a script fetches. */
const seeing = tasks.filter(({ config }) => isSeen(config)).map(({ name }) => name)
/** Of texts that a script makes of Debian's package descriptions. */
const writers = tasks.filter(({ config }) => isDebian(config)).map(({ name }) => name)
/** Of decoders, on text that scripts beside them fetch. */
const decoders = all.filter(({ config }) => config.task === undefined)

interface Config {
  readonly task?: string
  readonly data: { readonly train: readonly string[]; readonly validation: readonly string[] }
}

function finished(out: string): object {
  return { reason: 'finished', step: 2, published: join(out, 'package') }
}

/** Runs two steps of a recipe, looks at what was written, and gives what the command said. */
async function twoSteps(
  path: string,
  out: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Readonly<Record<string, unknown>>> {
  const args = ['train', path, '--steps', '2', '--limit', '16', '--out', out, '--json']
  const env = { ...process.env, ...environment }
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...args], { env })
  const result = JSON.parse(stdout) as Record<string, unknown>
  expect(result.loss).toBeGreaterThan(0)
  const files = readdirSync(join(out, 'package'))
  const { publish } = JSON.parse(readFileSync(join(path, 'train.json'), 'utf8')) as {
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
  return result
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
    expect(await twoSteps(here(name), out)).toMatchObject(finished(out))
  })
})

describe("recipes of Debian's descriptions, on a stand-in of them", () => {
  const folder = mkdtempSync(join(tmpdir(), 'heed-writers-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(writers)('%s: two steps make a package with its card', { timeout: 600_000 }, async (name) => {
    const lines = (language?: string): string =>
      Array.from({ length: 400 }, (_, i) => {
        const mark = language === undefined ? '' : `>>${language}<< `
        const source = `${mark}A program of the kind ${i % 7} reads files, and writes ${i} others. It is small.`
        const target = `small program ${i % 7} for files`
        return `${JSON.stringify({ source, target, language, package: `p${i}`, group: `g${i}` })}\n`
      }).join('')
    const cache = join(folder, 'debian', '.cache')
    mkdirSync(cache, { recursive: true })
    writeFileSync(join(cache, 'summaries.jsonl'), lines())
    for (const language of ['it', 'fr', 'de'])
      writeFileSync(join(cache, `segments-${language}.jsonl`), lines(language))
    const papers = join(folder, 'data', 'scitldr')
    mkdirSync(papers, { recursive: true })
    const paper = { source: ['We read files.', 'They are small.'], target: ['reads files', 'small files'] }
    for (const part of ['train', 'dev'])
      writeFileSync(join(papers, `${part}.jsonl.gz`), gzipSync(`${JSON.stringify(paper)}\n`.repeat(20)))
    mkdirSync(join(folder, name))
    cpSync(here(`${name}/train.json`), join(folder, name, 'train.json'))
    const out = join(folder, name, 'out')
    const result = await twoSteps(join(folder, name), out, { HEED_SHARED: folder })
    expect(result).toMatchObject(finished(out))
  })
})

/** Whether sharp is there, which decodes pictures. */
const decodes = ((): boolean => {
  try {
    createRequire(import.meta.url)('sharp')
    return true
  } catch {
    return false
  }
})()
if (!decodes) console.warn('Skipped: recipes of drawings: sharp is not installed.')

describe.skipIf(!decodes)('recipes of drawings, on a stand-in of them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heed-seeing-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(seeing)('%s: two steps make a package with its card', { timeout: 600_000 }, async (name) => {
    const cache = join(folder, 'pictures', '.cache')
    mkdirSync(cache, { recursive: true })
    // Two fields of colour side by side, half of each transparent.
    const colours = ['red', 'green', 'blue', 'dark red', 'dark green', 'dark blue']
    const levelsOf = (colour: number): number[] =>
      [0, 1, 2].map((i) => (i === colour % 3 ? (colour < 3 ? 250 : 90) : 10))
    const records = colours.flatMap((left, i) =>
      colours.map((right, j) => {
        const rows = Uint8Array.from({ length: 4 * 24 * 24 }, (_, at) => {
          const [channel, x, y] = [at % 4, Math.floor(at / 4) % 24, Math.floor(at / 96)]
          return channel === 3 ? (y < 12 ? 255 : 0) : levelsOf(x < 12 ? i : j)[channel]!
        })
        const image = `${i}-${j}.png`
        writeFileSync(join(cache, image), pngFile({ width: 24, height: 24, colour: 6, rows }))
        const text = `${left} beside ${right}`
        return { image, text, references: [text], tags: [left], concept: left, style: 'plain' }
      }),
    )
    const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('')
    for (const part of ['train', 'validation', 'test', 'style-train', 'style-test'])
      writeFileSync(join(cache, `${part}.jsonl`), lines)
    mkdirSync(join(folder, name))
    cpSync(here(`${name}/train.json`), join(folder, name, 'train.json'))
    const out = join(folder, name, 'out')
    expect(await twoSteps(join(folder, name), out)).toMatchObject(finished(out))
    expect(readFileSync(join(out, 'package', 'README.md'), 'utf8')).toContain('| nearest in pixels |')
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
