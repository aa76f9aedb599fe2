import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { run } from '../main.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-evaluate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const model = join(import.meta.dirname, '../../../../models/first-light')
const data = join(folder, 'texts.jsonl')
writeFileSync(
  data,
  ['The cat sat on the mat.', 'A dog ran.', 'It was a cold day, and the sun was low.']
    .map((text) => `${JSON.stringify({ story: text })}\n`)
    .join(''),
)

const squad = join(folder, 'articles.jsonl')
writeFileSync(
  squad,
  `${JSON.stringify({ title: 'Mats', paragraphs: [{ context: 'The cat sat.', qas: [{ q: 'Who sat?', a: ['The cat'] }] }] })}\n`,
)

/** What the command prints, and how it ends. */
async function heed(...args: string[]): Promise<{ status: number; text: string; errors: string }> {
  let [text, errors] = ['', '']
  const status = await run(['evaluate', ...args], {
    output: { write: (piece: string) => (text += piece) } as never,
    errorOutput: { write: (piece: string) => (errors += piece) } as never,
    environment: {},
  })
  return { status, text, errors }
}

test('perplexity, as a table and as JSON', async () => {
  const args = [model, '--task', 'perplexity', '--data', data, '--field', 'text=story', '--draws', '50']
  const shown = await heed(...args)
  expect([shown.status, shown.errors]).toEqual([0, ''])
  const lines = shown.text.split('\n')
  expect(lines[0]).toBe('first-light  perplexity  3 records')
  expect(lines[2]).toMatch(/^ +score +interval/)
  expect(lines[3]).toMatch(/^perplexity {5}model +\d+\.\d+ +\d+\.\d+ … \d+\.\d+$/)
  expect(shown.text).toContain('tokens ')
  // The model that heed ships, where none is named.
  const { text } = await heed(...args.slice(1), '--json', '--sample', '2')
  const found = JSON.parse(text) as {
    records: number
    task: string
    scores: { metric: string; count: number }[]
  }
  expect([found.records, found.task]).toEqual([2, 'perplexity'])
  expect(found.scores.map(({ metric, count }) => `${metric} ${count}`)).toEqual([
    'perplexity 2',
    'bits per byte 2',
  ])
}, 120_000)

test('what each head is worth', async () => {
  const source = JSON.stringify({ path: data, fields: { text: 'story' } })
  const args = [model, '--task', 'perplexity', '--data', source, '--draws', '20', '--ablate-heads']
  const shown = await heed(...args)
  expect([shown.status, shown.errors]).toEqual([0, ''])
  expect(shown.text.replaceAll(/\s+/g, ' ')).toContain(
    'how much more it is without a head (it gives nothing)',
  )
  expect(shown.text).toMatch(/\nattention +head +more +interval +entropy +previous +first +induction\n/)
  expect(shown.text).toMatch(/\nlayer 0 ( +-?\d+\.\d\d)+\n/)
  const { text } = await heed(...args, 'uniform', '--json')
  const found = JSON.parse(text) as {
    ablation: string
    heads: { layer: number; head: number }[]
    table: unknown[]
  }
  expect(found.ablation).toBe('uniform')
  expect(found.heads.length).toBeGreaterThan(8)
  expect(found.table.length).toBe(found.heads.length)
}, 120_000)

test.each([
  [[model, '--task', 'reading', '--data', data], 'a task, one of perplexity'],
  [[model, '--task', 'perplexity', '--data', data], "a text 'text'"],
  [[model, '--task', 'perplexity', '--data', data, '--field', 'text'], "--field as name=value, found 'text'"],
  [[model, '--task', 'perplexity', '--data', '{"file": 1}'], "'file'"],
  [[model, '--task', 'text-classification', '--data', data, '--field', 'text=story'], "family 'encoder'"],
  // The questions are read; the model is no encoder.
  [[model, '--task', 'question-answering', '--data', squad], "family 'encoder'"],
])('what can not be measured: %j', async (args, message) => {
  const { status, errors } = await heed(...args)
  expect(status).toBe(2)
  expect(errors).toContain(message)
})
