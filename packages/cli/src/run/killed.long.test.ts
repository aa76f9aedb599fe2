import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { randomKey, uniformAt } from 'heed/internals'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heed, temporaryFolder, writeReader } from '../testing.js'

const thoroughness = Number(process.env['HEED_LONG'] ?? 1)
const seed = Number(process.env['HEED_SEED'] ?? 1)

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)
const questions = 1500

beforeAll(async () => {
  await writeReader(at('model'), { architectures: ['BertForQuestionAnswering'] })
  const lines = Array.from({ length: questions }, (_, i) =>
    JSON.stringify({ question: `Who sat ${i}?`, context: 'The cat sat on the mat. '.repeat(1 + (i % 40)) }),
  )
  for (let i = 13; i < questions; i += 97) lines[i] = lines[i]!.slice(0, -3)
  writeFileSync(at('questions.jsonl'), lines.join('\n'))
})

test('a batch whose process is killed again and again, at random, ends as one that is not', async () => {
  const binary = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))
  const command = [
    'run',
    'question-answering',
    '--model',
    at('model'),
    '--input',
    at('questions.jsonl'),
    '--output',
  ]
  const whole = await heed([...command, at('whole.jsonl')])
  expect(whole.err).toContain(`wrote ${at('whole.jsonl')}: ${questions} results`)
  const expected = readFileSync(at('whole.jsonl'), 'utf8')
  const kills = 10 * thoroughness
  const output = at('killed.jsonl')
  const results = `${output}.partial/results`
  const size = (): number => (existsSync(results) ? readFileSync(results).length : 0)
  for (let i = 0; i < kills && !existsSync(output); i++) {
    const child = spawn(process.execPath, [binary, ...command, output], {
      stdio: 'ignore',
      env: { ...process.env, HEED_CACHE: '', HEED_THREADS: '2' },
    })
    const closed = once(child, 'close')
    // Each one gets some way: what is killed before its first result leaves nothing to go on from.
    const before = size()
    while (child.exitCode === null && size() === before) await new Promise((done) => setTimeout(done, 5))
    await new Promise((done) => setTimeout(done, 300 * uniformAt(randomKey(seed, 'kill'), i)))
    child.kill('SIGKILL')
    await closed
  }
  await heed([...command, output])
  expect(readFileSync(output, 'utf8') === expected).toBe(true)
  expect(existsSync(`${output}.partial`)).toBe(false)
}, 1_800_000)
