import fc from 'fast-check'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { HeedError, UsageError } from '../base/index.js'
import { ofFamily } from '../models/index.js'
import {
  answerLogits,
  answerSettings,
  attendedBy,
  attentionOfPositions,
  pipeline,
  type QuestionAnsweringPipeline,
  questionWindows,
} from './index.js'

const folder = fileURLToPath(new URL('fixtures/', import.meta.url))
const context = 'Marie Curie was born in Warsaw 🎉 in 1867. She worked in Paris, in a museum.'
let answer: QuestionAnsweringPipeline
beforeAll(async () => {
  answer = await pipeline('question-answering', `${folder}questions`)
})

describe('what a call gives', () => {
  test('an answer, answers, and lists of both', async () => {
    const one = await answer('Where?', context)
    expect(context.slice(one.start, one.end)).toBe(one.answer)
    expect(await answer({ question: 'Where?', context })).toEqual(one)
    const many = await answer(['Where?', 'Who knows?'], context)
    expect(many[0]).toEqual(one)
    expect((await answer(['Where?', 'Who?'], [context, 'A museum in Paris.']))[0]).toEqual(one)
    expect((await answer([{ question: 'Where?', context }]))[0]).toEqual(one)
    const five = await answer('Where?', context, { top_k: 5 })
    expect(five.length).toBe(5)
    expect(five[0]!.start).toBe(one.start)
    const places = five.map(({ start, end }) => `${start} ${end}`)
    expect(new Set(places).size).toBe(5)
  })

  test('no answer, and how much surer it must be', async () => {
    const options = { handle_impossible_answer: true } as const
    const all = await answer('Where?', context, { ...options, top_k: 4 })
    const none = all.find((one) => one.answer === '')
    const least = await answer('Where?', context, { ...options, null_score_diff_threshold: -100 })
    expect(least).toEqual({ answer: '', score: expect.any(Number) as number, start: 0, end: 0 })
    if (none !== undefined) expect(none.score).toBe(least.score)
    const most = await answer('Where?', context, { ...options, null_score_diff_threshold: 100 })
    expect(most.answer).not.toBe('')
  })

  test('attention: what the answer’s ends attended to', async () => {
    const { attention, ...found } = await answer('Where?', context, { attention: true })
    expect(attention.tokens![attention.answer.start]!.start).toBeGreaterThanOrEqual(found.start)
    expect(attention.tokens![attention.answer.end]!.end).toBeLessThanOrEqual(found.end)
    const seen = attendedBy(attention, attention.answer.start, { layers: [1] })
    expect(seen.length).toBe(attention.tokens!.length)
    expect(seen.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 5)
    expect(seen[0]!.weight).toBeGreaterThanOrEqual(seen[1]!.weight)
    const both = attentionOfPositions(attention, [attention.answer.start, attention.answer.end])
    const filter = Object.values(both.filters)[1]!
    const weights = filter.values(['head', 'query', 'key'])
    const width = filter.size('key')
    const mean = (weights[seen[0]!.position]! + weights[2 * width + seen[0]!.position]!) / 2
    expect(mean).toBeCloseTo(seen[0]!.weight, 6)
    expect(() => attendedBy(attention, 1000)).toThrow(UsageError)
    expect(() => attendedBy(attention, 0, { heads: [2] })).toThrow(/heads from 0 to 1/)
  })
})

test('spans stand in the context, scores are probabilities, batches and windows of others change nothing', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).map((more) => `Paris ${more}`)
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 100 }),
      async (contexts, batchTokens) => {
        const inputs = contexts.map((context) => ({ question: 'Where?', context }))
        const options = { top_k: 3, handle_impossible_answer: true, max_answer_len: 4 } as const
        const together = await answer(inputs, { ...options, batchTokens })
        for (const [i, input] of inputs.entries()) {
          let before = 1 + 1e-9
          for (const found of together[i]!) {
            expect(input.context.slice(found.start, found.end)).toBe(found.answer)
            expect(found.score).toBeGreaterThanOrEqual(0)
            expect(found.score).toBeLessThanOrEqual(before)
            before = found.score
          }
          const alone = await answer(input, options)
          expect(JSON.stringify(together[i])).toBe(JSON.stringify(alone))
        }
      },
    ),
    { numRuns: 15 },
  )
})

