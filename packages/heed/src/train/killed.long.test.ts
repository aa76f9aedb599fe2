import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomKey, uniformAt } from '../base/index.js'
import { readCheckpoint } from './index.js'
import { bundleKilledRun, runChild } from './testing/child.js'
import { momentsOf } from './testing/fragile-files.js'

const thoroughness = Number(process.env['HEED_LONG'] ?? 1)
const seed = Number(process.env['HEED_SEED'] ?? 1)
const steps = 6

let folder: string
let script: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-killed-long-'))
  script = await bundleKilledRun(folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test(
  'a process killed at every write, flush, rename and removal',
  async () => {
    const whole = await runChild(script, { folder: join(folder, 'whole'), steps })
    expect(whole.errors).toBe('')
    const { hash, operations } = whole.result!
    // Every operation once; where more thoroughness is asked for, at all its moments.
    for (const [at, name] of operations.entries()) {
      const moments = momentsOf(name)
      for (const moment of thoroughness >= 3 ? moments : [moments[at % moments.length]!]) {
        const own = join(folder, `at-${at}-${moment}`)
        const killed = await runChild(script, { folder: own, steps, at, moment })
        expect(killed.signal, `${name} ${at}, ${moment}: ${killed.errors}`).toBe('SIGKILL')
        expect((await readCheckpoint(own))?.skipped ?? []).toEqual([])
        const resumed = await runChild(script, { folder: own, steps })
        expect(resumed.result?.hash, `${name} ${at}, ${moment}: ${resumed.errors}`).toBe(hash)
        await rm(own, { recursive: true })
      }
    }
  },
  300_000 * Math.max(1, thoroughness),
)

test(
  'a process killed at random moments',
  async () => {
    const whole = await runChild(script, { folder: join(folder, 'random-whole'), steps })
    const key = randomKey(seed, 'kill')
    for (let run = 0; run < 4 * thoroughness; run++) {
      const own = join(folder, `random-${run}`)
      let killed = 0
      for (let i = 0; i < 8; i++) {
        const killAfter = 150 * uniformAt(key, 8 * run + i)
        if ((await runChild(script, { folder: own, steps, killAfter })).signal === 'SIGKILL') killed++
        expect((await readCheckpoint(own))?.skipped ?? []).toEqual([])
      }
      expect(killed).toBeGreaterThan(0)
      const resumed = await runChild(script, { folder: own, steps })
      expect(resumed.result?.hash, resumed.errors).toBe(whole.result!.hash)
    }
  },
  300_000 * Math.max(1, thoroughness),
)
