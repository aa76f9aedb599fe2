// What examples are made of records: places of answers and labels, windows, and what is refused.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { UsageError } from '../../base/index.js'
import { type HeadOptions, loadDecoder, loadEncoder, type LoadedEncoder } from '../../models/index.js'
import { type TokenExample } from './texts.js'
import {
  causalLanguage,
  maskedLanguage,
  questionAnswering,
  textClassification,
  tokenClassification,
} from './index.js'
import { temporaryFolder, writeTinyModel } from './testing/tiny-model.js'

const { path: folder, remove } = temporaryFolder()
afterAll(remove)

async function bert(head: HeadOptions): Promise<LoadedEncoder> {
  const path = join(folder, 'bert')
  if (!existsSync(path)) await writeTinyModel(path, 'bert')
  return loadEncoder(path, { head })
}

function spelled(
  { tokenizer }: LoadedEncoder,
  { ids }: Pick<TokenExample, 'ids'>,
  from = 0,
  to = ids.length,
) {
  return Array.from(ids.subarray(from, to), (id) => tokenizer.token(id)).join(' ')
}

describe('questions', () => {
  const context = 'the cat is in the house . it stays in the park near the river . the dog was here .'
  const question = 'the animal ?'

  test('answers are where their tokens are, in each window that has them whole', async () => {
    const loaded = await bert({ name: 'QuestionAnswering' })
    const of = questionAnswering(loaded, { maximum: 16, stride: 4 })
    const start = context.indexOf('the dog')
    const windows = of.encode({ question, context, answers: [{ text: 'the dog', start }] })
    expect(windows.length).toBeGreaterThan(1)
    for (const one of windows) expect(one.ids.length).toBeLessThanOrEqual(16)
    const found = windows.filter(({ end }) => end > 0)
    expect(found.length).toBeGreaterThan(0)
    for (const one of found) expect(spelled(loaded, one, one.start, one.end + 1)).toBe('the dog')
    // Where the window lacks it, the first position stands for it.
    expect(windows[0]).toMatchObject({ start: 0, end: 0 })
    const only = questionAnswering(loaded, { maximum: 16, stride: 4, withoutAnswer: false })
    expect(only.encode({ question, context, answers: [{ text: 'the dog', start }] }).length).toBe(
      found.length,
    )
  })

  test('a part of a word is answered by the tokens that have it; a long question is cut', async () => {
    const loaded = await bert({ name: 'QuestionAnswering' })
    const of = questionAnswering(loaded, { questionTokens: 2 })
    const answer = { text: 'ous', start: context.indexOf('ous') }
    const [one] = of.encode({ question: 'the animal is here ?', context, answers: [answer] })
    expect(spelled(loaded, one!, one!.start, one!.end + 1)).toContain('hous')
    expect(spelled(loaded, one!, 0, 4)).toBe('[CLS] the animal [SEP]')
  })

  test('no answer is the first position; what makes no sense is refused', async () => {
    const of = questionAnswering(await bert({ name: 'QuestionAnswering' }))
    const [one] = of.encode({ question, context, answers: [], impossible: true })
    expect(one).toMatchObject({ start: 0, end: 0 })
    const wrong: readonly object[] = [
      { question, context, answers: [] },
      { question, context, answers: [{ text: 'bird', start: 0 }] },
      { question, context, answers: [{ text: 'cat', start: 3 }] },
      { question, context: 5, answers: [] },
    ]
    for (const record of wrong) expect(() => of.encode(record as never)).toThrow(UsageError)
    const tight = questionAnswering(await bert({ name: 'QuestionAnswering' }), { maximum: 5, stride: 0 })
    expect(() => tight.encode({ question, context, answers: [], impossible: true })).toThrow(UsageError)
  })
})

