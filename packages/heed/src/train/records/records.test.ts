import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { FormatError, UsageError } from '../../base/index.js'
import { type DataSource, loadRecords, readRecords, recordOrigin } from './index.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-records-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(path: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, path), content)
  return path
}

const load = (source: DataSource) => loadRecords(source, { folder })
const failure = async (source: DataSource): Promise<Error> =>
  load(source).then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error,
  )

test('a table: quotation marks, line breaks in them, a byte order mark, both ends of lines', async () => {
  const path = write(
    'a.csv',
    '\ufefftext,label\r\n"One, ""two""\nthree",x\r\n\r\nplain "quoted" text,y\n"",z\n"last",',
  )
  const records = await load({ path })
  expect(records).toEqual([
    { text: 'One, "two"\nthree', label: 'x' },
    { text: 'plain "quoted" text', label: 'y' },
    { text: '', label: 'z' },
    { text: 'last', label: '' },
  ])
  expect(records.map((record) => recordOrigin(record)?.line)).toEqual([2, 5, 6, 7])
})

test('a table reads the same however its bytes are cut', async () => {
  const text = 'text,label\n"a ""b"",\r\nc",1\r\nd,"e"\n'
  const { tableRows } = await import('./table.js')
  const rowsOf = async (size: number): Promise<string> => {
    async function* pieces() {
      for (let i = 0; i < text.length; i += size) yield { text: text.slice(i, i + size), bytes: i }
    }
    const rows: unknown[] = []
    for await (const row of tableRows(
      pieces(),
      { separator: ',', quotes: true },
      { operation: 'x', name: 'y' },
    ))
      rows.push(row)
    return JSON.stringify(rows)
  }
  const whole = await rowsOf(1000)
  expect(whole).toBe(
    JSON.stringify([
      { cells: ['text', 'label'], line: 1 },
      { cells: ['a "b",\r\nc', '1'], line: 2 },
      { cells: ['d', 'e'], line: 4 },
    ]),
  )
  for (const size of [1, 2, 3, 5]) expect(await rowsOf(size)).toBe(whole)
})

test('tabs, packed, without a first row of names; scores are numbers and words lists', async () => {
  const path = write('b.tsv.gz', gzipSync('He said "no\t4.5\tO B-PER\n'))
  const source = { path, columns: ['said', 'score', 'tags'] }
  expect(await load({ ...source, fields: { text: 'said', score: 'score', labels: 'tags' } })).toEqual([
    { text: 'He said "no', score: 4.5, labels: ['O', 'B-PER'] },
  ])
})

test('JSON lines: members, members of members, several as a list, names of labels', async () => {
  const path = write(
    'c.jsonl',
    '{"pair": {"en": "a", "de": "b"}, "class": 1, "no": ["c", "C"]}\n\n{"pair": {"en": "d"}, "class": 2, "no": ["e"]}\n{"pair": {"en": "f", "de": "g"}, "class": 0, "no": ["h"]}\n',
  )
  const records = await load({
    path,
    fields: { text: 'pair.en', pair: 'no', label: 'class', negatives: ['pair.en', 'no.0'] },
    labels: { 0: 'low', 1: 'high', 2: null },
  })
  expect(records).toEqual([
    { text: 'a', pair: 'c C', label: 'high', negatives: ['a', 'c'] },
    { text: 'f', pair: 'h', label: 'low', negatives: ['f', 'h'] },
  ])
  expect(records.map((record) => recordOrigin(record)?.line)).toEqual([1, 4])
})

