import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { randomKey, uniformAt } from 'heed/internals'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { type Moment, momentsOf } from './testing/fragile-disk.js'
import { fragileCase, type FragileCase } from './testing/fragile-run.js'

const thoroughness = Number(process.env['HEED_LONG'] ?? 1)
const seed = Number(process.env['HEED_SEED'] ?? 1)

const folder = temporaryFolder()
let own: FragileCase
beforeAll(async () => {
  own = await fragileCase(folder.path)
})
afterAll(folder.remove)

test('a run that dies before, half-way or after any operation loses nothing', async () => {
  for (const [at, name] of own.whole.operations.entries())
    for (const moment of momentsOf(name)) await expect(own.die(at, moment)).resolves.toBe(undefined)
}, 1_800_000)

test.each(['EIO', 'ENOSPC', 'EACCES'])(
  'a run whose disk fails with %s at any operation loses nothing',
  async (code) => {
    for (const at of own.whole.operations.keys()) {
      await expect(own.fail(at, code, 'fail')).resolves.toBe(undefined)
      if (code === 'ENOSPC') await expect(own.fail(at, code, 'full')).resolves.toBe(undefined)
    }
  },
  1_800_000,
)

test('a run that is stopped at any moment, again and again, ends the same', async () => {
  for (let turns = 0; turns < 24 * thoroughness; turns++)
    await expect(own.stop(turns)).resolves.toBe(undefined)
}, 1_800_000)

test('a process that is killed at its operations, and at random moments, loses nothing', async () => {
  const preload = join(folder.path, 'killed-command.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('testing/killed-command.ts', import.meta.url))],
    outfile: preload,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
  const binary = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))
  const run = async (
    output: string,
    kill: { at: number; moment: Moment } | { after: number },
  ): Promise<string | null> => {
    const environment = 'at' in kill && { HEED_KILL_AT: String(kill.at), HEED_KILL_MOMENT: kill.moment }
    const args = [binary, 'train', own.config, '--out', output, '--watch', '--resume']
    const child = spawn(process.execPath, ['at' in kill ? ['--import', preload] : [], args].flat(), {
      env: { ...process.env, HEED_CACHE: '', HEED_THREADS: '2', ...environment },
      stdio: 'ignore',
    })
    const timer = 'after' in kill && setTimeout(() => child.kill('SIGKILL'), kill.after)
    const [, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (timer) clearTimeout(timer)
    return signal
  }
  const every = Math.max(1, Math.round(12 / thoroughness))
  for (let at = 0; at < own.whole.operations.length; at += every) {
    const moment = (['before', 'half', 'after'] as const)[at % 3]!
    const output = join(folder.path, `killed-${at}`)
    expect(await run(output, { at, moment }), `${at}, ${moment}`).toBe('SIGKILL')
    await own.expectWhole(output, `killed at ${at}, ${moment}`)
    rmSync(output, { recursive: true })
  }
  for (let i = 0; i < 3 * thoroughness; i++) {
    const output = join(folder.path, `random-${i}`)
    for (let j = 0; j < 6; j++)
      await run(output, { after: 300 + 900 * uniformAt(randomKey(seed, 'kill'), 6 * i + j) })
    await own.expectWhole(output, `killed at random, ${i}`)
    if (existsSync(output)) rmSync(output, { recursive: true })
  }
}, 1_800_000)