describe('labels of tokens', () => {
  const head = { name: 'TokenClassification', labels: ['O', 'B-ANIMAL', 'I-ANIMAL'] }
  const names = (labels: Int32Array): string =>
    Array.from(labels, (label) => (label === -100 ? '-' : head.labels[label])).join(' ')

  test('of words, at their first tokens or at all', async () => {
    const loaded = await bert(head)
    const record = { words: ['the', 'thethe', 'is'], labels: ['O', 'B-ANIMAL', 0] }
    const [first] = tokenClassification(loaded).encode(record)
    const pieces = first!.ids.length - 4
    expect(pieces).toBeGreaterThan(1)
    expect(names(first!.labels)).toBe(`- O B-ANIMAL${' -'.repeat(pieces - 1)} O -`)
    const [all] = tokenClassification(loaded, { pieces: 'all' }).encode(record)
    expect(names(all!.labels)).toBe(`- O${' B-ANIMAL'.repeat(pieces)} O -`)
  })

  test('of stretches of a text', async () => {
    const loaded = await bert(head)
    const text = 'the old cat is here .'
    const labels = [{ start: 4, end: 11, label: 'ANIMAL' }]
    const [one] = tokenClassification(loaded).encode({ text, labels })
    const tagged = names(one!.labels).split(' ')
    expect(tagged.filter((tag) => tag === 'B-ANIMAL').length).toBe(1)
    expect(tagged.filter((tag) => tag === 'I-ANIMAL').length).toBe(1)
    for (const wrong of [
      [{ start: 4, end: 40, label: 'ANIMAL' }],
      [...labels, { start: 8, end: 14, label: 'ANIMAL' }],
      [{ start: 4, end: 8, label: 'PLANT' }],
    ])
      expect(() => tokenClassification(loaded).encode({ text, labels: wrong })).toThrow(UsageError)
    expect(() => tokenClassification(loaded).encode({ words: ['a'], labels: [] })).toThrow(
      'as many labels as words',
    )
  })

  test('long texts are read by windows, each token once', async () => {
    const loaded = await bert(head)
    const words = Array.from({ length: 40 }, () => 'cat')
    const windows = tokenClassification(loaded, { maximum: 12 }).encode({ words, labels: words.map(() => 1) })
    const labelled = windows.reduce(
      (sum, { labels }) => sum + labels.filter((label) => label === 1).length,
      0,
    )
    expect(labelled).toBe(40)
  })
})

describe('writing on', () => {
  async function llama() {
    const path = join(folder, 'llama')
    if (!existsSync(path)) await writeTinyModel(path, 'llama')
    return loadDecoder(path)
  }

  test('of a long text each token is learned once', async () => {
    const loaded = await llama()
    const of = causalLanguage(loaded, { maximum: 9, end: '[SEP]' })
    const text = 'the cat is in the house and the dog was here . '.repeat(5)
    const ids = [...loaded.tokenizer.encode(text).ids, 3]
    const examples = of.encode({ text })
    const { targets, rows, places } = of.collate(examples)
    expect(targets.join()).toBe(ids.slice(1).join())
    expect(rows.every((length) => length < 9)).toBe(true)
    expect(places.length).toBe(rows.reduce((sum, length) => sum + length, 0))
  })

  test('answers alone count, and a batch in which all or nothing does is refused', async () => {
    const loaded = await llama()
    const of = causalLanguage(loaded)
    const [one] = of.encode({ prompt: 'the cat is', completion: 'animal' })
    const { targets } = of.collate([one!])
    expect(targets.map((id) => loaded.tokenizer.token(id)).join()).toBe('animal')
    const [bare] = of.encode({ prompt: '', completion: 'the cat is here' })
    expect(() => of.collate([bare!])).toThrow('prompts without a token')
    const nothing = { ...one!, counts: new Uint8Array(one!.counts.length) }
    expect(() => of.collate([nothing])).toThrow('nothing that counts')
    expect(() => of.encode({ prompt: 'the cat', completion: '' })).toThrow('a completion')
    const short = causalLanguage(loaded, { maximum: 4 })
    const [cut] = short.encode({ prompt: 'the cat is in the house', completion: 'animal' })
    expect(spelled(loaded as never, cut!)).toBe('in the house animal')
    expect(() => short.encode({ prompt: 'the', completion: 'it is in the house' })).toThrow('less than 4')
    const whole = causalLanguage(loaded, { answersOnly: false })
    expect(whole.collate(whole.encode({ prompt: 'the cat is', completion: 'animal' })).targets.length).toBe(3)
  })
})

test('whole words are hidden as one, special tokens never', async () => {
  const of = maskedLanguage(await bert({ name: 'MaskedLM' }), { wholeWords: true })
  const [one] = of.encode({ text: 'the thethe is' })
  const { units } = one!
  expect([units[0], units.at(-1)]).toEqual([-1, -1])
  expect(new Set(units.subarray(1, -1)).size).toBe(3)
  expect(units.length).toBeGreaterThan(5)
})

test('a head of another kind is refused, with how to get the right one', async () => {
  const loaded = await bert({ name: 'MaskedLM' })
  for (const of of [textClassification, tokenClassification, questionAnswering])
    expect(() => of(loaded)).toThrow('loadModel(path, { head: { name:')
})
