import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { npyHead, openVectorFile } from '../embed/vector-file.js'
import { heed, temporaryFolder, tinyConfigs, writeCheckpoint } from '../testing.js'

const folder = temporaryFolder()
const at = (name: string): string => join(folder.path, name)
const texts = ['The cat sat', 'on the mat', 'a chair', 'The cat sat on the chair']
beforeAll(() => {
  mkdirSync(at('model'))
  writeCheckpoint(at('model'), tinyConfigs.encoder)
  writeFileSync(at('texts.txt'), `${texts.join('\n')}\n`)
})
afterAll(folder.remove)

const embed = (...args: readonly string[]) => heed(['embed', '--model', at('model'), ...args])
const numbersIn = (path: string): Float32Array => {
  const bytes = readFileSync(path).subarray(128)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

test('lines of JSON and an array have the same vectors, in the order of the texts', async () => {
  const { status, out } = await embed(...texts.flatMap((text) => ['--text', text]))
  expect(status).toBe(0)
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { text: string; embedding: number[] })
  expect(lines.map(({ text }) => text)).toEqual(texts)
  const written = await embed(at('texts.txt'), '--output', at('vectors.npy'))
  expect(written.err).toBe(`wrote ${at('vectors.npy')}: 4 vectors of 32 numbers\n`)
  expect(readFileSync(at('vectors.npy')).subarray(0, 128)).toEqual(Buffer.from(npyHead(4, 32)))
  const all = lines.flatMap(({ embedding }) => embedding)
  const largest = numbersIn(at('vectors.npy')).reduce(
    (most, one, i) => Math.max(most, Math.abs(one - all[i]!)),
    0,
  )
  expect(largest).toBeLessThan(1e-5)
  await embed(at('texts.txt'), '--output', at('vectors.jsonl'))
  expect(readFileSync(at('vectors.jsonl'), 'utf8')).toBe(out)
  expect(['npy', 'jsonl'].filter((end) => existsSync(at(`vectors.${end}.partial`)))).toEqual([])
})

test('work that was stopped goes on; other work, and another process, are refused', async () => {
  await embed(at('texts.txt'), '--output', at('whole.npy'))
  const whole = readFileSync(at('whole.npy'))
  const path = at('begun.npy')
  const begun = await openVectorFile(path, 2, 'same')
  await begun.append(['a'], [Float32Array.of(1, 2)])
  await expect(openVectorFile(path, 2, 'same')).rejects.toThrow(/no other work in/)
  await begun.close()
  // What a crash left behind the last note doesn't count.
  appendFileSync(`${path}.partial/vectors`, 'xyz')
  await expect(openVectorFile(path, 2, 'other')).rejects.toThrow(/what other work has left/)
  const again = await openVectorFile(path, 2, 'same')
  expect(again.rows).toBe(1)
  await again.append(['b'], [Float32Array.of(3, 4)])
  await again.finish()
  await again.close()
  expect([...numbersIn(path)]).toEqual([1, 2, 3, 4])
  expect(readdirSync(folder.path).filter((name) => name.startsWith('begun'))).toEqual(['begun.npy'])
  expect(whole.length).toBe(128 + 4 * 4 * 32)
})

test.each([
  [[], /files of texts, or --text/],
  [['--text', 'a', '--output', 'vectors.txt'], /--output to end in/],
  [['--text', 'a', '--prompt-name', 'query'], /one of the model's prompts/],
] as const)('%j is refused', async (args, message) => {
  const { status, err } = await embed(...args)
  expect(status).toBe(2)
  expect(err).toMatch(message)
})
