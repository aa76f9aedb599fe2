import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const copies: string[] = []

function folder(files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'heed-layers-'))
  copies.push(path)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

afterEach(() => {
  for (const path of copies.splice(0)) rmSync(path, { recursive: true })
})

describe('the order of the folders, held by tsc -b', () => {
  const layers = readdirSync(join(root, 'packages/heed/src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)

  // Each folder is reduced to an empty index.ts, so that only the references of the real house are at work.
  function build(file: string, text: string) {
    const copy = folder({})
    for (const file of ['tsconfig.base.json', 'packages/heed/package.json']) {
      cpSync(join(root, file), join(copy, file))
    }
    cpSync(join(root, 'packages/heed/src'), join(copy, 'packages/heed/src'), {
      recursive: true,
      filter: (path) => !/\.[a-z]+$/.test(path) || path.endsWith('tsconfig.json'),
    })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
    for (const layer of layers) {
      writeFileSync(join(copy, 'packages/heed/src', layer, 'index.ts'), 'export const here: number = 1\n')
    }
    const entries = readdirSync(join(root, 'packages/heed/src')).filter((name) =>
      /^(index|internals|[a-z]+-names)\.ts$/.test(name),
    )
    for (const entry of entries) writeFileSync(join(copy, 'packages/heed/src', entry), '')
    writeFileSync(join(copy, 'packages/heed/src', file), text)
    const project = join(copy, 'packages/heed/src')
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-b', project],
      {
        encoding: 'utf8',
      },
    )
    return { status, stdout }
  }
  test('an import from a folder above is built', () => {
    expect(build('nn/a.ts', "export { here } from '../tensor/index.js'\n")).toEqual({ status: 0, stdout: '' })
  })

  test.each([
    ['base', 'tensor'],
    ['tensor', 'nn'],
    ['text', 'nn'],
    ['nn', 'text'],
  ])('%s may not import %s, not even a type', (from, to) => {
    const { status, stdout } = build(
      `${from}/a.ts`,
      `export type Here = typeof import('../${to}/index.js').here\n`,
    )
    expect(status).not.toBe(0)
    expect(stdout).toMatch(/error TS6(059|307)/)
  })
})

describe('scripts/check-layers.mjs', () => {
  function check(files: Readonly<Record<string, string>>) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'scripts/check-layers.mjs'), folder(files)],
      { encoding: 'utf8' },
    )
    return { status, stdout, stderr }
  }
  const src = 'packages/heed/src'

  test('passes what is allowed', () => {
    expect(
      check({
        [`${src}/base/index.ts`]: "export * from './one.js'\n",
        [`${src}/base/one.ts`]: `${'\n'.repeat(499)}export const one = 1\n`,
        [`${src}/nn/inner/two.ts`]:
          "import { one } from '../../base/index.js'\n// import '../../base/one.js'\n",
        [`${src}/nn/two.ts`]:
          "export * from './inner/two.js'\nexport const text = \"import '../base/one.js'\"\n",
        [`${src}/nn/two.test.ts`]: "import { one } from '../base/one.js'\nimport { two } from 'heed'\n",
        'packages/cli/src/index.ts': "import { one } from 'heed'\n",
      }),
    ).toEqual({ status: 0, stdout: '6 files, 0 problems\n', stderr: '' })
  })

  test.each([
    ["import { one } from '../base/one.js'", "nn/a.ts:1: imports '../base/one.js' past base/index.js"],
    ["\nexport type { One } from '../base/one.js'", "nn/a.ts:2: imports '../base/one.js' past base/index.js"],
    ["export type One = import('../base/one.js').One", 'past base/index.js'],
    ["export const one = await import('../base/one.js')", 'past base/index.js'],
    ["export * from 'heed'", 'the package that it is a part of'],
    ["export * from '../../../cli/src/index.js'", 'import that by its name'],
    [
      "import type { A } from './b.js'",
      'a.ts\n    imports packages/heed/src/nn/b.ts\n    imports packages/heed/src/nn/a.ts',
    ],
    ["import './a.js'", 'a circle of imports'],
    ['\n'.repeat(501), 'nn/a.ts: 501 lines; at most 500'],
    ['export const = 1', 'nn/a.ts: '],
  ])('refuses %j', (text, message) => {
    const { status, stderr } = check({
      [`${src}/nn/a.ts`]: text,
      [`${src}/nn/b.ts`]: "import { a } from './a.js'\n",
      [`${src}/base/one.ts`]: 'export type One = 1\n',
    })
    expect(status).toBe(1)
    expect(stderr).toContain(message)
  })
})
