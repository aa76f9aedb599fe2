import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import type { Fields } from './fields.js'
import { itemsIn, type InputChoice, type Item } from './items.js'
import { taskList } from './task-list.js'

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)

beforeAll(() => {
  writeFileSync(at('lines.txt'), 'one\r\n\n two\nthree')
  mkdirSync(at('texts/more'), { recursive: true })
  mkdirSync(at('empty'))
  writeFileSync(at('texts/b.txt'), 'B\nb\n')
  writeFileSync(at('texts/a.txt'), 'A\n')
  writeFileSync(at('texts/.hidden'), 'x')
  writeFileSync(at('texts/more/c.bin'), Uint8Array.of(0x50, 0xff, 0xfe))
  writeFileSync(
    at('lines.jsonl'),
    '{"text": "one", "text_pair": null, "id": "x"}\n"two"\n{"text": "a", "text_pair": "b"}\n',
  )
})

async function read(name: string, choice: InputChoice, given: Fields = {}): Promise<Item[]> {
  const task = taskList.find((one) => one.name === name)!
  const items: Item[] = []
  for await (const item of itemsIn(task, choice, given, new AbortController().signal)) items.push(item)
  return items
}
const short = (items: readonly Item[]): unknown[] =>
  items.map(({ place, inputs }) => [place, inputs instanceof Error ? inputs.name : inputs[0]])

test('lines, whole files, lines of JSON, and a folder', async () => {
  expect(short(await read('text-classification', { path: at('lines.txt') }))).toEqual([
    [{ line: 1 }, { text: 'one' }],
    [{ line: 3 }, { text: ' two' }],
    [{ line: 4 }, { text: 'three' }],
  ])
  const [whole] = await read('question-answering', { path: at('lines.txt') }, { question: 'q' })
  expect(whole!.inputs).toEqual([{ question: 'q', context: 'one\r\n\n two\nthree' }])
  expect(short(await read('text-classification', { path: at('lines.jsonl') }, {}))).toEqual([
    [{ line: 1, id: 'x' }, { text: 'one' }],
    [{ line: 2 }, { text: 'two' }],
    [{ line: 3 }, { text: 'a', text_pair: 'b' }],
  ])
  expect(short(await read('text-classification', { path: at('texts') }, { text_pair: 'p' }))).toEqual([
    [{ file: 'a.txt' }, { text: 'A\n', text_pair: 'p' }],
    [{ file: 'b.txt' }, { text: 'B\nb\n', text_pair: 'p' }],
    [{ file: 'more/c.bin' }, 'FormatError'],
  ])
  expect(short(await read('summarization', { path: at('lines.txt'), each: 'line' }))).toHaveLength(3)
})

test('records of data name a pair as they do for evaluation; a misspelled input is refused', async () => {
  writeFileSync(
    at('pairs.jsonl'),
    '{"text": "a", "pair": "b", "label": "x"}\n{"text": "a", "txet_pair": "b"}\n{"text": "a", "source": "s"}\n',
  )
  expect(short(await read('text-classification', { path: at('pairs.jsonl') }))).toEqual([
    [{ line: 1 }, { text: 'a', text_pair: 'b' }],
    [{ line: 2 }, 'FormatError'],
    [{ line: 3 }, { text: 'a' }],
  ])
  const given = await read('text-classification', { path: at('pairs.jsonl') }, { text_pair: 'p' })
  expect(short(given)[1]).toEqual([{ line: 2 }, { text: 'a', text_pair: 'p' }])
})

test('the texts of a list are one input; lines of JSON have one each', async () => {
  const query = { query: 'q' }
  expect(short(await read('rerank', { path: at('lines.txt') }, query))).toEqual([
    [{}, { query: 'q', documents: ['one', ' two', 'three'] }],
  ])
  writeFileSync(
    at('queries.txt'),
    '{"query": "q", "documents": ["a", "b"]}\n{"query": "q", "documents": [1]}',
  )
  expect(short(await read('rerank', { path: at('queries.txt'), jsonLines: true }))).toEqual([
    [{ line: 1 }, { query: 'q', documents: ['a', 'b'] }],
    [{ line: 2 }, 'FormatError'],
  ])
})

test.each([
  ['nothing', /expected a file or a folder/],
  ['empty', /expected files in/],
  ['texts/more/c.bin', /expected text in UTF-8/],
])('%s is refused', async (name, message) => {
  await expect(read('text-classification', { path: at(name) })).rejects.toThrow(message)
})
