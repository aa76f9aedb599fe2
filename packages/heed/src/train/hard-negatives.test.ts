import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { createSentenceEncoder, type LoadedEncoder, readModel } from '../models/index.js'
import { tinyFolder } from '../models/testing/tiny-folder.js'
import { bm25Scorer, encoderScorer, hardNegatives } from './hard-negatives.js'

const documents = ['a red cat', 'a red dog', 'a blue cat', 'a red cat', 'rain', 'the red cat sleeps', 'cats']
const queries = [{ query: 'red cat', positives: [0] }]

test('the best that are no positives, and do not say the same', () => {
  const scorer = bm25Scorer(documents)
  const [found] = hardNegatives(documents, queries, scorer, { count: 3, among: 3 })
  // 3 says what 0 says.
  expect([...found!].sort((a, b) => a - b)).toEqual([1, 2, 5])
  expect(hardNegatives(documents, queries, scorer, { count: 1, among: 1 })).toEqual([[5]])
  expect(hardNegatives(documents, queries, scorer, { count: 1, among: 1, skip: 1 })[0]).not.toEqual([5])
  const scores = scorer(['red cat'])[0]!
  const limited = hardNegatives(documents, queries, scorer, { count: 9, share: 0.7 })[0]!
  for (const document of limited) expect(scores[document]!).toBeLessThanOrEqual(0.7 * scores[0]!)
  expect(limited).not.toContain(5)
})

test('draws by the seed alone', () => {
  const many = Array.from({ length: 300 }, (_, i) => ({
    query: i % 2 === 0 ? 'red cat' : 'a dog',
    positives: [i % 2],
  }))
  const draw = (seed: number): string =>
    JSON.stringify(hardNegatives(documents, many, bm25Scorer(documents), { count: 2, seed }))
  expect(draw(1)).toBe(draw(1))
  expect(draw(1)).not.toBe(draw(2))
  expect((JSON.parse(draw(1)) as number[][]).length).toBe(300)
})

test('by the vectors of an encoder', () => {
  const folder = tinyFolder('bert, classification')
  try {
    const encoder = createSentenceEncoder(readModel(folder) as LoadedEncoder)
    const texts = ['a b', 'a b c', 'c c', 'b a']
    const scorer = encoderScorer(texts, encoder)
    const scores = scorer(['a b'])[0]!
    expect(scores[0]!).toBeGreaterThan(0.999)
    const [found] = hardNegatives(texts, [{ query: 'a b', positives: [0] }], scorer, { count: 1, among: 1 })
    const best = [1, 2, 3].sort((i, j) => scores[j]! - scores[i]!)[0]
    expect(found).toEqual([best])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what makes no sense is refused', () => {
  const scorer = bm25Scorer(documents)
  for (const options of [{ count: 0 }, { share: 0 }, { many: 1 }])
    expect(() => hardNegatives(documents, queries, scorer, options)).toThrow(UsageError)
  expect(() => hardNegatives(documents, [{ query: 'a', positives: [9] }], scorer)).toThrow(UsageError)
})
