import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const copies: string[] = []

function check(readme: string, guide = '') {
  const copy = mkdtempSync(join(tmpdir(), 'heed-docs-'))
  copies.push(copy)
  cpSync(join(root, 'tsconfig.base.json'), join(copy, 'tsconfig.base.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
  mkdirSync(join(copy, 'docs'))
  writeFileSync(join(copy, 'README.md'), readme)
  writeFileSync(join(copy, 'docs/guide.md'), guide)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/check-docs.mjs'), copy],
    {
      encoding: 'utf8',
    },
  )
  return { status, stdout, stderr }
}

afterEach(() => {
  for (const path of copies.splice(0)) rmSync(path, { recursive: true })
})

test('blocks are compiled and run, each on its own; other languages are left alone', () => {
  const readme = '```ts\nconst a = 1\nif (a !== 1) throw new Error()\n```\n\n```sh\nthrow it\n```\n'
  const guide = "```ts\nconst a: string = 'x'\n```\n\n```ts no-run\nthrow new Error('never run')\n```\n"
  expect(check(readme, guide)).toEqual({ status: 0, stdout: '3 blocks, 0 problems\n', stderr: '' })
})

test('a block may import heed', () => {
  expect(check("```ts\nimport * as heed from 'heed'\nawait Promise.resolve(heed)\n```\n").stderr).toBe('')
})

test('a type error is shown at its line of the document, and what compiles is still run', () => {
  const { status, stderr } = check(
    '# Title\n\n```ts\nconst n: number = "x"\n```\n',
    '```ts\nthrow new Error("here")\n```\n',
  )
  expect(status).toBe(1)
  expect(stderr).toContain('README.md:4:7: error TS2322')
  expect(stderr).toContain('docs/guide.md:1: exit status 1')
  expect(stderr).toContain('Error: here')
})

test.each(['```ts\nlet x\n', '```ts norun\n```\n'])('a malformed block is refused: %j', (readme) => {
  const { status, stderr } = check(readme)
  expect(status).toBe(1)
  expect(stderr).toContain('README.md:1: ')
})
