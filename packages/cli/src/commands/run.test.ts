import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { randomKey, uniformAt } from 'heed/internals'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { heed, temporaryFolder, tinyConfigs, writeCheckpoint, writeReader } from '../testing.js'

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)
const labels = { 0: 'entailment', 1: 'neutral', 2: 'contradiction' }

beforeAll(async () => {
  await writeReader(at('pairs'), { architectures: ['BertForSequenceClassification'], id2label: labels })
  await writeReader(at('answers'), { architectures: ['BertForQuestionAnswering'] })
  const entities = { 0: 'O', 1: 'B-PER', 2: 'B-LOC' }
  await writeReader(at('entities'), { architectures: ['BertForTokenClassification'], id2label: entities })
  await writeReader(at('masks'), { architectures: ['BertForMaskedLM'] })
  await writeReader(at('cross'), {
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'relevant' },
  })
  await writeReader(at('vectors'), {})
  for (const [name, config] of [
    ['writer', tinyConfigs.decoder],
    ['sources', tinyConfigs.encoderDecoder],
  ] as const) {
    mkdirSync(at(name))
    writeCheckpoint(at(name), config)
  }
})

const context = 'The cat sat on the mat. A dog runs in the park.'

/** What each task shows, with `--attend`, and what its line of JSON has. */
test.each<[task: string, model: string, args: readonly string[], shown: RegExp, json: object]>([
  [
    'question-answering',
    'answers',
    ['Who sat?', context],
    /Who sat\?\n.*‹[^]*›[^]*what the answer's (start|token)/,
    { answer: expect.any(String), start: expect.any(Number) },
  ],
  [
    'zero-shot-classification',
    'pairs',
    ['The cat sat.', 'cat', 'dog'],
    /cat +0\.\d{3} {2}█[^]*those about “/,
    { labels: expect.any(Array), scores: expect.any(Array) },
  ],
  [
    'token-classification',
    'entities',
    ['Paris is the capital.'],
    /‹.* (PER|LOC)›[^]*what “.*” attended to/,
    expect.arrayContaining([
      expect.objectContaining({ entity_group: expect.any(String), start: 0 }),
    ]) as object,
  ],
  [
    'fill-mask',
    'masks',
    ['The cat [MASK].', '--top-k', '2'],
    /‹\[MASK\]›[^]*what the mask attended to/,
    [{ token_str: expect.any(String) }, { mask: 0 }],
  ],
  [
    'sentence-similarity',
    'vectors',
    ['A cat.', 'A dog.', 'The play.'],
    /█[^]*what the sentence attended to[^]*what the nearest/,
    [{ sentence: expect.any(String) }, { score: expect.any(Number) }],
  ],
  [
    'rerank',
    'cross',
    ['A cat.', 'A dog.', 'The play.'],
    /-?\d\.\d{3} [^]*those of the best document/,
    [{ document: expect.any(String) }, { index: expect.any(Number) }],
  ],
  [
    'rerank',
    'vectors',
    ['A cat.', 'A dog.', '--method', 'late'],
    /how alike tokens of the query/,
    [{ document: 'A dog.' }],
  ],
  [
    'feature-extraction',
    'vectors',
    ['A cat.', '--dimensions', '2'],
    /2 numbers, length/,
    [expect.any(Number), expect.any(Number)],
  ],
  [
    'text-generation',
    'writer',
    ['The cat', '--max-new-tokens', '5'],
    /‹The cat›[^]*what the last token attended to/,
    [{ generated_text: expect.stringMatching(/^The cat/) }],
  ],
  [
    'summarization',
    'sources',
    ['The cat sat.', '--max-new-tokens', '5'],
    /what the text attended to/,
    { summary_text: expect.any(String) },
  ],
])('%s shows its result and what was attended', async (task, model, args, shown, json) => {
  const command = ['run', task, ...args, '--model', at(model)]
  const plain = await heed([...command, '--attend', '--html', at(`${task}.html`)])
  expect(plain).toMatchObject({ status: 0, err: `wrote ${at(`${task}.html`)}\n` })
  expect(plain.out).toMatch(shown)
  const page = readFileSync(at(`${task}.html`), 'utf8')
  expect(page).toContain('id="payload"')
  // What a page is about: of an answer the question.
  if (task === 'question-answering') expect(page).toContain(`<title>“${args[0]}”`)
  const { status, out } = await heed([...command, '--json'])
  expect(status).toBe(0)
  expect((JSON.parse(out) as Line).result).toMatchObject(json)
})

