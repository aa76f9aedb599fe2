import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FormatError } from 'heed'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { readDocuments } from './documents.js'

const folder = temporaryFolder()
afterAll(folder.remove)

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder.path, name)
  writeFileSync(path, content)
  return path
}

const texts = async (name: string, content: string) => (await readDocuments([file(name, content)])).texts

test('plain text: documents between blank lines', async () => {
  expect(await texts('a.txt', '\nOne\nstill one.\n\n \t\n\nTwo\r\n\r\nThree\n')).toEqual([
    'One\nstill one.',
    'Two',
    'Three',
  ])
})

test('plain text with end-of-text marks: blank lines belong to the documents', async () => {
  expect(await texts('b.txt', 'One\n\nstill one.<|endoftext|>\nTwo<|endoftext|><|endoftext|>')).toEqual([
    'One\n\nstill one.',
    'Two',
  ])
})

test('JSON lines: the text of each', async () => {
  const content = '{"text": "One\\n\\nstill one."}\n\n{"source": "x", "text": " Two "}\n{"text": ""}\n'
  expect(await texts('c.jsonl', content)).toEqual(['One\n\nstill one.', 'Two'])
})

test('several files in order, with their size and checksum', async () => {
  const files = [file('d.txt', 'A\n\nB'), file('e.jsonl', '{"text": "ü"}\n')]
  const documents = await readDocuments(files)
  expect(documents.texts).toEqual(['A', 'B', 'ü'])
  expect(documents.bytes).toBe(4)
  expect(documents.sha256).not.toBe((await readDocuments(files.toReversed())).sha256)
})

test('the checksum is of the documents: what a file is called and where documents begin changes it', async () => {
  const sum = async (...files: readonly (readonly [string, string])[]) =>
    (await readDocuments(files.map(([name, content]) => file(name, content)))).sha256
  const lines = '{"text": "One"}\n{"text": "Two"}\n'
  const sums = [
    await sum(['f.txt', lines]),
    await sum(['f.jsonl', lines]),
    await sum(['f.txt', 'OneTwo']),
    await sum(['f.txt', 'On'], ['g.txt', 'eTwo']),
    await sum(['f.txt', 'Two'], ['g.txt', 'One']),
  ]
  expect(new Set(sums).size).toBe(sums.length)
  // The same documents, in other files.
  for (const name of ['f.JSONL', 'f.ndjson', 'f.NdJson']) expect(await sum([name, lines])).toBe(sums[1])
  expect(await sum(['f.txt', 'One\n\nTwo'])).toBe(sums[1])
  expect(await sum(['f.txt', 'One'], ['g.txt', 'Two'])).toBe(sums[1])
})

test.each<[string, string | Uint8Array, RegExp]>([
  ['bad.jsonl', '{"text": "a"}\n{"txt": "b"}\n', /a field 'text' in line 2 of '.*bad\.jsonl', found txt/],
  ['worse.jsonl', 'plain text', /a value of JSON, found plain at 1:1 of '.*, line 1'/],
  ['null.jsonl', 'null', /an object, found null at 1:1 of '.*, line 1'/],
  ['bytes.txt', Uint8Array.of(0x61, 0xff, 0xfe), /text in UTF-8/],
])('%s is refused', async (name, content, message) => {
  const error = await readDocuments([file(name, content)]).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FormatError)
  expect((error as FormatError).message).toMatch(message)
  expect((error as FormatError).file).toContain(name)
})

test('a file that is not there', async () => {
  await expect(readDocuments([join(folder.path, 'no')])).rejects.toThrow(
    /a file that can be read, found nothing at '/,
  )
})
