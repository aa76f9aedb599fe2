import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from 'heed'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing.js'
import { runBatch, type Batch } from './batch.js'
import type { Fields } from './fields.js'
import { itemsIn } from './items.js'
import { openKeyedResults } from './keyed-results.js'
import { outcomeLine } from './outcome-line.js'
import { errorText, type Runner } from './runner.js'
import { taskList } from './task-list.js'

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)
const task = taskList.find(({ name }) => name === 'question-answering')!
const lines = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

/** Answers with the question's length and what runs before; refuses what is empty. */
function fakeRunner(stamp: unknown = 1): Runner & { readonly ran: Fields[][] } {
  const ran: Fields[][] = []
  return {
    model: 'fake',
    stamp,
    ran,
    run: (inputs) => {
      ran.push([...inputs])
      return Promise.resolve(
        inputs.map(({ question }) =>
          question === ''
            ? {
                error: errorText(
                  new UsageError({ operation: 'fake', expected: 'a question', found: 'none', hint: 'ask' }),
                ),
              }
            : { result: { answer: `${question as string}!`, score: 0.5 } },
        ),
      )
    },
  }
}

function batch(
  input: string,
  output: string,
  more: Partial<Batch> = {},
): Batch & { readonly runner: Runner } {
  const { signal } = new AbortController()
  return {
    runner: fakeRunner(),
    task: task.name,
    items: () => itemsIn(task, { path: input }, {}, signal),
    options: {},
    path: output,
    lineOf: (item, outcomes) => outcomeLine('fake', item, outcomes),
    signal,
    ...more,
  }
}

const question = (number: number): string =>
  JSON.stringify({ question: `q${number}`, context: 'c', id: number })

beforeAll(() => {
  const all = Array.from({ length: 300 }, (_, i) => question(i))
  writeFileSync(at('many.jsonl'), `${all.join('\n')}\n`)
})

test('every line has its result or its error, in the order of the input', async () => {
  const input = [
    question(0),
    '{"question": "broken',
    '',
    '{"question": "no context"}',
    '{"question": "", "context": "c"}',
    '{"question": 3, "context": "c"}',
    question(0),
    '[]',
  ]
  writeFileSync(at('some.jsonl'), input.join('\n'))
  const runner = fakeRunner()
  const end = await runBatch(batch(at('some.jsonl'), at('some-out.jsonl'), { runner }))
  expect(end).toEqual({ isDone: true, items: 7, failed: 5 })
  const found = lines(at('some-out.jsonl')) as {
    line: number
    id?: number
    error?: { name: string; message: string }
  }[]
  expect(found.map(({ line }) => line)).toEqual([1, 2, 4, 5, 6, 7, 8])
  expect(found[0]).toEqual({ line: 1, id: 0, result: { answer: 'q0!', score: 0.5 } })
  expect(found[5]).toEqual({ line: 7, id: 0, result: { answer: 'q0!', score: 0.5 } })
  expect(found.map(({ error }) => error?.name)).toEqual([
    undefined,
    'FormatError',
    'FormatError',
    'UsageError',
    'FormatError',
    undefined,
    'FormatError',
  ])
  expect(found[2]!.error!.message).toMatch(/^run: expected context to be a text, found none/)
  expect(existsSync(at('some-out.jsonl.partial'))).toBe(false)
})

test('work that ends anywhere goes on: nothing is lost, nothing is done twice', async () => {
  await runBatch(batch(at('many.jsonl'), at('whole.jsonl')))
  const whole = readFileSync(at('whole.jsonl'), 'utf8')
  expect(lines(at('whole.jsonl'))).toHaveLength(300)
  for (const after of [1, 3, 6]) {
    const path = at(`parts-${after}.jsonl`)
    let calls = 0
    const stopping = fakeRunner()
    const dies: Runner = {
      ...stopping,
      run: (...given) => (++calls > after ? Promise.reject(new Error('the end')) : stopping.run(...given)),
    }
    await expect(runBatch(batch(at('many.jsonl'), path, { runner: dies }))).rejects.toThrow('the end')
    // What a crash may leave at the end.
    appendFileSync(`${path}.partial/results`, '0123456789abcdef0123456789abcdef 01234567 {"result": {')
    const again = fakeRunner()
    const known: number[] = []
    await runBatch(batch(at('many.jsonl'), path, { runner: again, onBegin: (count) => known.push(count) }))
    expect(readFileSync(path, 'utf8')).toBe(whole)
    const done = stopping.ran.flat().length
    expect(known).toEqual([done])
    expect(again.ran.flat()).toHaveLength(300 - done)
  }
})

