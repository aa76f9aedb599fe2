import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
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
  openCodeCache(within, machine, build, { XDG_STATE_HOME: join(folder, 'state') })!
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

  test('is not kept where there is no folder to be had, and nobody is told', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const cache = open('x64', 'build', join(file, 'heed'))
    cache.add('a', bytes(1))
    expect(listed(cache, 'a')).toEqual([undefined])
    expect(cache.refusal).toMatch(/file/)
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
    expect(files).toContain('heed-x64-11.code')
    expect(files).not.toContain('heed-x64-4.code')
  })

  test('takes no more than 16 MiB', () => {
    const cache = open()
    const large = new Uint8Array(6 * 2 ** 20)
    for (const name of ['a', 'b', 'c']) cache.add(name, large)
    expect(open().get('c')).toHaveLength(large.length)
    expect(open().get('a')).toBeUndefined()
    appendFileSync(cache.path, new Uint8Array(20 * 2 ** 20))
    const later = open()
    expect(later.get('c')).toBeUndefined()
    later.add('d', bytes(1))
    expect(statSync(cache.path).size).toBeLessThan(100)
  })
})

const owners = process.platform !== 'win32'
const root = owners && process.getuid!() === 0

describe.runIf(owners)('what somebody else could have written is not run, nor written to', () => {
  /** A cache with one record, and the same file opened by a later process after `change`. */
  const after = (change: (path: string) => void): CodeCache => {
    const cache = open()
    cache.add('a', bytes(1))
    expect(cache.refusal).toBeUndefined()
    change(cache.path)
    return open()
  }
  const expectRefused = (cache: CodeCache, reason: RegExp): void => {
    expect(cache.refusal).toMatch(reason) // before anything is asked for, too
    expect(cache.get('a')).toBeUndefined()
    cache.add('b', bytes(2))
    expect(cache.get('b')).toBeUndefined()
    expect(cache.refusal).toMatch(reason)
  }

  test('modes', () => {
    for (const mode of [0o620, 0o602, 0o666]) {
      expectRefused(
        after((path) => chmodSync(path, mode)),
        /others/,
      )
      chmodSync(open().path, 0o600)
    }
    for (const mode of [0o770, 0o707, 0o1777]) {
      expectRefused(
        after(() => chmodSync(folder, mode)),
        /others/,
      )
      chmodSync(folder, 0o700)
    }
    expect([...open().get('a')!]).toEqual([1])
  })

  test('a folder in one that anybody may write, unless its sticky bit is set', () => {
    const inside = join(folder, 'outer', 'inner')
    mkdirSync(inside, { recursive: true, mode: 0o700 })
    chmodSync(join(folder, 'outer'), 0o777)
    expectRefused(open('x64', 'build', inside), /outer may be written by anybody/)
    chmodSync(join(folder, 'outer'), 0o1777)
    const cache = open('x64', 'build', inside)
    cache.add('a', bytes(1))
    expect(cache.refusal).toBeUndefined()
  })

  test.runIf(root)('owners', () => {
    expectRefused(
      after((path) => chownSync(path, 12345, 12345)),
      /user 12345/,
    )
    chownSync(open().path, 0, 0)
    chownSync(folder, 12345, 12345)
    expectRefused(open(), /user 12345/)
    chownSync(folder, 0, 0)
  })

  test('links: what they point to is neither run nor made', () => {
    const target = join(folder, 'target')
    expectRefused(
      after((path) => {
        renameSync(path, target)
        symlinkSync(target, path)
      }),
      /symbolic|ELOOP/,
    )
    const { path } = open()
    rmSync(path)
    symlinkSync(join(folder, 'nowhere'), path)
    expectRefused(open(), /symbolic|ELOOP/)
    expect(existsSync(join(folder, 'nowhere'))).toBe(false)
    rmSync(path)
    linkSync(target, path)
    expectRefused(open(), /another name/)
  })

  test('a pipe or a folder in its place does not hold the start up', () => {
    const { path } = open()
    execFileSync('mkfifo', [path])
    expectRefused(open(), /not a file/)
    rmSync(path)
    mkdirSync(path)
    expectRefused(open(), /not a file|EISDIR/)
  })

  test('a file that was made elsewhere, or with a key that others may read', () => {
    const cache = open()
    cache.add('a', bytes(1))
    const key = join(folder, 'state/heed/key')
    writeFileSync(key, new Uint8Array(32).fill(7))
    const later = open()
    expect(later.get('a')).toBeUndefined()
    later.add('a', bytes(2))
    expect([...open().get('a')!]).toEqual([2])
    chmodSync(key, 0o640)
    expectRefused(open(), /key may be written or read by others/)
    chmodSync(key, 0o600)
    writeFileSync(key, 'short')
    expect(open().get('a')).toBeUndefined()
    expect(statSync(key).size).toBe(32)
  })

  test('files of others in the folder stay', () => {
    const others = ['x.code', 'heed.code', 'heed-a b.code', 'heed-x64.code.txt']
    for (const name of others) writeFileSync(join(folder, name), name)
    for (let build = 0; build < 12; build++) open('x64', String(build)).add('a', bytes(1))
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(others))
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