const classify = (...args: readonly string[]) =>
  heed(['run', 'text-classification', '--model', at('pairs'), ...args])

interface Line {
  readonly line?: number
  readonly result?: readonly { readonly label: string; readonly score: number }[]
  readonly error?: { readonly name: string; readonly message: string }
}
const linesOf = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

test('alone it lists the tasks; each has its help; a wrong name is refused with the nearest', async () => {
  const { status, out } = await heed(['run'])
  expect(status).toBe(0)
  for (const name of ['question-answering', 'text-classification', 'rerank', 'summarization'])
    expect(out).toContain(name)
  const help = await heed(['run', 'question-answering', '--help'])
  expect(help.status).toBe(0)
  expect(help.out).toMatch(/--top-k <k>[^]*Examples:\n {2}\$ heed run question-answering "/)
  const wrong = await heed(['run', 'txt-clasification', 'a', '--top-k', '2'])
  expect(wrong).toMatchObject({ status: 2, out: '' })
  expect(wrong.err).toBe(
    "heed: run: expected a task, found 'txt-clasification'; did you mean 'text-classification'?\n",
  )
})

test('a pair of texts: labels with bars, what the words met, JSON and a page', async () => {
  const args = ['A dog runs.', 'The cat sat.', '--top-k', '2']
  const plain = await classify(...args, '--attend', '--html', at('page.html'))
  expect(plain).toMatchObject({ status: 0, err: `wrote ${at('page.html')}\n` })
  expect(plain.out).toMatch(/^A dog runs\.\n\nsecond text\nThe cat sat\.\n\n\w+ +0\.\d{3} {2}█/)
  expect(plain.out).toMatch(/keys: 0 A {2}1 dog {2}2 runs {2}3 \./)
  const page = readFileSync(at('page.html'), 'utf8')
  expect(page).toContain('<h2>text-classification</h2>')
  expect(page).toMatch(/<th scope="col"><bdi>dog<\/bdi><\/th>/)
  const { out } = await classify(...args, '--json')
  const [line, ...others] = linesOf(out)
  expect(others).toEqual([])
  expect(line!.result).toHaveLength(2)
  expect(plain.out).toContain(`${line!.result![0]!.label}`)
  expect(plain.out).toContain(line!.result![0]!.score.toFixed(3))
  const narrow = await heed(
    ['run', 'text-classification', '--model', at('pairs'), ...args, '--attend'],
    {},
    { columns: 24 },
  )
  expect(Math.max(...narrow.out.split('\n').map((one) => one.length))).toBeLessThanOrEqual(24)
})

test('lines, lines of JSON and a folder; one that can not be run keeps no other from it', async () => {
  writeFileSync(at('lines.txt'), 'A dog runs.\n\nThe cat sat.\n')
  const lines = linesOf((await classify('--input', at('lines.txt'), '--json')).out)
  expect(lines.map(({ line }) => line)).toEqual([1, 3])
  writeFileSync(at('lines.jsonl'), '{"text": "A dog runs."}\n{"text": 1}\n"The cat sat."\n')
  const { status, out, err } = await classify('--input', at('lines.jsonl'), '--json')
  expect({ status, err }).toEqual({
    status: 1,
    err: 'heed: run: 1 of 3 inputs failed; their lines say why\n',
  })
  const read = linesOf(out)
  expect(read.map(({ error }) => error?.name)).toEqual([undefined, 'FormatError', undefined])
  expect([read[0]!.result, read[2]!.result]).toEqual(lines.map(({ result }) => result))
  mkdirSync(at('texts'))
  writeFileSync(at('texts/a.txt'), 'A dog runs.')
  writeFileSync(at('texts/b.png'), Uint8Array.of(0x89, 0x50, 0xff))
  const found = linesOf((await classify('--input', at('texts'), '--json')).out)
  expect(found.map(({ error }) => error?.name)).toEqual([undefined, 'FormatError'])
  expect(found[0]!.result).toEqual(lines[0]!.result)
})

test('labels with commas between them, as an argument or an option; both at once are refused', async () => {
  const label = (...args: string[]) =>
    heed(['run', 'zero-shot-classification', '--model', at('pairs'), 'The cat sat.', '--json', ...args])
  const labelsOf = async (...args: string[]): Promise<string> =>
    (JSON.parse((await label(...args)).out) as { result: { labels: string[] } }).result.labels
      .toSorted()
      .join()
  expect(await labelsOf('cat', 'dog')).toBe('cat,dog')
  expect(await labelsOf('cat, dog')).toBe('cat,dog')
  expect(await labelsOf('--labels', 'cat,dog')).toBe('cat,dog')
  const both = await label('cat', '--labels', 'dog')
  expect(both).toMatchObject({ status: 2, out: '' })
  expect(both.err).toBe('heed: run: expected candidate_labels as arguments or by --labels, found both\n')
})

test("'-' is the standard input, in the place of the text that is read", async () => {
  const piped = async (text: string, ...args: string[]) => {
    const input = vi.spyOn(process, 'stdin', 'get')
    input.mockReturnValue(Readable.from([Buffer.from(text)]) as typeof process.stdin)
    const ran = await heed(['run', ...args, '--json'])
    input.mockRestore()
    return ran
  }
  const lines = await piped('A dog runs.\nThe cat sat.\n', 'text-classification', '-', '--model', at('pairs'))
  expect(linesOf(lines.out).map(({ line }) => line)).toEqual([1, 2])
  const answer = ['question-answering', 'Who sat?', '-', '--model', at('answers')]
  const { out } = await piped(context, ...answer)
  expect(JSON.parse(out)).toMatchObject({ result: { answer: expect.any(String) } })
  const other = await piped(context, 'question-answering', '-', context, '--model', at('answers'))
  expect(other).toMatchObject({ status: 2, out: '' })
  expect(other.err).toContain("'-' is the standard input, which gives the context alone")
  const nothing = await piped('\n', 'text-classification', '-', '--model', at('pairs'))
  expect(nothing).toEqual({ status: 0, out: '', err: 'nothing to do: the standard input has no text\n' })
})

test('a text of 10^6 characters, none, an emoji', async () => {
  const long = 'the cat sat. '.repeat(77_000)
  const odd = [long, '', '👩‍💻']
  writeFileSync(at('odd.jsonl'), odd.map((text) => JSON.stringify({ text })).join('\n'))
  const { status, out } = await classify('--input', at('odd.jsonl'), '--json')
  expect(status).toBe(0)
  for (const { result } of linesOf(out))
    expect(result!.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5)
  const shown = await classify(long.slice(0, 10_000))
  expect(shown.out.length).toBeLessThan(3000)
  expect(shown.out).toMatch(/no room for the last 9,\d{3} characters: they were not read/)
  expect(linesOf(out)[0]!.result![0]).toMatchObject({ unread: expect.any(Number) })
})

test.each([
  [['a', 'b', 'c'], /too many arguments/],
  [['a', '--output', 'out.jsonl'], /--output takes a file or a folder of inputs/],
  [['--input', 'x.txt', '--output', 'out.txt'], /--output to end in \.jsonl/],
  [['--input', 'x.txt', '--output', 'out.jsonl', '--attend'], /--output and --attend don't go together/],
  [['a', '--attend', '--json'], /--attend is drawn/],
  [['--input', 'x.txt', '--input', 'y.txt'], /expected --input once, found it twice/],
  [['a', '--top-k', '0'], /whole number from 1/],
  [['a', '--each', 'word'], /Allowed choices are line, file/],
] as const)('%j is refused', async (args, message) => {
  const { status, out, err } = await classify(...args)
  expect({ status, out }).toEqual({ status: 2, out: '' })
  expect(err).toMatch(message)
})

test('results do not take the place of what is read', async () => {
  const text = '{"text": "a"}\n'
  writeFileSync(at('own.jsonl'), text)
  symlinkSync(at('own.jsonl'), at('linked.jsonl'))
  mkdirSync(at('apart'))
  writeFileSync(at('apart/a.txt'), 'a')
  for (const [input, output] of [
    ['own.jsonl', 'own.jsonl'],
    ['linked.jsonl', 'own.jsonl'],
    ['apart', 'apart/results.jsonl'],
  ] as const) {
    const { status, err } = await classify('--input', at(input), '--output', at(output))
    expect({ status, err }).toEqual({
      status: 2,
      err: expect.stringContaining("another place than the input's"),
    })
  }
  expect(readFileSync(at('own.jsonl'), 'utf8')).toBe(text)
})

test('nothing to read, and no model, are failures that say so', async () => {
  writeFileSync(at('nothing.txt'), '')
  const nothing = await classify('--input', at('nothing.txt'), '--output', at('nothing.jsonl'))
  expect(nothing).toMatchObject({ status: 0, out: '' })
  expect(nothing.err).toMatch(/0 results\nnothing to do: '.*nothing\.txt' has no text\n$/)
  mkdirSync(at('empty'))
  const empty = await classify('--input', at('empty'))
  expect(empty).toMatchObject({ status: 1, out: '' })
  expect(empty.err).toMatch(/expected files in .*, found none/)
  writeFileSync(at('picture.png'), Uint8Array.of(0x89, 0x50, 0xff))
  const picture = await classify('--input', at('picture.png'))
  expect(picture).toMatchObject({ status: 1, out: '' })
  expect(picture.err).toMatch(/expected text in UTF-8 in .*picture\.png/)
  const missing = await classify('--input', at('missing.txt'))
  expect(missing).toMatchObject({ status: 1, out: '' })
  expect(missing.err).toMatch(/expected a file or a folder, found nothing at '.*missing\.txt'/)
  const none = await heed(['run', 'text-classification', 'a', '--model', at('none')])
  expect(none.status).toBe(1)
  expect(none.err).toMatch(/nothing at/)
})

const binary = fileURLToPath(new URL('../../bin/heed.js', import.meta.url))

test('a batch that is killed at random moments ends as one that is not', async () => {
  const texts = Array.from({ length: 400 }, (_, i) =>
    JSON.stringify({ text: `The cat sat ${i} ${'.'.repeat(i % 50)}` }),
  )
  texts[7] = '{"text": '
  writeFileSync(at('batch.jsonl'), texts.join('\n'))
  const args = ['--input', at('batch.jsonl'), '--output']
  const whole = await classify(...args, at('whole.jsonl'))
  expect(whole).toMatchObject({ status: 1, out: '' })
  expect(whole.err).toMatch(/wrote .*: 400 results\nheed: run: 1 of 400 inputs failed/)
  const expected = readFileSync(at('whole.jsonl'), 'utf8')
  expect(linesOf(expected)[7]).toMatchObject({ line: 8, error: { name: 'FormatError' } })
  const command = ['run', 'text-classification', '--model', at('pairs'), ...args, at('killed.jsonl')]
  const spawned = (): ReturnType<typeof spawn> =>
    spawn(process.execPath, [binary, ...command], {
      stdio: 'ignore',
      env: { ...process.env, HEED_THREADS: '1' },
    })
  const partial = at('killed.jsonl.partial/results')
  for (let i = 0; i < 2 && !existsSync(at('killed.jsonl')); i++) {
    const child = spawned()
    const closed = once(child, 'close')
    const before = existsSync(partial) ? readFileSync(partial).length : 0
    // Once it has written something, at any moment.
    while (child.exitCode === null && (existsSync(partial) ? readFileSync(partial).length : 0) === before)
      await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 40 * uniformAt(randomKey(3, 'kill'), i)))
    child.kill('SIGKILL')
    await closed
  }
  const end = await classify(...args, at('killed.jsonl'))
  expect(end.err).toMatch(/1 of 400 inputs failed/)
  expect(readFileSync(at('killed.jsonl'), 'utf8')).toBe(expected)
  expect(existsSync(at('killed.jsonl.partial'))).toBe(false)
}, 120_000)