test('questions: an article a line, a question a line, the official file', async () => {
  const context = 'A 😀 cat sat. A cat.'
  const expected = { question: 'Who?', context, answers: [{ text: 'cat', start: context.indexOf('cat') }] }
  const article = (qas: unknown) => ({ title: 'T', paragraphs: [{ context, qas }] })
  const short = article([
    { q: 'Who?', a: ['cat'] },
    { q: 'Why?', a: [] },
  ])
  const lines = write('d.jsonl', `${JSON.stringify(short)}\n`)
  expect(await load({ path: lines, format: 'squad' })).toEqual([
    { id: 'T/0/0', title: 'T', ...expected },
    { id: 'T/0/1', title: 'T', question: 'Why?', context, answers: [], impossible: true },
  ])
  // The official file counts characters, not UTF-16 code units.
  const official = article([
    { id: 'q1', question: 'Who?', answers: [{ text: 'cat', answer_start: 4 }] },
    { id: 'q2', question: 'Why?', answers: [], is_impossible: true, plausible_answers: [] },
  ])
  const whole = write('d.json', JSON.stringify({ version: '2.0', data: [official] }, null, 1))
  expect(await load({ path: whole })).toEqual([
    { id: 'q1', title: 'T', ...expected },
    { id: 'q2', title: 'T', question: 'Why?', context, answers: [], impossible: true },
  ])
  const row = { id: 'r', context, question: 'Who?', answers: { text: ['cat'], answer_start: [15] } }
  const rows = write('rows.jsonl', JSON.stringify(row))
  expect(
    await load({ path: rows, format: 'squad', fields: { query: 'question', answers: 'answers' } }),
  ).toEqual([{ query: 'Who?', answers: [{ text: 'cat', start: 16 }] }])
})

test('texts: documents, and lines', async () => {
  const path = write('e.txt', '\n\nOne\nstill one.\n\n \t\nTwo\r\n\r\nThree\n')
  const documents = await load({ path })
  expect(documents.map(({ text }) => text)).toEqual(['One\nstill one.', 'Two', 'Three'])
  expect(documents.map((record) => recordOrigin(record)?.line)).toEqual([3, 7, 9])
  const lines = await load({ path, format: 'lines' })
  expect(lines.map(({ text }) => text)).toEqual(['One', 'still one.', 'Two', 'Three'])
})

test('parts: every record in one of them, equal texts in the same', async () => {
  const rows = Array.from({ length: 400 }, (_, i) => `premise ${i >> 1},hypothesis ${i}`)
  const path = write('f.csv', `premise,hypothesis\n${rows.join('\n')}\n`)
  const fields = { text: 'premise', pair: 'hypothesis' }
  const part = (...take: number[]) => load({ path, fields, part: { by: 'premise', of: 4, take } })
  const [first, others] = await Promise.all([part(0), part(1, 2, 3)])
  expect(first.length + others.length).toBe(400)
  expect(first.length).toBeGreaterThan(60)
  expect(first.length).toBeLessThan(140)
  const premises = new Set(first.map(({ text }) => text))
  expect(others.filter(({ text }) => premises.has(text))).toEqual([])
  // By the record's own name, and limited.
  expect(await load({ path, fields, part: { by: 'text', of: 4, take: [0] }, limit: 3 })).toEqual(
    first.slice(0, 3),
  )
})

test('several files in order; a path with a variable', async () => {
  const environment = { DATA: folder }
  const sources = ['f.csv', 'a.csv'].map((name) => ({ path: `\${DATA}/${name}`, limit: 1 }))
  expect(await loadRecords(sources, { environment })).toEqual([
    { premise: 'premise 0', hypothesis: 'hypothesis 0' },
    { text: 'One, "two"\nthree', label: 'x' },
  ])
  await expect(loadRecords({ path: '$NO_SUCH/a.csv' }, { environment })).rejects.toThrow(
    /the environment variable NO_SUCH/,
  )
})

test('reading can end early', async () => {
  const path = write('endless.jsonl', '{"text": "a"}\n'.repeat(200_000))
  for await (const record of readRecords({ path: join(folder, path) })) {
    expect(record).toEqual({ text: 'a' })
    break
  }
})

