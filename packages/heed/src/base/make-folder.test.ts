import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeFolder } from './make-folder.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-make-folder-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a folder is made with those around it, or is there', () => {
  makeFolder(join(folder, 'a', 'b', 'c'), 0o700)
  expect(statSync(join(folder, 'a', 'b', 'c')).mode & 0o777).toBe(
    process.platform === 'win32' ? 0o666 : 0o700,
  )
  expect(() => makeFolder(join(folder, 'a', 'b'))).not.toThrow()
  expect(() => makeFolder('/')).not.toThrow()
})

test('what stands in its place is an error', () => {
  writeFileSync(join(folder, 'file'), '')
  expect(() => makeFolder(join(folder, 'file'))).toThrow('EEXIST')
  expect(() => makeFolder(join(folder, 'file', 'within'))).toThrow('ENOTDIR')
})

// Node's own mkdir with `recursive` never returns from this.
test.runIf(existsSync('/proc/self'))('where nothing can be made is an error, and no endless trying', () => {
  expect(() => mkdirSync('/proc/heed')).toThrow('ENOENT')
  expect(() => makeFolder('/proc/heed')).toThrow('ENOENT')
  expect(() => makeFolder('/proc/heed/a/b')).toThrow('ENOENT')
})
