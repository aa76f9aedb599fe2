import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FormatError } from '../base/index.js'
import { openCheckpoint } from './stored-model.js'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-llama2c-'))
  path = join(folder, 'stories.bin')
  // 259 tokens, a width of 4, one layer.
  const model = new Uint8Array(28 + 4 * (4 * 259 + 120))
  model.set(new Uint8Array(Int32Array.of(4, 3, 1, 1, 1, 259, 2).buffer))
  writeFileSync(path, model)
})
afterAll(() => rmSync(folder, { recursive: true }))

const vocabulary = (): Uint8Array => {
  const byte = (i: number): string => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`
  const pieces = ['<unk>', '\n<s>\n', '\n</s>\n', ...Array.from({ length: 256 }, (_, i) => byte(i))]
  const parts = pieces.flatMap((piece) => [
    0,
    0,
    0,
    0,
    piece.length,
    0,
    0,
    0,
    ...new TextEncoder().encode(piece),
  ])
  return Uint8Array.from([6, 0, 0, 0, ...parts])
}

test('a file of llama2.c has its tokenizer in the same folder', () => {
  const bare = openCheckpoint(path)
  expect([bare.format, bare.hasTokenizer]).toEqual(['llama2.c', false])
  expect(() => bare.tokenizer()).toThrow(FormatError)
  expect(() => bare.tokenizer()).toThrow(/tokenizer\.bin beside '.*stories\.bin', found none/)
  for (const name of ['tokenizer.bin', 'tok259.bin']) {
    writeFileSync(join(folder, name), vocabulary())
    const found = openCheckpoint(path)
    expect(found.hasTokenizer).toBe(true)
    expect([...found.tokenizer().encode('A').ids]).toEqual([1, 3 + 0xe2, 3 + 0x96, 3 + 0x81, 3 + 65])
    // The one that is named after the number of tokens comes first.
    writeFileSync(join(folder, 'tokenizer.bin'), 'another')
  }
})
