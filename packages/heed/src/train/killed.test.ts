import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomKey, uniformAt } from '../base/index.js'
import { readCheckpoint, Trainer } from './index.js'
import { bundleKilledRun, runChild } from './testing/child.js'
import { devices } from './testing/devices.js'
import { fragileFiles, type Moment, momentsOf } from './testing/fragile-files.js'
import { withDevice } from '../tensor/index.js'
import { bitsOfTree, smallRun } from './testing/small-run.js'

// The long suite (killed.long.test.ts) kills a process at every operation and at many more random moments.

let folder: string
let script: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-killed-'))
  script = await bundleKilledRun(folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const steps = 6

class Died extends Error {}

/**
 * A run in this process whose disk goes dead at an operation, as it does for a process that is killed there.
 */
async function runHere(
  own: string,
  at: number,
  moment: Moment,
): Promise<{ bits: string; operations: readonly string[] } | undefined> {
  const files = fragileFiles(at, moment, () => {
    throw new Died('killed')
  })
  const trainer = withDevice(
    devices[1]![1],
    () =>
      new Trainer({
        ...smallRun(steps),
        checkpoint: {
          folder: own,
          everySteps: 2,
          fileLayer: files,
          best: true,
          files: () => ({ 'config.json': '{}' }),
        },
      }),
  )
  try {
    await trainer.resume()
    await trainer.run()
    return { bits: bitsOfTree([trainer.model, trainer.optimizerState]), operations: files.operations }
  } catch (error) {
    const { cause } = error as { cause?: unknown }
    if (error instanceof Died || cause instanceof Died) return undefined
    throw error
  } finally {
    trainer.dispose()
  }
}

test('a run that dies at any write, flush, rename or removal goes on to the same bits', async () => {
  const whole = (await runHere(join(folder, 'whole'), -1, 'half'))!
  expect(new Set(whole.operations)).toEqual(
    new Set(['makeFolder', 'write', 'flushFolder', 'rename', 'remove']),
  )
  for (const [at, name] of whole.operations.entries()) {
    for (const moment of momentsOf(name)) {
      const own = join(folder, `at-${at}-${moment}`)
      const where = `${name} ${at}, ${moment}`
      expect(await runHere(own, at, moment), where).toBe(undefined)
      const left = await readCheckpoint(own)
      expect(left?.skipped ?? [], where).toEqual([])
      const resumed = await runHere(own, -1, 'half')
      expect(resumed?.bits, where).toBe(whole.bits)
      const names = (await readdir(own)).sort()
      expect(names, where).toEqual(['best', 'step-00000004', 'step-00000006'])
      expect(await readdir(join(own, 'step-00000006')), where).toHaveLength(4)
      await rm(own, { recursive: true })
    }
  }
}, 120_000)

test('a process killed at disk operations and at random moments, again and again, ends with the same bits', async () => {
  const whole = await runChild(script, { folder: join(folder, 'child'), steps, threads: 1 })
  expect(whole.errors).toBe('')
  expect(whole.result).toBeDefined()
  const own = join(folder, 'child-killed')
  for (const [at, moment] of [
    [2, 'half'],
    [9, 'half'],
    [12, 'half'],
  ] as const) {
    const killed = await runChild(script, { folder: own, steps, at, moment })
    expect(killed.signal, killed.errors).toBe('SIGKILL')
  }
  for (let i = 0; i < 2; i++)
    await runChild(script, { folder: own, steps, killAfter: 60 * uniformAt(randomKey(1), i) })
  const resumed = await runChild(script, { folder: own, steps })
  expect(resumed.errors).toBe('')
  expect(resumed.result?.hash).toBe(whole.result!.hash)
}, 60_000)
