import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { largestDifference } from '../models/testing/reference.js'
import { ofFamily } from '../models/index.js'
import { answerLogits, answerSettings, pipeline, placedAnswers, questionWindows } from './index.js'

// What transformers' pipelines give for the same models: testing/make-fixtures.py.

type Json = Readonly<Record<string, unknown>>
interface Case {
  readonly task: keyof typeof shapes
  readonly model: string
  readonly input: string
  readonly labels?: readonly string[]
  readonly options: Json
  readonly result: unknown
}
interface QuestionCase {
  readonly model: string
  readonly question: string
  readonly context: string
  readonly options: Json
  /** The answers of each window. */
  readonly windows: readonly (readonly Answer[])[]
}
interface Answer {
  readonly answer: string
  readonly score: number
  readonly start: number
  readonly end: number
}

const folder = fileURLToPath(new URL('fixtures/', import.meta.url))
function read<T>(name: string): readonly T[] {
  return (JSON.parse(gunzipSync(readFileSync(folder + name)).toString()) as { cases: T[] }).cases
}

/** The numbers of a result in their order, and all the rest as text. */
function parts(value: unknown): { readonly numbers: readonly number[]; readonly rest: string } {
  const numbers: number[] = []
  const rest = JSON.stringify(value, (_, one: unknown) => {
    if (typeof one !== 'number') return one
    numbers.push(one)
    return undefined
  })
  return { numbers, rest }
}

function expectSame(found: unknown, expected: unknown, of: string): void {
  const [mine, theirs] = [parts(found), parts(expected)]
  expect(mine.rest, of).toBe(theirs.rest)
  expect(largestDifference(mine.numbers, theirs.numbers), of).toBeLessThan(2e-5)
}

/** The fields that transformers has, in its order. */
function fields(names: readonly string[], value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => fields(names, one))
  const record = value as Json
  return Object.fromEntries(names.filter((name) => name in record).map((name) => [name, record[name]]))
}

const cases = read<Case>('pipelines.json.gz')
const shapes = {
  'text-classification': ['label', 'score'],
  'zero-shot-classification': ['sequence', 'labels', 'scores'],
  'token-classification': ['entity', 'entity_group', 'score', 'index', 'word', 'start', 'end'],
  'fill-mask': ['score', 'token', 'token_str', 'sequence'],
} as const

describe.each([...new Set(cases.map(({ task, model }) => `${task} ${model}`))])('%s', (name) => {
  const own = cases.filter(({ task, model }) => `${task} ${model}` === name)
  const { task, model } = own[0]!

  test(`equals transformers' pipeline in ${own.length} cases`, async () => {
    const run = (await pipeline(task, folder + model)) as (...given: unknown[]) => Promise<unknown>
    for (const { input, labels, options, result } of own) {
      const found = await run(...[input, labels, options].filter((one) => one !== undefined))
      // The masks of a text have a list each there.
      const expected = task === 'fill-mask' ? (result as unknown[]).flat() : result
      const names = shapes[task]
      expectSame(fields(names, found), fields(names, expected), JSON.stringify({ input, labels, options }))
    }
  })
})

const questions = read<QuestionCase>('questions.json.gz')

test.each([...new Set(questions.map(({ model }) => model))])(
  'question-answering %s: each window equals transformers’ pipeline',
  async (model) => {
    const answer = await pipeline('question-answering', folder + model)
    const loaded = ofFamily(answer.model, 'encoder')
    for (const one of questions) {
      if (one.model !== model) continue
      const { question, context, options, windows } = one
      const { top_k = 1 } = options as { readonly top_k?: number }
      const found = [await answer({ question, context }, options)].flat()
      const names = ['answer', 'score', 'start', 'end']
      const of = JSON.stringify({ question, context, options })
      // What stands for no answer is among the candidates there, with a score of 0.
      const real = windows.map((own) => own.filter(({ score }) => score > 0))
      if (windows.length === 1) expectSame(fields(names, found), fields(names, real[0]), of)
      const how = answerSettings(loaded, options)
      const pieces = questionWindows(loaded, { question, context }, how)
      expect(pieces.length, of).toBe(windows.length)
      const scores = answerLogits(loaded, pieces)
      for (const [i, own] of real.entries()) {
        const alone = placedAnswers(context, [scores[i]!], [pieces[i]!], how).slice(0, top_k)
        expectSame(fields(names, alone), fields(names, own), of)
      }
    }
  },
)