test('Ctrl-C ends it; the same command goes on', async () => {
  rmSync(at('stopped.jsonl'), { force: true })
  const texts = Array.from({ length: 3000 }, (_, i) =>
    JSON.stringify({ text: `The cat sat ${i} ${'.'.repeat(i % 50)}` }),
  )
  writeFileSync(at('large.jsonl'), texts.join('\n'))
  const command = ['--input', at('large.jsonl'), '--output', at('stopped.jsonl')]
  const child = spawn(
    process.execPath,
    [binary, 'run', 'text-classification', '--model', at('pairs'), ...command],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HEED_THREADS: '1' },
    },
  )
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const closed = once(child, 'close')
  const partial = at('stopped.jsonl.partial/results')
  while (child.exitCode === null && (existsSync(partial) ? readFileSync(partial).length : 0) === 0)
    await new Promise((resolve) => setTimeout(resolve, 5))
  child.kill('SIGINT')
  expect(await closed).toEqual([1, null])
  expect(err).toBe('heed: run: stopped before the end; the same command goes on from here\n')
  const end = await classify(...command)
  expect(end.status).toBe(0)
  expect(end.err).toMatch(/^goes on after \d+ results/)
  expect(linesOf(readFileSync(at('stopped.jsonl'), 'utf8')).map(({ line }) => line)).toEqual(
    texts.map((_, i) => i + 1),
  )
}, 120_000)