const bad: readonly (readonly [
  name: string,
  content: string | Uint8Array,
  source: object,
  message: RegExp,
])[] = [
  ['open.csv', 'text,label\na,1\n"b,2\nc,3\n', {}, /the quotation mark of line 3 to be closed/],
  ['behind.csv', 'text\n"a"b\n', {}, /behind a closing quotation mark on line 2/],
  [
    'cells.csv',
    'text,label\na,1\n\nb\n',
    {},
    /2 cells, one for each column, in line 4 of '.*cells\.csv', found 1/,
  ],
  ['twice.csv', 'text,text\na,1\n', {}, /names of their own in line 1/],
  [
    'column.csv',
    'premise\na\n',
    { fields: { text: 'premis' } },
    /a field 'premis' in line 2 .*did you mean 'premise'/,
  ],
  ['score.csv', 'score\nmany\n', {}, /'score' in line 2 of '.*' to be a number, found "many"/],
  [
    'label.csv',
    'label\nentailmen\n',
    { labels: { entailment: 'yes' } },
    /in line 2 of .*did you mean 'entailment'/,
  ],
  ['lines.jsonl', '{"text": "a"}\n{"text": \n', {}, /line 2/],
  ['list.jsonl', '[1]\n', {}, /an object/],
  ['number.jsonl', '{"text": 1}\n', {}, /'text' in line 1 of '.*' to be a text, found 1/],
  ['none.jsonl', '\n\n', {}, /at least one record, found none/],
  [
    'article.jsonl',
    '{"paragraphs": [{"context": "abc", "qas": [{"q": "?", "a": ["d"]}]}]}',
    { format: 'squad' },
    /paragraphs\[0\]\.qas\[0\]\.a\[0\].*a text that the context has, found "d"/,
  ],
  [
    'start.json',
    '{"data": [{"paragraphs": [{"context": "abc", "qas": [{"question": "?", "answers": [{"text": "c", "answer_start": 1}]}]}]}]}',
    {},
    /answer_start .*where the context has "c", found "b"/,
  ],
  ['nodata.json', '{"version": "1"}', {}, /a member 'data'/],
  ['bytes.txt', Uint8Array.of(0x61, 0xff, 0xfe), {}, /text in UTF-8/],
  ['packed.csv.gz', 'text\na\n', {}, /a file that can be read and unpacked/],
  ['cut.csv.gz', gzipSync('text\n'.repeat(1000)).subarray(0, 20), {}, /a file that can be read and unpacked/],
]

test.each(bad)('%s is refused', async (path, content, source, message) => {
  const error = await failure({ path: write(path, content), ...source })
  expect(error).toBeInstanceOf(FormatError)
  expect(error.message).toMatch(message)
  expect((error as FormatError).file).toMatch(/\w$/)
})

test('a file that is not there', async () => {
  expect(await failure({ path: 'no.csv' })).toMatchObject({
    found: expect.stringMatching(/^nothing at '.*no\.csv/),
  })
  expect(await failure({ path: 'no.csv.gz' })).toMatchObject({
    found: expect.stringMatching(/^nothing at '.*no\.csv/),
  })
})

test.each<[object, RegExp]>([
  [{ pth: 'a' }, /did you mean 'path'/],
  [{ path: '' }, /the path of a file/],
  [{ path: 'a.csv', format: 'cvs' }, /a format of .*did you mean 'csv'/],
  [{ path: 'a.csv', limit: 0 }, /limit to be a whole number from 1/],
  [{ path: 'a.csv', fields: { lable: 'x' } }, /did you mean 'label'/],
  [
    { path: 'a.csv', part: { by: 'text', of: 2, take: [2] } },
    /part\.take to be a list of numbers from 0 to 1/,
  ],
  [{ path: 'a.csv', part: { by: 'text', of: 0, take: [0] } }, /part\.of/],
  [{ path: 'a.csv', columns: ['a', 'a'] }, /names of their own/],
])('%o makes no sense', async (source, message) => {
  const error = await failure(source as DataSource)
  expect(error).toBeInstanceOf(UsageError)
  expect(error.message).toMatch(message)
})

test("a picture's path is relative to the file that names it", async () => {
  const path = write(
    'pictures.jsonl',
    '{"image":"small/a.png","text":"a cat"}\n{"image":"/b.png","text":"b"}\n',
  )
  expect((await load({ path })).map(({ image }) => image)).toEqual([join(folder, 'small', 'a.png'), '/b.png'])
  const renamed = await load({ path, fields: { image: 'image', target: 'text' }, limit: 1 })
  expect(renamed).toEqual([{ image: join(folder, 'small', 'a.png'), target: 'a cat' }])
  write('wrong.jsonl', '{"image":7,"text":"a cat"}\n')
  expect((await failure({ path: 'wrong.jsonl' })).message).toMatch(
    /'image' in line 1.*the path of a file, found 7/,
  )
})
