import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { trainByteLevel } from '../text/index.js'
import { cachedTokens, encodeDocuments } from './index.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-encode-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('documents become one stream, each after the separator', () => {
  const tokenizer = trainByteLevel(['to be or not to be'], { vocabularySize: 270, special: ['<end>'] })
  const end = tokenizer.id('<end>')!
  const documents = ['to be', '', 'or <end> not', 'x'.repeat(100_000)]
  const ids = encodeDocuments(tokenizer, documents, { separator: end })
  expect(ids).toBeInstanceOf(Uint16Array)
  const parts: number[][] = []
  for (const id of ids) {
    if (id === end) parts.push([])
    else parts.at(-1)!.push(id)
  }
  // A special token that is written out in a document stays text.
  expect(parts.map((part) => tokenizer.decode(part))).toEqual(documents)
  expect(encodeDocuments(tokenizer, documents)).toHaveLength(ids.length - 4)
  expect(encodeDocuments(tokenizer, [])).toHaveLength(0)
  expect(() => encodeDocuments(tokenizer, documents, { separator: 5000 })).toThrow(/a separator from 0 to/)
  // A string is an iterable of strings: its characters.
  expect(() => encodeDocuments(tokenizer, 'to be')).toThrow(
    'encodeDocuments: expected a list of texts, found one string; write [text] for a single text',
  )
})

test('tokens are kept in a file until what they depend on changes', async () => {
  const path = join(folder, 'tokens')
  let made = 0
  const get = (fingerprint: string, tokens: Uint16Array | Uint32Array | Int32Array) =>
    cachedTokens(path, fingerprint, () => {
      made++
      return tokens
    })
  for (const tokens of [
    Uint16Array.of(1, 65535),
    Uint32Array.of(70000, 2),
    Int32Array.of(3),
    new Uint16Array(0),
  ]) {
    made = 0
    const fingerprint = `of ${tokens.constructor.name} ${tokens.length}`
    expect(await get(fingerprint, tokens)).toEqual(tokens)
    expect(await get(fingerprint, tokens)).toEqual(tokens)
    expect(made).toBe(1)
  }
  made = 0
  await get('another', Uint16Array.of(7))
  expect(made).toBe(1)
  const bytes = await readFile(path)
  await writeFile(path, bytes.subarray(0, bytes.length - 1))
  expect(await get('another', Uint16Array.of(7))).toEqual(Uint16Array.of(7))
  expect(made).toBe(2)
  for (let bit = 0; bit < 16; bit++) {
    const flipped = await readFile(path)
    flipped[flipped.length - 1 - (bit >> 3)]! ^= 1 << (bit & 7)
    await writeFile(path, flipped)
    expect(await get('another', Uint16Array.of(7))).toEqual(Uint16Array.of(7))
    expect(made).toBe(3 + bit)
    expect(await get('another', Uint16Array.of(8))).toEqual(Uint16Array.of(7))
  }
  await rm(path)
  await mkdir(path)
  await expect(get('another', Uint16Array.of(7))).rejects.toThrow(/'.*tokens', found E/)
  await expect(cachedTokens(join(folder, 'none', 'tokens'), '', () => Uint16Array.of(1))).rejects.toThrow(
    /writeFileWhole/,
  )
})
