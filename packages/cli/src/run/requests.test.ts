import { mkdirSync, writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heed, temporaryFolder, tinyConfigs, writeCheckpoint, writeReader } from '../testing.js'

// Requests as OpenAI's batch files have them.

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)

beforeAll(async () => {
  await writeReader(at('vectors'), {})
  mkdirSync(at('writer'))
  writeCheckpoint(at('writer'), tinyConfigs.decoder)
  const template = '{% for one in messages %}{{ one.role }}: {{ one.content }}\n{% endfor %}'
  writeFileSync(at('writer/tokenizer_config.json'), JSON.stringify({ chat_template: template }))
})

const linesOf = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

test('requests for completions and embeddings are answered in the form of OpenAI', async () => {
  const request = (id: string, url: string, body: object): string =>
    JSON.stringify({ custom_id: id, method: 'POST', url, body })
  writeFileSync(
    at('completions.jsonl'),
    [
      request('a', '/v1/completions', {
        model: 'x',
        prompt: ['The cat', 'A dog'],
        max_tokens: 4,
        temperature: 0,
      }),
      request('b', '/v1/completions', { model: 'x', prompt: 'The cat', max_tokens: 4, seed: 3 }),
      request('c', '/v1/completions', { model: 'x', prompt: 'The cat', logprobs: 3 }),
      request('d', '/v1/embeddings', { model: 'x', input: 'The cat' }),
      request('e', '/v1/chat/completions', {
        model: 'x',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: [{ type: 'text', text: 'The cat' }] },
        ],
        max_completion_tokens: 4,
        temperature: 0,
      }),
      request('f', '/v1/chat/completions', { model: 'x', messages: [] }),
      request('g', '/v1/chat/completions', {
        model: 'x',
        messages: [{ role: 'user', content: [{ type: 'image_url' }] }],
      }),
    ].join('\n'),
  )
  const run = await heed([
    'run',
    'text-generation',
    '--model',
    at('writer'),
    '--input',
    at('completions.jsonl'),
    '--output',
    at('completed.jsonl'),
  ])
  expect(run.status).toBe(1)
  const completed = linesOf(readFileSync(at('completed.jsonl'), 'utf8')) as Response[]
  expect(completed.map(({ response }) => response.status_code)).toEqual([200, 200, 400, 400, 200, 400, 400])
  expect(completed[0]).toMatchObject({ custom_id: 'a', error: null })
  const { body } = completed[0]!.response
  expect(body).toMatchObject({
    object: 'text_completion',
    model: 'writer',
    choices: [
      {
        index: 0,
        text: expect.any(String),
        logprobs: null,
        finish_reason: expect.stringMatching(/length|stop/),
      },
      { index: 1 },
    ],
  })
  expect(body.usage!.total_tokens).toBe(body.usage!.prompt_tokens + body.usage!.completion_tokens!)
  const { body: chat } = completed[4]!.response
  expect(chat).toMatchObject({
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: expect.any(String) }, logprobs: null }],
    usage: { completion_tokens: 4 },
  })
  // What the template makes of the messages is what the model reads.
  const prompt = { prompt: 'system: Be brief.\nuser: The cat\n', max_tokens: 4, temperature: 0 }
  writeFileSync(at('same.jsonl'), request('h', '/v1/completions', prompt))
  const same = await heed([
    'run',
    'text-generation',
    '--model',
    at('writer'),
    '--input',
    at('same.jsonl'),
    '--json',
  ])
  const [line] = linesOf(same.out) as Response[]
  expect(chat.choices![0]!.message!.content).toBe(line!.response.body.choices![0]!.text)
  expect(chat.usage).toEqual(line!.response.body.usage)
  const embeddings = [
    request('a', '/v1/embeddings', { model: 'x', input: ['The cat', 'A dog'], dimensions: 4 }),
    request('b', '/v1/embeddings', { model: 'x', input: 'The cat', encoding_format: 'base64' }),
  ]
  writeFileSync(at('embeddings.jsonl'), embeddings.join('\n'))
  const { status, out } = await heed([
    'run',
    'feature-extraction',
    '--model',
    at('vectors'),
    '--input',
    at('embeddings.jsonl'),
    '--json',
  ])
  expect(status).toBe(0)
  const [several, one] = linesOf(out) as Response[]
  expect(several!.response.body).toMatchObject({
    object: 'list',
    data: [{ index: 0, embedding: expect.any(Array) }, { index: 1 }],
  })
  expect(several!.response.body.data![0]!.embedding).toHaveLength(4)
  const bytes = Buffer.from(one!.response.body.data![0]!.embedding as string, 'base64')
  expect(bytes.length).toBe(4 * 32)
})

test('requests for completions and embeddings are shown as any other inputs; a page and JSON at once are refused', async () => {
  const shown = async (task: string, model: string, url: string, body: object, ...more: string[]) => {
    const file = at(`shown-${task}.jsonl`)
    writeFileSync(file, JSON.stringify({ custom_id: 'a', method: 'POST', url, body }))
    return heed(['run', task, '--model', at(model), '--input', file, ...more])
  }
  const prompt = { prompt: ['The cat', 'A dog'], max_tokens: 4, temperature: 0 }
  const written = await shown('text-generation', 'writer', '/v1/completions', prompt, '--attend')
  expect(written).toMatchObject({ status: 0, err: '' })
  expect(written.out).toMatch(/^line 1, a\n[^]+\nline 1, a\n/)
  const input = { input: 'The cat', dimensions: 4 }
  const vectors = await shown(
    'feature-extraction',
    'vectors',
    '/v1/embeddings',
    input,
    '--html',
    at('v.html'),
  )
  expect(vectors.status).toBe(0)
  expect(vectors.out).toContain('4 numbers')
  const both = await shown(
    'feature-extraction',
    'vectors',
    '/v1/embeddings',
    input,
    '--html',
    at('v.html'),
    '--json',
  )
  expect(both.status).toBe(2)
  expect(both.err).toContain('shown by --html, or answered by --json')
})

interface Response {
  readonly custom_id: string
  readonly error: null
  readonly response: {
    readonly status_code: number
    readonly body: {
      readonly choices?: readonly {
        readonly text?: string
        readonly message?: { readonly content: string }
      }[]
      readonly data?: readonly { readonly embedding: string | readonly number[] }[]
      readonly usage?: {
        readonly prompt_tokens: number
        readonly completion_tokens?: number
        readonly total_tokens: number
      }
    }
  }
}
