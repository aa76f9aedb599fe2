import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { HeedError } from 'heed'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { History } from './history.js'

const folder = temporaryFolder()
afterAll(folder.remove)

interface Entry {
  readonly step: number
  readonly loss?: number
}

let path: string
let count = 0
beforeEach(() => {
  path = join(folder.path, `losses-${count++}.jsonl`)
})
afterEach(() => vi.restoreAllMocks())

async function opened(step: number): Promise<{ history: History<Entry>; entries: Entry[] }> {
  const entries: Entry[] = []
  const history = await History.open<Entry>(path, {
    parse: (value) => {
      const entry = value as Entry
      return typeof entry.step === 'number' ? entry : undefined
    },
    keep: (entry) => entry.step <= step,
    each: (entry) => entries.push(entry),
  })
  return { history, entries }
}
const content = (): string => readFileSync(path, 'utf8')
const linesTo = (last: number): string =>
  Array.from({ length: last }, (_, i) => `{"step":${i + 1},"loss":${1 / (i + 1)}}\n`).join('')

test('entries come back; a resumed run drops those after its step, and the line that was cut', async () => {
  const first = (await opened(-1)).history
  for (let step = 1; step <= 5; step++) await first.add({ step, loss: 1 / step })
  await first.flush()
  await first.flush()
  await first.close()
  expect(content()).toBe(linesTo(5))
  appendFileSync(path, '{"step": 6, "lo')

  const { history: second, entries } = await opened(3)
  expect(entries).toEqual([
    { step: 1, loss: 1 },
    { step: 2, loss: 0.5 },
    { step: 3, loss: 1 / 3 },
  ])
  await second.add({ step: 4, loss: 0.25 })
  await second.flush()
  await second.close()
  expect(content()).toBe(linesTo(4))

  const third = await opened(-1)
  expect(third.entries).toEqual([])
  expect(content()).toBe('')
  await third.history.close()
})

test('lines that are no entries are told, and stay', async () => {
  const damaged = `${linesTo(2)}{"step":"3"}\nnull\n\u0000\n${linesTo(4).slice(linesTo(2).length)}"tail"\n`
  writeFileSync(path, damaged)
  const { history, entries } = await opened(9)
  await history.close()
  expect(entries.map(({ step }) => step)).toEqual([1, 2, 3, 4])
  expect(history.damaged).toEqual([3, 4, 5])
  expect(content()).toBe(damaged.slice(0, -'"tail"\n'.length))
})

test('lines longer than what is read at once, and a file without an end of line', async () => {
  const long = { step: 1, text: 'é'.repeat(2_000_000) }
  writeFileSync(path, `${JSON.stringify(long)}\n{"step":2}\n{"step":3}`)
  const { history, entries } = await opened(9)
  expect(entries).toEqual([long, { step: 2 }])
  await history.add({ step: 3 })
  await history.flush()
  await history.close()
  expect(content().split('\n').slice(1)).toEqual(['{"step":2}', '{"step":3}', ''])
})

test('a write that fails half-way loses nothing and leaves nothing twice', async () => {
  const { history } = await opened(-1)
  const handle = await open(path)
  const files = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const original = Reflect.get(files, 'write') as (...args: unknown[]) => Promise<never>
  const write = (file: FileHandle, ...args: unknown[]): Promise<never> => original.apply(file, args)
  let failing = true
  vi.spyOn(files, 'write').mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    const [bytes, at, length, position] = args as [Uint8Array, number, number, number]
    if (!failing) return write(this, bytes, at, length, position)
    await write(this, bytes, at, length >> 1, position)
    throw new Error('ENOSPC: no space left on device')
  })
  for (let step = 1; step <= 3; step++) await history.add({ step, loss: 1 / step })
  await expect(history.flush()).rejects.toThrow(HeedError)
  await expect(history.flush()).rejects.toThrow(/to write '.*losses-.*', found ENOSPC/)
  expect(content()).not.toBe('')
  failing = false
  await history.add({ step: 4, loss: 0.25 })
  await history.flush()
  await history.close()
  expect(content()).toBe(linesTo(4))
})

test('what can not be read is refused, by name', async () => {
  mkdirSync(path)
  await expect(opened(3)).rejects.toThrow(/to read and write '.*losses-.*', found EISDIR/)
})
