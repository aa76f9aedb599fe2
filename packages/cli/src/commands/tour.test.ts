import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heed, temporaryFolder, writeReader } from '../testing.js'

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)

beforeAll(async () => {
  await writeReader(at('answers'), { architectures: ['BertForQuestionAnswering'] })
  await writeReader(at('pairs'), {
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'entailment', 1: 'neutral', 2: 'contradiction' },
  })
  await writeReader(at('vectors'), {})
})

test('shows each task on an example, and writes one page with all of it', { timeout: 120_000 }, async () => {
  const models = {
    'question-answering': 'answers',
    'text-classification': 'pairs',
    'sentence-similarity': 'vectors',
    rerank: 'vectors',
  }
  const given = Object.entries(models).flatMap(([task, name]) => ['--model', `${task}=${at(name)}`])
  const { status, out, err } = await heed(['tour', ...given, '--html', at('tour.html')])
  expect(status, err).toBe(0)
  expect(out).toMatch(/answered from a text \(heed run question-answering, answers\)[^]*what the answer's/)
  expect(out).toMatch(/follows from another \(heed run text-classification, pairs\)[^]*entailment +0\.\d{3}/)
  expect(out).toMatch(/nearest in meaning \(heed run sentence-similarity, vectors\)[^]*ten minutes/)
  expect(out).toMatch(
    /meet those of a question \(heed run rerank, vectors\)[^]*how alike tokens of the query/,
  )
  expect(out).toMatch(/written on \(heed run text-generation, first-light\)[^]*The river flows through/)
  const page = readFileSync(at('tour.html'), 'utf8')
  expect(page.match(/<section class="answer" data-section="\d"/g)).toHaveLength(5)
  expect(err).toMatch(/wrote .*tour\.html: open it in a browser\n$/)
})

test('a model for no task of it is refused', async () => {
  const { status, err } = await heed(['tour', '--model', 'walking=x'])
  expect(status).toBe(2)
  expect(err).toMatch(/expected --model TASK=FOLDER, TASK one of question-answering/)
})
