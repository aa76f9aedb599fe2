import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { fragileCase, type FragileCase } from './testing/fragile-run.js'

// The long suite (fragile.long.test.ts) does this at every operation, and kills processes.

const folder = temporaryFolder()
let own: FragileCase
beforeAll(async () => {
  own = await fragileCase(folder.path)
})
afterAll(folder.remove)

const every = 19

test('a run that dies before, half-way or after an operation loses nothing', async () => {
  expect(own.whole.operations.length).toBeGreaterThan(50)
  for (let at = 1; at < own.whole.operations.length; at += every)
    await own.die(at, (['half', 'after', 'before'] as const)[((at / every) % 3) | 0]!)
}, 60_000)

test.each([0, 9])(
  'a run that is stopped again and again, first after %i turns, ends the same',
  async (turns) => {
    await expect(own.stop(turns)).resolves.toBe(undefined)
  },
)

test('a run whose disk fails ends with an error that says so, or goes on; nothing is lost', async () => {
  for (let at = 5; at < own.whole.operations.length; at += every)
    await expect(
      own.fail(at, (at / every) & 1 ? 'EIO' : 'ENOSPC', (at / every) & 1 ? 'fail' : 'full'),
    ).resolves.toBe(undefined)
}, 60_000)

test('a run whose files beside it can not be opened at first writes them later, whole', async () => {
  // The losses are cut first, which a run can't do without; then TensorBoard's file and the snapshots.
  const cuts = [...own.whole.operations.entries()].filter(([, name]) => name === 'truncate')
  expect(cuts).toHaveLength(3)
  for (const [at] of cuts) await expect(own.fail(at, 'EIO', 'fail')).resolves.toBe(undefined)
}, 60_000)