describe('long contexts', () => {
  test('one probability for all windows: the likeliest answer has the largest sum of logits', async () => {
    const long = `${context} ${'The weather was awful. '.repeat(30)}`
    const loaded = ofFamily(answer.model, 'encoder')
    const how = answerSettings(loaded, { align_to_words: false, top_k: 1 })
    const pieces = questionWindows(loaded, { question: 'Where?', context: long }, how)
    expect(pieces.length).toBeGreaterThan(3)
    let [most, total, best] = [-Infinity, [0, 0], '']
    for (const [i, { start, end }] of answerLogits(loaded, pieces).entries()) {
      const { sequenceIds, spans, length } = pieces[i]!
      for (let from = 0; from < length; from++) {
        if (from > 0 && sequenceIds[from] !== 1) continue
        total = [total[0]! + Math.exp(start[from]!), total[1]! + Math.exp(end[from]!)]
        for (let to = from; from > 0 && to < Math.min(length, from + 15) && sequenceIds[to] === 1; to++)
          if (start[from]! + end[to]! > most) {
            most = start[from]! + end[to]!
            best = long.slice(spans[2 * from], spans[2 * to + 1])
          }
      }
    }
    const found = await answer('Where?', long, { align_to_words: false })
    expect(found.answer).toBe(best)
    expect(found.score).toBeCloseTo(Math.exp(most) / (total[0]! * total[1]!), 6)
  })

  test('an answer is found wherever it stands', async () => {
    const filler = 'The weather was awful. '.repeat(300)
    const options = { handle_impossible_answer: false, max_answer_len: 3, top_k: 50 } as const
    const inside = 'Marie Curie was born in Warsaw.'
    for (const long of [`${inside} ${filler}`, `${filler}${inside} ${filler}`, `${filler}${inside}`]) {
      const found = await answer('Who?', long, options)
      for (const { start, end, answer } of found) expect(long.slice(start, end)).toBe(answer)
      const places = found.map(({ start, end }) => `${start} ${end}`)
      expect(new Set(places).size).toBe(places.length)
    }
  })

  test('10⁶ characters, with other work and a signal between', async () => {
    const long = 'She worked in Paris, in a museum. '.repeat(30_000)
    const part = long.slice(0, 50_000)
    const found = await answer('Where?', part)
    expect(part.slice(found.start, found.end)).toBe(found.answer)
    const stop = new AbortController()
    const call = answer('Where?', long, { signal: stop.signal, progress: () => stop.abort() })
    await expect(call).rejects.toThrow(/abort/)
  })
})

describe('bad input', () => {
  test('a typed error for each, the others done', async () => {
    const bad = [
      { question: '', context },
      { question: 'Where?', context: '' },
      { question: 'Where?', context: ' \n' },
      { question: 'Where?' },
      { question: 3, context },
      { question: 'Where?', context, id: 'x' },
      null,
      'Where?',
    ]
    const good = { question: 'Where?', context }
    const inputs = [good, ...bad, good] as unknown as (typeof good)[]
    const found = await answer(inputs, { errors: 'return' })
    expect(found.map((one) => one instanceof HeedError).join()).toBe(
      [false, ...bad.map(() => true), false].join(),
    )
    await expect(answer(['a', 'b'], [context])).rejects.toThrow(/2 contexts/)
  })

  test.each([
    ['one emoji', '🎉', '🎉'],
    ['10⁶ characters in words of a thousand', 'Where?', `${'x'.repeat(999)} `.repeat(1000)],
    ['lone surrogates', '\ud800?', 'a \udc00 b'],
  ])('%s gives an answer', async (_, question, context) => {
    const found = await answer(question, context)
    expect(context.slice(found.start, found.end)).toBe(found.answer)
  })

  test('a long context tells how much of it is read', async () => {
    const told: number[] = []
    const progress = (done: number, total: number, share: number): void => {
      expect([done, total]).toEqual([share === 1 ? 2 : 0, 2])
      told.push(share)
    }
    const long = 'Marie Curie was born in Warsaw. '.repeat(60)
    await answer(['Where?', 'Who?'], long, { progress, batchTokens: 100 })
    expect(told.length).toBeGreaterThan(8)
    expect(told.join()).toBe([...new Set(told)].sort((a, b) => a - b).join())
    expect(told[0]).toBeLessThan(0.2)
    expect(told.at(-1)).toBe(1)
  })

  test.each([
    [{ top_k: 0 }, /top_k/],
    [{ max_answer_len: 0 }, /max_answer_len/],
    [{ max_seq_len: 49 }, /max_seq_len of at most 48/],
    [{ max_seq_len: 4, max_question_len: 2 }, /room for the context/],
    [
      { doc_stride: 44 },
      /doc_stride, the tokens that two windows share, below \d+: .*found 44; make it smaller/,
    ],
    [{ max_question_len: 0 }, /max_question_len/],
    [{ max_question_length: 3 }, /did you mean 'max_question_len'/],
    [{ null_score_diff_threshold: Number.NaN }, /threshold/],
    [{ align_to_words: 'no' }, /align_to_words to be true or false/],
    [{ handle_impossible_answer: 'yes' }, /handle_impossible_answer to be true or false/],
    [{ attention: 1 }, /attention to be true or false/],
    [{ signal: {} }, /an AbortSignal/],
    [null, /options to be a record/],
  ])('%j is refused', async (options, message) => {
    await expect(answer('Where?', context.repeat(3), options as never)).rejects.toThrow(message)
  })

  test.each([
    ['longer than the model', 'Where was Marie Curie born? '.repeat(1000)],
    ['of 10⁶ characters', 'Where? '.repeat(142_858)],
  ])('a question %s is refused, and cut where it is said', async (_, long) => {
    await expect(answer(long, context)).rejects.toThrow(
      /a question of at most 24 tokens, found \d+; shorten it/,
    )
    await expect(answer(long, context, { max_question_len: 4 })).resolves.toHaveProperty('answer')
  })
})
