import { expect, test } from 'vitest'
import { loadModel } from '../models/index.js'
import { dataText, hasReal, readReal, realNote, weightsFolder } from '../models/testing/real.js'
import { mrrAt, ndcgAt, recallAt } from '../tasks/index.js'
import { bm25Index, rankOf, termsOf, topOf } from './index.js'

interface Cases {
  readonly figures: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>
  readonly tolerance: { readonly figures: number }
}

test.skipIf(!hasReal('search', 'splade-tiny'))(`BM25 of 2,067 paragraphs (${realNote})`, async () => {
  const { json, numbers, shape } = readReal<Cases>('search')
  const paragraphs = dataText('squad/dev-v1.1.jsonl.gz')
    .trim()
    .split('\n')
    .flatMap(
      (line) => (JSON.parse(line) as { paragraphs: { context: string; qas: { q: string }[] }[] }).paragraphs,
    )
  const terms = termsOf((await loadModel(weightsFolder('splade-tiny'))).tokenizer)
  const index = bm25Index(paragraphs.map(({ context }) => terms(context)))
  const scores = paragraphs.map(({ qas }) => index.scores({ ids: terms(qas[0]!.q) }))
  const near = (found: readonly number[], rank: string, figures: Readonly<Record<string, number>>): void => {
    const expected = numbers(rank)
    expect(found.filter((value, i) => value === expected[i]).length).toBe(expected.length)
    const mean = (of: (gains: readonly number[]) => number): number =>
      found.reduce((sum, place) => sum + of([...new Array<number>(place - 1).fill(0), 1]), 0) / found.length
    const own: Readonly<Record<string, number>> = {
      'nDCG@10': mean((gains) => ndcgAt(gains, 10)),
      'MRR@10': mean((gains) => mrrAt(gains, 10)),
      'recall@1': mean((gains) => recallAt(gains, 1)),
      'recall@10': mean((gains) => recallAt(gains, 10)),
      'recall@100': mean((gains) => recallAt(gains, 100)),
    }
    for (const [name, value] of Object.entries(figures))
      expect(Math.abs(own[name]! - value), name).toBeLessThan(json.tolerance.figures)
  }
  const { all, first_300: first } = json.figures['bm25']!
  near(
    scores.map((own, i) => rankOf(own, i)),
    'bm25.rank',
    all!,
  )
  near(
    scores.slice(0, 300).map((own, i) => rankOf(own.subarray(0, 300), i)),
    'bm25.rank_of_first_300',
    first!,
  )
  const [best, bestScores] = [numbers('bm25.best'), numbers('bm25.best_scores')]
  const [count, places] = shape('bm25.best') as [number, number]
  for (let i = 0; i < count; i++) {
    const found = topOf(scores[i]!, places)
    expect(found.map(({ document }) => document).join()).toBe(
      [...best.subarray(i * places, (i + 1) * places)].join(),
    )
    const worst = found.map(({ score }, at) => Math.abs(score / bestScores[i * places + at]! - 1))
    expect(Math.max(...worst)).toBeLessThan(1e-5)
  }
})
