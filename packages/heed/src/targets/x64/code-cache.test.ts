import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cacheFolder, type CodeCache, openCodeCache } from './code-cache.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-code-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (machine = 'x64', build = 'build', within = folder): CodeCache =>
  openCodeCache(within, machine, build)!
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const listed = (cache: CodeCache, ...names: string[]): (number[] | undefined)[] =>
  names.map((name) => {
    const code = cache.get(name)
    return code && [...code]
  })

describe('code from one process to the next', () => {
  test('is what was added, under its name alone', () => {
    const first = open()
    expect(first.get('a')).toBeUndefined()
    first.add('a', bytes(1, 2, 3))
    first.add('ä, and more', bytes())
    first.add('a', bytes(9))
    const expected = [[1, 2, 3], [], undefined]
    expect(listed(first, 'a', 'ä, and more', 'b')).toEqual(expected)
    expect(listed(open(), 'a', 'ä, and more', 'b')).toEqual(expected)
  })

  test('belongs to one build and one kind of machine', () => {
    open().add('a', bytes(1))
    expect(open('x64-256').get('a')).toBeUndefined()
    expect(open('x64', 'later').get('a')).toBeUndefined()
    expect(openCodeCache(folder, 'x64')).toBeUndefined() // sources are no build
  })

  test('of processes that add at the same time is all there', () => {
    const [one, other] = [open(), open()]
    expect([one.get('a'), other.get('a')]).toEqual([undefined, undefined])
    one.add('a', bytes(1))
    other.add('b', bytes(2))
    one.add('c', bytes(3))
    other.add('a', bytes(4))
    expect(listed(open(), 'a', 'b', 'c')).toEqual([[4], [2], [3]])
  })

  test('of a file cut short is what was whole, and the next addition begins it anew', () => {
    const cache = open()
    cache.add('a', bytes(1))
    const whole = statSync(cache.path).size
    cache.add('b', bytes(2))
    truncateSync(cache.path, statSync(cache.path).size - 1)
    const later = open()
    expect(listed(later, 'a', 'b')).toEqual([[1], undefined])
    later.add('c', bytes(3))
    expect(listed(open(), 'a', 'b', 'c')).toEqual([undefined, undefined, [3]])
    expect(statSync(cache.path).size).toBe(whole)
  })

  test('is never what was not added, whatever the file holds', () => {
    const added = new Map([
      ['a', bytes(1, 2, 3, 4, 5)],
      ['b', bytes(6)],
    ])
    for (const [name, code] of added) open().add(name, code)
    const { path } = open()
    const whole = readFileSync(path)
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.uint8Array({ maxLength: 40 }),
        (at, change, tail) => {
          const damaged = Buffer.concat([whole, tail])
          damaged[at]! ^= change
          writeFileSync(path, damaged)
          const cache = open()
          for (const [name, code] of added) {
            const found = cache.get(name)
            if (found) expect([...found]).toEqual([...code])
          }
        },
      ),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        writeFileSync(path, noise)
        expect(open().get('a')).toBeUndefined()
      }),
    )
  })

  test.runIf(process.platform !== 'win32')('is not read where somebody else could have written it', () => {
    const cache = open()
    cache.add('a', bytes(1))
    expect(statSync(cache.path).mode & 0o777).toBe(0o600)
    chmodSync(cache.path, 0o620)
    const later = open()
    expect(later.get('a')).toBeUndefined()
    const size = statSync(cache.path).size
    later.add('b', bytes(2))
    expect(statSync(cache.path).size).toBe(size)
  })

  test('is not kept where there is no folder to be had, and nobody is told', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const cache = open('x64', 'build', join(file, 'heed'))
    cache.add('a', bytes(1))
    expect(listed(cache, 'a')).toEqual([[1]])
  })

  test('of builds that ran long ago goes', () => {
    for (let build = 0; build < 12; build++) {
      const cache = open('x64', String(build))
      cache.add('a', bytes(1))
      utimesSync(cache.path, 1000 + build, 1000 + build)
    }
    writeFileSync(join(folder, 'other.txt'), '')
    open('x64', 'new').add('a', bytes(1))
    const files = readdirSync(folder)
    expect(files).toContain('other.txt')
    expect(files.filter((name) => name.endsWith('.code'))).toHaveLength(8)
    expect(files).toContain('x64-11.code')
    expect(files).not.toContain('x64-4.code')
  })

  test('takes no more than 32 MB', () => {
    const cache = open()
    const large = new Uint8Array(12 * 2 ** 20)
    for (const name of ['a', 'b', 'c']) cache.add(name, large)
    expect(open().get('c')).toHaveLength(large.length)
    expect(open().get('a')).toBeUndefined()
    appendFileSync(cache.path, new Uint8Array(40 * 2 ** 20))
    const later = open()
    expect(later.get('c')).toBeUndefined()
    later.add('d', bytes(1))
    expect(statSync(cache.path).size).toBeLessThan(100)
  })
})

test('the folder is the one that was asked for, or the system’s for caches', () => {
  expect(cacheFolder({ HEED_CACHE: '/elsewhere' })).toBe('/elsewhere')
  expect(cacheFolder({ HEED_CACHE: '' })).toBeUndefined()
  const usual = cacheFolder({ XDG_CACHE_HOME: '/caches', LOCALAPPDATA: 'C:\\Local' })
  if (process.platform === 'linux') {
    expect(usual).toBe('/caches/heed')
    expect(cacheFolder({ XDG_CACHE_HOME: 'caches' })).toBe(join(homedir(), '.cache', 'heed'))
  }
  expect(cacheFolder({ LOCALAPPDATA: 'C:\\Local' })).toMatch(/heed/)
})
