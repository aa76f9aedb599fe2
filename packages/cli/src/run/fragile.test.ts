import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { fragileDisk, momentsOf, type Fragility } from '../train/testing/fragile-disk.js'
import { runBatch } from './batch.js'
import { itemsIn } from './items.js'
import { outcomeLine } from './outcome-line.js'
import type { Runner } from './runner.js'
import { taskList } from './task-list.js'

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)
const task = taskList.find(({ name }) => name === 'text-classification')!
const texts = Array.from({ length: 20 }, (_, i) => `text ${i}${'.'.repeat(i)}`)

beforeAll(() => writeFileSync(at('texts.txt'), `${texts.join('\n')}\n`))

/**
 * Runs the batch; on a disk that something happens to. Which operations changed the disk, and which texts
 * ran.
 */
async function run(
  fragility?: Omit<Fragility, 'happen'>,
): Promise<{ operations: readonly string[]; ran: string[] }> {
  const happen = (): never => {
    throw Object.assign(new Error('EDEAD: the disk fails'), { code: 'EDEAD' })
  }
  const ran: string[] = []
  const runner: Runner = {
    model: 'fake',
    stamp: 1,
    run(inputs) {
      ran.push(...inputs.map(({ text }) => text as string))
      return Promise.resolve(
        inputs.map(({ text }) => ({ result: [{ label: text, score: text!.length / 64 }] })),
      )
    },
  }
  const { signal } = new AbortController()
  const disk = await fragileDisk({ at: -1, moment: 'after', kind: 'die', ...fragility, happen })
  try {
    await runBatch({
      runner,
      task: task.name,
      items: () => itemsIn(task, { path: at('texts.txt') }, {}, signal),
      options: {},
      path: at('results.jsonl'),
      lineOf: (item, outcomes) => outcomeLine('fake', item, outcomes),
      signal,
    })
  } finally {
    disk.restore()
  }
  return { operations: disk.operations, ran }
}

/** The marker of a process that is no more means nothing; here it is this process's own, and has to go. */
function forgetMarkers(): void {
  const partial = at('results.jsonl.partial')
  for (const name of existsSync(partial) ? readdirSync(partial) : [])
    if (name.startsWith('training-')) rmSync(join(partial, name))
}

test('a batch that dies before, half-way or after any operation on the disk ends the same', async () => {
  const whole = await run()
  expect(whole.ran).toEqual(texts)
  const expected = readFileSync(at('results.jsonl'), 'utf8')
  expect(expected.trimEnd().split('\n')).toHaveLength(texts.length)
  expect(whole.operations.length).toBeGreaterThan(12)
  for (const [number, name] of whole.operations.entries())
    for (const moment of momentsOf(name)) {
      rmSync(at('results.jsonl'), { force: true })
      rmSync(at('results.jsonl.partial'), { recursive: true, force: true })
      await run({ at: number, moment, kind: 'die' }).catch(() => {})
      const where = `${name} ${number}, ${moment}`
      // The file is there whole, or not at all.
      if (existsSync(at('results.jsonl')))
        expect(readFileSync(at('results.jsonl'), 'utf8'), where).toBe(expected)
      forgetMarkers()
      await run()
      expect(readFileSync(at('results.jsonl'), 'utf8'), where).toBe(expected)
      expect(existsSync(at('results.jsonl.partial')), where).toBe(false)
    }
})
