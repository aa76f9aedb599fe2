import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listenForInterruption } from './interruption.js'
import { temporaryFolder, writeModel } from './testing.js'

const folder = temporaryFolder()
beforeAll(() => writeModel(folder.path))
afterAll(folder.remove)

test('the first signal aborts; afterwards nobody listens', () => {
  const before = process.listenerCount('SIGINT')
  let told = 0
  const interruption = listenForInterruption(() => told++)
  process.emit('SIGINT')
  expect(interruption.signal.aborted).toBe(true)
  expect(told).toBe(1)
  interruption.end()
  expect(process.listenerCount('SIGINT')).toBe(before)
})

test('Ctrl-C stops a text being written, cleanly', async () => {
  const binary = fileURLToPath(new URL('../bin/heed.js', import.meta.url))
  const args = ['generate', 'The cat', '--tokens', '1000000', '--temperature', '0', '--model', folder.path]
  const child = spawn(process.execPath, [binary, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.setEncoding('utf8')
  child.stderr.setEncoding('utf8')
  let [out, err, sent] = ['', '', false]
  child.stderr.on('data', (text: string) => (err += text))
  child.stdout.on('data', (text: string) => {
    out += text
    // A second one would end it at once.
    if (!sent && out.length > 20) sent = child.kill('SIGINT')
  })
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect({ status, signal, err }).toEqual({ status: 0, signal: null, err: '' })
  expect(out).toMatch(/^The cat/)
  expect(out.endsWith('\n')).toBe(true)
})
