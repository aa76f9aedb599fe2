import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HeedError, StateError } from '../base/index.js'
import { lockFolder } from './index.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const names = (): Promise<string[]> => readdir(folder)

/** The marker that this process writes, changed. */
async function markerOf(changes: object, place = folder): Promise<string> {
  const lock = await lockFolder(folder)
  const [name] = await names()
  const holder = JSON.parse(await readFile(join(folder, name!), 'utf8')) as object
  lock.release()
  const path = join(place, 'training-1-other.lock')
  await writeFile(path, JSON.stringify({ ...holder, ...changes }))
  return path
}

test('one has it at a time, and leaves nothing', async () => {
  const first = await lockFolder(folder)
  await first.check()
  await expect(lockFolder(folder)).rejects.toThrow(StateError)
  await expect(lockFolder(folder)).rejects.toThrow(
    new RegExp(`no other training in '${folder}', found process ${process.pid}, as 'training-.*' says`),
  )
  expect(await names()).toHaveLength(1)
  first.release()
  first.release()
  const second = await lockFolder(folder)
  await expect(first.check()).rejects.toThrow(StateError)
  second.release()
  expect(await names()).toEqual([])
})

test('of many that come at once never two have it, and others get it later', async () => {
  let holding = 0
  let had = 0
  const take = async (): Promise<void> => {
    const lock = await lockFolder(folder).catch(() => undefined)
    if (lock === undefined) return
    had++
    expect(++holding).toBe(1)
    await new Promise(setImmediate)
    holding--
    lock.release()
  }
  for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 4 }, take))
  expect(had).toBeGreaterThanOrEqual(5)
  expect(await names()).toEqual([])
})

test.each<[string, object]>([
  ['of a process that is no more', { pid: 2 ** 22 + 1 }],
  ['of an earlier process of the same number', { began: '1' }],
  ['in a copy of the folder', { folder: '1' }],
  ['that nobody wrote', { pid: -1 }],
])('a marker %s is none', async (_, changes) => {
  await markerOf(changes)
  await writeFile(join(folder, 'training-1-half.lock.tmp'), '{"pi')
  await writeFile(join(folder, 'training-1-empty.lock'), '')
  await writeFile(join(folder, 'training-notes.txt'), 'kept')
  const lock = await lockFolder(folder)
  expect(await names()).toHaveLength(2)
  lock.release()
  expect(await names()).toEqual(['training-notes.txt'])
})

test('a holder that can not be looked up lives as long as it renews its marker', async () => {
  const path = await markerOf({ place: 'another container', pid: 1 })
  await expect(lockFolder(folder)).rejects.toThrow(/found process 1/)
  const old = new Date(Date.now() - 10 * 60_000)
  await utimes(path, old, old)
  ;(await lockFolder(folder)).release()
})

test('a copy of a folder in use is free', async () => {
  const lock = await lockFolder(folder)
  const copy = await mkdtemp(join(tmpdir(), 'heed-lock-copy-'))
  await cp(folder, copy, { recursive: true })
  const other = await lockFolder(copy)
  await expect(other.check()).resolves.toBe(undefined)
  other.release()
  await rm(copy, { recursive: true })
  lock.release()
})

test('a process that is killed lets go, one that is stopped does not', async () => {
  const holder = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const stat = async (): Promise<string> =>
    (await readFile(`/proc/${holder.pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ')[19] ?? ''
  const began = await stat()
  if (began === '') return void holder.kill('SIGKILL')
  await markerOf({ pid: holder.pid, began })
  holder.kill('SIGSTOP')
  await expect(lockFolder(folder)).rejects.toThrow(StateError)
  holder.kill('SIGKILL')
  await once(holder, 'close')
  ;(await lockFolder(folder)).release()
})

test('a folder that is not there is an error that names it', async () => {
  const refused = lockFolder(join(folder, 'none'))
  await expect(refused).rejects.toThrow(HeedError)
  await expect(refused).rejects.toThrow(/to keep other trainings out with '.*none', found ENOENT/)
})
