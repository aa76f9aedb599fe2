import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { History } from './history.js'

const folder = temporaryFolder()
afterAll(folder.remove)

interface Entry {
  readonly step: number
  readonly loss?: number
}

test('entries come back; a resumed run drops those after its step, and the line that was cut', async () => {
  const path = join(folder.path, 'losses.jsonl')
  const first = await History.open<Entry>(path, -1)
  for (let step = 1; step <= 5; step++) await first.add({ step, loss: 1 / step })
  await first.flush()
  await first.flush()
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(6)
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"step": 6, "lo`)

  const second = await History.open<Entry>(path, 3)
  expect(second.entries).toEqual([
    { step: 1, loss: 1 },
    { step: 2, loss: 0.5 },
    { step: 3, loss: 1 / 3 },
  ])
  await second.add({ step: 4 })
  await second.flush()
  expect(readFileSync(path, 'utf8')).toBe(
    '{"step":1,"loss":1}\n{"step":2,"loss":0.5}\n{"step":3,"loss":0.3333333333333333}\n{"step":4}\n',
  )

  const third = await History.open<Entry>(path, -1)
  expect(third.entries).toEqual([])
  expect(readFileSync(path, 'utf8')).toBe('')
})