test('a result that was written by halves, or spoilt, is made again', async () => {
  const path = at('spoilt.jsonl')
  const results = await openKeyedResults(path)
  const key = (digit: string): string => digit.repeat(32)
  await results.append([
    { key: key('a'), text: '{"result":"é"}' },
    { key: key('b'), text: '{"result":2}' },
    { key: key('a'), text: '{"result":"other"}' },
  ])
  await expect(openKeyedResults(path)).rejects.toThrow(/no other work in/)
  await results.close()
  const file = `${path}.partial/results`
  const bytes = readFileSync(file)
  truncateSync(file, bytes.length - 1)
  const shorter = await openKeyedResults(path)
  expect([shorter.has(key('a')), shorter.has(key('b'))]).toEqual([true, false])
  expect(await shorter.read(key('a'))).toBe('{"result":"é"}')
  await shorter.append([{ key: key('b'), text: '{"result":3}' }])
  expect(await shorter.read(key('b'))).toBe('{"result":3}')
  await shorter.close()
  bytes[50] = 0
  writeFileSync(file, bytes)
  const spoilt = await openKeyedResults(path)
  expect(spoilt.count).toBe(0)
  await spoilt.close()
})

test('another model, other options, other inputs have results of their own', async () => {
  const path = at('changed.jsonl')
  const broken = fakeRunner()
  const dies: Runner = {
    ...broken,
    run: (...given) => (broken.ran.length === 3 ? Promise.reject(new Error('x')) : broken.run(...given)),
  }
  await expect(runBatch(batch(at('many.jsonl'), path, { runner: dies }))).rejects.toThrow('x')
  const knows = async (more: Partial<Batch>): Promise<number> => {
    const runner = fakeRunner(more.runner?.stamp)
    const controller = new AbortController()
    const stops: Runner = {
      ...runner,
      run(...given) {
        controller.abort()
        return runner.run(...given)
      },
    }
    const end = await runBatch(
      batch(at('many.jsonl'), path, { ...more, runner: stops, signal: controller.signal }),
    )
    expect(end.isDone).toBe(false)
    return Number(runner.ran[0]![0]!.question!.slice(1) as unknown as string)
  }
  const done = broken.ran.flat().length
  expect(await knows({})).toBe(done)
  expect(await knows({ runner: fakeRunner(2) })).toBe(0)
  expect(await knows({ options: { top_k: 2 } })).toBe(0)
  expect(await knows({})).toBe(done + 1)
})

test('requests of a batch file get responses with their own ids', async () => {
  mkdirSync(at('requests'), { recursive: true })
  const request = (body: unknown, more: object = {}): string =>
    JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/tasks/question-answering', body, ...more })
  writeFileSync(
    at('requests.jsonl'),
    [
      request({ question: 'one', context: 'c' }),
      request({ question: '', context: 'c' }, { custom_id: 'b' }),
      request({ question: 'two', context: 'c', options: { top_j: 3 } }, { custom_id: 'c' }),
      request({}, { custom_id: 'd', url: '/v1/chat/completions' }),
      request({}, { custom_id: 'e', method: 'GET' }),
      request({}, { custom_id: 7 }),
    ].join('\n'),
  )
  const end = await runBatch(batch(at('requests.jsonl'), at('responses.jsonl')))
  expect(end).toEqual({ isDone: true, items: 6, failed: 5 })
  const found = lines(at('responses.jsonl')) as {
    id: string
    custom_id: string
    error: unknown
    response: { status_code: number; request_id: string; body: { error?: { message: string } } }
  }[]
  expect(found.map(({ custom_id: own, response }) => [own, response?.status_code])).toEqual([
    ['a', 200],
    ['b', 400],
    ['c', 400],
    ['d', 400],
    ['e', 400],
    [undefined, undefined],
  ])
  expect(found[0]!.response.body).toEqual({ model: 'fake', result: { answer: 'one!', score: 0.5 } })
  expect(found[0]!.error).toBe(null)
  expect(found[2]!.response.body.error!.message).toMatch(/did you mean 'top_k'/)
  expect(found[3]!.response.body.error!.message).toMatch(/'\/v1\/tasks\/question-answering'/)
  expect(new Set(found.slice(0, 5).map(({ id }) => id)).size).toBe(5)
})
