import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// @ts-expect-error a script without types
import { blocksOf } from './document-blocks.mjs'
// @ts-expect-error a script without types
import * as pack from './pack.mjs'

// What a user gets: the packages as they would be published, installed into an empty folder that knows
// nothing of this repository. HEED_OTHER_NODE names a second Node to run them with.

const root = fileURLToPath(new URL('..', import.meta.url))
const nodes = [process.execPath, process.env['HEED_OTHER_NODE']].filter((node) => node !== undefined)
const { folders } = pack as { folders: readonly string[] }
const blocks = blocksOf(root, 'README.md') as { file: string; code: string; runs: boolean }[]

/** Installed with koffi, as npm does by itself, and without it, as where there is none for the system. */
const installs = ['with koffi', 'without koffi'] as const
let place: string
let archives: string[]

const folderOf = (install: string): string => join(place, install.replace(' ', '-'))

function call(command: string, options: readonly string[], cwd: string): string {
  return execFileSync(command, options, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'heed-packages-'))
  call(process.execPath, [join(root, 'scripts/pack.mjs'), place], root)
  archives = readdirSync(place).map((file) => join(place, file))
  for (const install of installs) {
    const folder = folderOf(install)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    const optional = install === 'with koffi' ? [] : ['--omit=optional']
    call('npm', ['install', '--silent', '--no-audit', '--no-fund', ...optional, ...archives], folder)
    expect(existsSync(join(folder, 'node_modules/koffi'))).toBe(install === 'with koffi')
    for (const { file, code } of blocks) writeFileSync(join(folder, file), code)
  }
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

test('each package has what a package has, and nothing that helps nobody', () => {
  expect(archives).toHaveLength(folders.length)
  for (const folder of folders) {
    const { name } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { name: string }
    const installed = join(folderOf('without koffi'), 'node_modules', name)
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
    expect(files).toContain('README.md')
    expect(files.filter((file) => /LICENSE/.test(file))).not.toEqual([])
    expect(files.filter((file) => /\.(map|tsbuildinfo)$|\.test\.|testing/.test(file))).toEqual([])
  }
})

describe('published as they are', () => {
  test.each(folders)('%s: publint has no complaint', (folder) => {
    expect(call(join(root, 'node_modules/.bin/publint'), ['--strict', folder], root)).toMatch(/All good/)
  })

  // What CommonJS can't reach by `require` before Node 20.19 is no mistake: the packages are modules.
  test.each(['heed', 'heed-studio', 'heed-cli'])('%s: types resolve as the code does', (name) => {
    const archive = archives.find((path) => new RegExp(`/${name}-\\d`).test(path))!
    const options = ['--profile', 'esm-only', '--no-color', archive]
    expect(spawnSync(join(root, 'node_modules/.bin/attw'), options, { cwd: place }).status).toBe(0)
  })
})

describe.each(installs)('installed %s', (install) => {
  // Everything that heed offers, its inside too, in programs that have neither a browser's types nor Node's.
  const settings = {
    target: 'es2022',
    lib: ['es2023'],
    types: [],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
  }
  const compilers = [
    ['TypeScript 7', 'typescript/bin/tsc'],
    ['TypeScript 5.9', 'typescript-5.9/bin/tsc'],
  ] as const
  const modules = [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const
  for (const [compiler, path] of compilers)
    for (const [moduleResolution, module] of modules)
      test(`all types are sound under ${compiler}, ${moduleResolution}`, () => {
        const folder = folderOf(install)
        const program = "export * from 'heed'\nexport * as internals from 'heed/internals'\n"
        writeFileSync(join(folder, 'all.ts'), `${program}export * as studio from '@heed/studio'\n`)
        const options = { compilerOptions: { ...settings, module, moduleResolution }, files: ['all.ts'] }
        writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
        const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules', path), '-p', folder], {
          cwd: folder,
          encoding: 'utf8',
        })
        expect(stdout).toBe('')
      })

  test("README's programs compile", () => {
    const folder = folderOf(install)
    const compilerOptions = {
      ...settings,
      module: 'nodenext',
      lib: ['es2023', 'dom'],
      noEmit: false,
      outDir: 'out',
      rootDir: '.',
    }
    const files = blocks.map(({ file }) => file)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    expect(files.length).toBeGreaterThan(1)
  })

  describe.each(nodes)('on %s', (node) => {
    const environment = { ...process.env, PATH: `${dirname(node)}:${process.env['PATH']}`, NO_COLOR: '1' }
    const run = (options: readonly string[]): string => {
      const { status, stdout, stderr } = spawnSync(node, options, {
        cwd: folderOf(install),
        encoding: 'utf8',
        env: environment,
      })
      expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('Error') })
      return stdout
    }
    const heed = (...options: readonly string[]): string =>
      run(['node_modules/@heed/cli/bin/heed.js', ...options])

    test("README's programs run", () => {
      const printed = blocks
        .filter(({ runs }) => runs)
        .map(({ file }) => run([`out/${file.replace(/ts$/, 'js')}`]))
      expect(printed).not.toContain('')
    })

    test("README's commands run", () => {
      const native = install === 'with koffi' && process.arch === 'x64'
      expect(heed('doctor')).toMatch(native ? /x64/ : /wasm/)
      expect(heed('attend', 'a sentence', '--html', 'page.html')).toMatch(/layer 3/)
      expect(statSync(join(folderOf(install), 'page.html')).size).toBeGreaterThan(10_000)
      expect(JSON.parse(heed('attend', 'a sentence', '--json'))).toHaveProperty('layers')
      expect(heed('generate', 'a prompt', '--tokens', '4')).toMatch(/^a prompt/)
      expect(heed('kernel', 'softmax')).toMatch(/softmax/)
    })

    test('each task that a model is shipped for runs without a name of one', () => {
      expect(heed('run', 'text-classification', 'A man plays a guitar.', 'Somebody makes music.')).toMatch(
        /entailment/,
      )
      expect(heed('run', 'sentence-similarity', 'A cat sleeps.', 'Stocks fell.', 'A kitten naps.')).toMatch(
        /A kitten naps\.[^]*Stocks fell\./,
      )
      if (existsSync(join(root, 'models/reader/reading')))
        expect(
          heed('run', 'question-answering', 'Who wrote it?', 'It was written by Ada Lovelace.', '--json'),
        ).toMatch(/"answer":"Ada Lovelace"/)
      if (existsSync(join(root, 'models/reader/rerank')))
        expect(
          heed('run', 'rerank', 'What landed on the moon?', 'Stocks fell.', 'Apollo 11 landed.'),
        ).toMatch(/Apollo 11 landed\.[^]*Stocks fell\./)
    })

    test('a model is trained', () => {
      const folder = folderOf(install)
      cpSync(join(root, 'README.md'), join(folder, 'text.txt'))
      const config = {
        model: { context: 16, width: 16, layers: 1, heads: 2 },
        tokenizer: { train: 300 },
        data: { train: ['text.txt'], validation: ['text.txt'] },
        training: { steps: 4, batch: 2 },
        watch: { sentence: 'a model' },
        output: 'trained',
      }
      writeFileSync(join(folder, 'train.json'), JSON.stringify(config))
      const out = `trained-${nodes.indexOf(node)}`
      heed('train', 'train.json', '--out', out, '--watch')
      expect(readdirSync(join(folder, out))).toContain('losses.jsonl')
    })
  })
})
