import { expect, test } from 'vitest'
import {
  bm25Index,
  rankOf,
  reciprocalRankFusion,
  reranked,
  TermIndex,
  termsOf,
  topOf,
  VectorIndex,
  weightedScores,
} from './index.js'
import { randomKey, uniformAt } from '../base/index.js'
import { type CrossEncoder, sparseProduct, vectorSimilarity } from '../models/index.js'

const texts = ['a cat sat', 'a dog sat on a cat', 'Dogs, and a Cat: cat!', '']

test('BM25 by its formula', () => {
  const terms = termsOf()
  const documents = texts.map((text) => terms(text))
  const [cat, dogs] = [terms('cat')[0]!, terms('dogs')[0]!]
  const lengths = documents.map(({ length }) => length)
  expect(lengths).toEqual([3, 6, 5, 0])
  const score = (count: number, having: number, length: number): number => {
    const rarity = Math.log(1 + (4 - having + 0.5) / (having + 0.5))
    return (rarity * count * 1.9) / (count + 0.9 * (0.6 + (0.4 * length) / 3.5))
  }
  const expected = [score(1, 3, 3), score(1, 3, 6), score(2, 3, 5) + 2 * score(1, 1, 5), 0]
  const found = bm25Index(documents).scores({ ids: [cat, dogs, dogs, 999] })
  expect(Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)))).toBeLessThan(1e-14)
})

test('an inverted index gives products of sparse vectors', () => {
  const vectors = Array.from({ length: 30 }, (_, i) => {
    const key = randomKey(i)
    const ids = Array.from({ length: 50 }, (_, id) => id).filter((id) => uniformAt(key, id) < 0.2)
    return { ids: Int32Array.from(ids), weights: Float32Array.from(ids, (id) => uniformAt(key, 100 + id)) }
  })
  const index = new TermIndex(vectors)
  for (const query of vectors) {
    const found = index.scores(query)
    const worst = Math.max(...vectors.map((one, i) => Math.abs(sparseProduct(query, one) - found[i]!)))
    expect(worst).toBeLessThan(1e-12)
  }
})

test('an index of vectors compares each with each', () => {
  const vectors = Array.from({ length: 700 }, (_, i) =>
    Array.from({ length: 5 }, (_, at) => uniformAt(randomKey(i), at) - 0.5),
  )
  const queries = vectors.slice(0, 300)
  for (const similarity of ['cosine', 'dot'] as const) {
    const found = new VectorIndex(vectors, similarity).scores(queries)
    const worst = queries.map((query, q) =>
      Math.max(
        ...vectors.map((one, i) => Math.abs(vectorSimilarity(query, one, similarity) - found[q]![i]!)),
      ),
    )
    expect(Math.max(...worst)).toBeLessThan(1e-6)
  }
  expect(() => new VectorIndex([[1, 2], [1]])).toThrow('expected vectors of 2 numbers, found one of 1')
  expect(new VectorIndex([]).scores([[]])[0]!.length).toBe(0)
})

test('the best k are those of the whole order; of equals the earlier', () => {
  for (let round = 0; round < 50; round++) {
    const scores = Array.from({ length: round }, (_, i) => Math.floor(6 * uniformAt(randomKey(round), i)))
    const order = scores
      .map((score, document) => ({ document, score }))
      .sort((a, b) => b.score - a.score || a.document - b.document)
    for (const k of [0, 1, 7, 100])
      expect(JSON.stringify(topOf(scores, k))).toBe(JSON.stringify(order.slice(0, k)))
    expect(order.map(({ document }) => rankOf(scores, document))).toEqual(order.map((_, i) => i + 1))
  }
})

test('one ranking from several', () => {
  const ranking = (...documents: number[]): { document: number }[] =>
    documents.map((document) => ({ document }))
  expect(reciprocalRankFusion([ranking(4, 2, 7), ranking(2, 9)])).toEqual([
    { document: 2, score: 1 / 62 + 1 / 61 },
    { document: 4, score: 1 / 61 },
    { document: 9, score: 1 / 62 },
    { document: 7, score: 1 / 63 },
  ])
  const weighted = reciprocalRankFusion([ranking(4), ranking(2)], { weights: [1, 3], constant: 0 })
  expect(weighted.map(({ score }) => score)).toEqual([3, 1])
  expect([
    ...weightedScores(
      [
        [0, 5, 10],
        [3, 1, 1],
      ],
      [1, 2],
    ),
  ]).toEqual([2, 0.5, 1])
  expect([...weightedScores([[7, 7]])]).toEqual([0, 0])
  expect(() => weightedScores([[1]], [1, 2])).toThrow('expected 1 weights, found 2')
})

test('the first of a ranking in a new order', () => {
  const read: string[] = []
  const encoder = {
    rank(query: string, documents: readonly string[]) {
      read.push(query, ...documents)
      return documents
        .map((text, document) => ({ document, score: text.length }))
        .sort((a, b) => b.score - a.score)
    },
  } as CrossEncoder
  const ranking = [3, 0, 2, 1].map((document, i) => ({ document, score: -i }))
  const found = reranked(encoder, 'who?', ranking, ['aa', 'bbbb', 'ccccc', 'd'], 2)
  expect(found.map(({ document }) => document)).toEqual([0, 3, 2, 1])
  expect(read).toEqual(['who?', 'd', 'aa'])
})

test('what can be no index', () => {
  expect(() => new TermIndex([{ ids: [1.5] }])).toThrow('terms that are whole numbers')
  expect(() => new TermIndex([{ ids: [1], weights: [] }])).toThrow('1 weights of document 0')
  expect(() => bm25Index([], { b: 2 })).toThrow('b from 0 to 1')
  expect(new TermIndex([]).scores({ ids: [1] }).length).toBe(0)
})
