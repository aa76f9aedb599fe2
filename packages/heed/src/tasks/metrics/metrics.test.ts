import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { normalAt, randomKey, UsageError } from '../../base/index.js'
import {
  averagePrecision,
  bootstrap,
  bootstrapMean,
  classificationScores,
  entitiesIn,
  entityScores,
  meanAt,
  mrrAt,
  ndcgAt,
  normalizedAnswer,
  pairedBootstrap,
  pearson,
  ranksOf,
  recallAt,
  spearman,
  squadExact,
  squadF1,
  squadNoAnswerScores,
  squadScores,
} from './index.js'

type Numbers = readonly number[]
type Named = Readonly<Record<string, number>>

/** Made by testing/make-fixtures.py. */
interface Fixtures {
  readonly correlations: readonly (readonly [Numbers, Numbers, number | null, number | null])[]
  readonly rankings: readonly ({ readonly gains: Numbers; readonly missing: Numbers } & Readonly<
    Record<string, unknown>
  >)[]
  readonly squad: {
    readonly cases: readonly {
      readonly answer: string
      readonly golds: readonly string[]
      readonly doubt: number
      readonly exact: number
      readonly f1: number
      readonly normalized: string
      readonly torch_exact?: number
      readonly torch_f1?: number
    }[]
    readonly totals: Readonly<Record<string, Named>>
  }
  readonly classes: readonly {
    readonly truth: Numbers
    readonly found: Numbers
    readonly accuracy: number
    readonly macro: number
    readonly micro: number
    readonly weighted: number
    readonly matthews: number
    readonly used: Numbers
    readonly precision: Numbers
    readonly recall: Numbers
  }[]
  readonly entities: readonly {
    readonly truth: readonly (readonly string[])[]
    readonly found: readonly (readonly string[])[]
    readonly precision: number
    readonly recall: number
    readonly f1: number
    readonly macro: number
    readonly report: Readonly<Record<string, Named>>
  }[]
  readonly intervals: readonly {
    readonly values: Numbers
    readonly low: number
    readonly high: number
    readonly error: number
  }[]
}

const fixtures = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/metrics.json.gz', import.meta.url))).toString('utf8'),
) as Fixtures

/** The largest difference; NaN stands for null. */
function worst(pairs: Iterable<readonly [found: number, expected: number | null | undefined]>): number {
  let most = 0
  for (const [found, expected] of pairs) {
    if (Number.isNaN(found) && (expected === null || Number.isNaN(expected))) continue
    const difference = Math.abs(found - expected!)
    most = Number.isNaN(difference) ? Infinity : Math.max(most, difference)
  }
  return most
}

describe('correlations, against scipy', () => {
  const { correlations } = fixtures
  test('500 cases, with ties and lists that do not vary', () => {
    expect(correlations).toHaveLength(500)
    expect(worst(correlations.map(([a, b, expected]) => [pearson(a, b), expected]))).toBeLessThan(1e-9)
    expect(worst(correlations.map(([a, b, , expected]) => [spearman(a, b), expected]))).toBeLessThan(1e-12)
  })

  test('equal numbers share the mean of their ranks', () => {
    expect([...ranksOf([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4])
    expect([...ranksOf([3, NaN, -Infinity])]).toEqual([NaN, NaN, NaN])
  })

  test('with NaN there is no correlation; what are no numbers is refused', () => {
    // scipy.stats.spearmanr and pearsonr, whose nan_policy is 'propagate'
    for (const correlation of [pearson, spearman]) {
      expect(correlation([1, NaN, 3], [1, 2, 3])).toBeNaN()
      expect(correlation(Float64Array.of(1, 2, 3), [1, 2, NaN])).toBeNaN()
      expect(() => correlation([1, 2], [1])).toThrow('expected two lists of 2 numbers, found one of 1')
      expect(() => correlation(['a', 'b'] as never, [1, 2])).toThrow(UsageError)
      expect(() => correlation([1, 2], undefined as never)).toThrow(UsageError)
    }
  })
})

describe('rankings, against pytrec_eval and scikit-learn', () => {
  const { rankings } = fixtures
  test('500 queries, with grades and documents that were not found', () => {
    expect(rankings).toHaveLength(500)
    const of = (name: string, score: (gains: Numbers, all: Numbers, count: number) => number): number =>
      worst(
        rankings
          .filter((one) => name in one)
          .map((one) => {
            const all = [...one.gains, ...one.missing]
            return [score(one.gains, all, all.filter((gain) => gain > 0).length), one[name] as number]
          }),
      )
    expect(of('ndcg', (gains, all) => ndcgAt(gains, 1000, all))).toBeLessThan(1e-12)
    expect(of('ndcg_cut_3', (gains, all) => ndcgAt(gains, 3, all))).toBeLessThan(1e-12)
    expect(of('ndcg_cut_10', (gains, all) => ndcgAt(gains, 10, all))).toBeLessThan(1e-12)
    expect(of('sklearn_ndcg_10', (gains) => ndcgAt(gains, 10))).toBeLessThan(1e-12)
    expect(of('recip_rank', (gains) => mrrAt(gains))).toBeLessThan(1e-12)
    expect(of('recall_3', (gains, _, count) => recallAt(gains, 3, count))).toBeLessThan(1e-12)
    expect(of('recall_10', (gains, _, count) => recallAt(gains, 10, count))).toBeLessThan(1e-12)
    expect(of('map', (gains, _, count) => averagePrecision(gains, count))).toBeLessThan(1e-12)
    expect(of('map_cut_5', (gains, _, count) => averagePrecision(gains, count, 5))).toBeLessThan(1e-12)
  })

  test('nothing relevant is 0', () => {
    expect([ndcgAt([0, 0], 10), mrrAt([0, 0], 10), recallAt([0], 1), averagePrecision([])]).toEqual([
      0, 0, 0, 0,
    ])
    expect(mrrAt([0, 0, 1], 2)).toBe(0)
  })
})

describe('answers, against the SQuAD scripts', () => {
  const { cases, totals } = fixtures.squad
  const answered = cases.map(({ answer, golds, doubt }) => ({
    found: answer,
    answers: golds,
    noAnswer: doubt,
  }))

  test('500 answers', () => {
    expect(cases).toHaveLength(500)
    expect(cases.map(({ answer }) => normalizedAnswer(answer)).join('|')).toBe(
      cases.map(({ normalized }) => normalized).join('|'),
    )
    expect(worst(cases.map(({ answer, golds, exact }) => [squadExact(answer, golds), exact]))).toBe(0)
    expect(worst(cases.map(({ answer, golds, f1 }) => [squadF1(answer, golds), f1]))).toBeLessThan(1e-12)
  })

  test('1.1, wherever both answers have words', () => {
    const asked = cases.filter(
      ({ golds, answer }) =>
        golds.length > 0 && [answer, ...golds].every((text) => normalizedAnswer(text) !== ''),
    )
    expect(asked.length).toBeGreaterThan(200)
    expect(
      worst(asked.map(({ answer, golds, torch_exact }) => [squadExact(answer, golds), torch_exact])),
    ).toBe(0)
    expect(
      worst(asked.map(({ answer, golds, torch_f1 }) => [squadF1(answer, golds), torch_f1])),
    ).toBeLessThan(1e-6)
  })

  test.each([
    ['0.5', 0.5],
    ['1.0', 1],
  ])('2.0 with the threshold %s, and the best thresholds', (name, threshold) => {
    const expected = totals[name]!
    const found = squadNoAnswerScores(answered, threshold)
    const { answerable, unanswerable } = found
    expect(
      worst([
        [100 * found.exact, expected['exact']],
        [100 * found.f1, expected['f1']],
        [found.count, expected['total']],
        [100 * answerable.exact, expected['HasAns_exact']],
        [100 * answerable.f1, expected['HasAns_f1']],
        [answerable.count, expected['HasAns_total']],
        [100 * unanswerable.exact, expected['NoAns_exact']],
        [100 * unanswerable.f1, expected['NoAns_f1']],
        [100 * found.bestExact, expected['best_exact']],
        [found.bestExactThreshold, expected['best_exact_thresh']],
        [100 * found.bestF1, expected['best_f1']],
        [found.bestF1Threshold, expected['best_f1_thresh']],
      ]),
    ).toBeLessThan(1e-9)
  })

  test('means without a threshold', () => {
    const found = squadScores(answered)
    expect(worst([[100 * found.f1, totals['none']!['f1']]])).toBeLessThan(1e-9)
    expect(() => squadScores([])).toThrow('at least one answer')
    for (const wrong of [5, [5], [{ found: 5, answers: ['a'] }], [{ found: 'a', answers: 'a' }]])
      expect(() => squadScores(wrong as never)).toThrow(UsageError)
    for (const [found, answers] of [
      ['a', 'a'],
      [5, ['a']],
      ['a', [5]],
    ])
      for (const score of [squadExact, squadF1])
        expect(() => score(found as never, answers as never)).toThrow(UsageError)
  })
})

describe('classes, against scikit-learn', () => {
  test('500 cases', () => {
    const { classes } = fixtures
    expect(classes).toHaveLength(500)
    const differences = classes.map(({ found, truth, used, ...expected }) => {
      const scores = classificationScores(found, truth)
      return worst([
        [scores.accuracy, expected.accuracy],
        [scores.accuracy, expected.micro],
        [scores.macroF1, expected.macro],
        [scores.weightedF1, expected.weighted],
        [scores.matthews, expected.matthews],
        ...used.map((c, i) => [scores.classes[c]!.precision, expected.precision[i]] as const),
        ...used.map((c, i) => [scores.classes[c]!.recall, expected.recall[i]] as const),
      ])
    })
    expect(Math.max(...differences)).toBeLessThan(1e-12)
  })

  test('the confusion of classes, and what is no class', () => {
    expect(classificationScores([0, 1, 1], [0, 0, 1], 3).confusion).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 0],
    ])
    expect(() => classificationScores([0, 3], [0, 1], 2)).toThrow('expected classes from 0 to 1')
    expect(() => classificationScores([0.5], [0])).toThrow('classes')
    expect(() => classificationScores([0], [0, 1])).toThrow('lists of 1 and 2')
  })
})

describe('entities, against seqeval', () => {
  test('500 cases of three schemes', () => {
    const { entities } = fixtures
    expect(entities).toHaveLength(500)
    const differences = entities.map(({ found, truth, report, ...expected }) => {
      const scores = entityScores(found, truth)
      return worst([
        [scores.precision, expected.precision],
        [scores.recall, expected.recall],
        [scores.f1, expected.f1],
        [scores.macroF1, expected.macro],
        [Object.keys(scores.types).length, Object.keys(report).length],
        ...Object.entries(report).flatMap(([type, row]) => [
          [scores.types[type]!.f1, row['f1-score']] as const,
          [scores.types[type]!.count, row['support']] as const,
        ]),
      ])
    })
    expect(Math.max(...differences)).toBeLessThan(1e-12)
    expect(() => entityScores([['O']], [['O', 'O']])).toThrow('expected 2 labels of text 0, found 1')
    for (const wrong of [5, [5], [[5]], [null]])
      expect(() => entityScores(wrong as never, wrong as never)).toThrow(UsageError)
    expect(() => entitiesIn('B-PER' as never)).toThrow(UsageError)
  })
})

describe('intervals by the bootstrap', () => {
  test('means, against scipy, within what drawing again varies', () => {
    const differences = fixtures.intervals.map(({ values, low, high, error }) => {
      const found = bootstrapMean(values, { samples: 4000 })
      return Math.max(Math.abs(found.low - low), Math.abs(found.high - high)) / error
    })
    // The standard error of such a percentile is about √(0.025 · 0.975 / 4000) / 0.058 = 0.04 of the error.
    expect(Math.max(...differences)).toBeLessThan(0.2)
  })

  test('an interval of 95 % has the mean in about 95 of 100', () => {
    let inside = 0
    for (let round = 0; round < 200; round++) {
      const key = randomKey(round, 'draws')
      const values = Array.from({ length: 60 }, (_, i) => normalAt(key, i))
      const { low, high } = bootstrapMean(values, { samples: 300, seed: round })
      if (low <= 0 && high >= 0) inside++
    }
    expect(inside / 200).toBeGreaterThan(0.88)
    expect(inside / 200).toBeLessThan(0.99)
  })

  test('of pairs: what all items share is no doubt', () => {
    const a = Array.from({ length: 50 }, (_, i) => normalAt(randomKey(1), i))
    const b = a.map((value, i) => value - 0.2 - 0.01 * (i % 3))
    const found = pairedBootstrap(
      50,
      (items) => meanAt(a, items),
      (items) => meanAt(b, items),
    )
    expect(found.value).toBeCloseTo(0.2098, 3)
    expect([found.low > 0.2, found.high < 0.22, found.p]).toEqual([true, true, 0])
    const same = pairedBootstrap(
      50,
      (items) => meanAt(a, items),
      (items) => meanAt([...a].reverse(), items),
    )
    expect(same.p).toBeGreaterThan(0.2)
  })

  test('the same seed draws the same', () => {
    const values = Array.from({ length: 40 }, (_, i) => i ** 1.5)
    expect(bootstrapMean(values, { seed: 3 })).toEqual(bootstrapMean(values, { seed: 3 }))
    expect(bootstrapMean(values, { seed: 3 })).not.toEqual(bootstrapMean(values, { seed: 4 }))
  })

  test('bad options', () => {
    expect(() => bootstrapMean([])).toThrow('expected count')
    expect(() => bootstrapMean([1], { confidence: 1 })).toThrow('confidence between 0 and 1')
    expect(() => bootstrap(1, () => 1, { samples: 0 })).toThrow('samples')
    expect(() => bootstrap(1, () => 1, { sample: 3 } as never)).toThrow(
      "other names than samples, confidence, seed, found 'sample'",
    )
    expect(() => bootstrapMean([1], null as never)).toThrow(UsageError)
    expect(() => bootstrapMean(['a'] as never)).toThrow('values[0] to be a number')
  })

  test('NaN makes all of an interval NaN', () => {
    expect(bootstrapMean([NaN, 1, 2])).toEqual({ value: NaN, low: NaN, high: NaN })
    const score = (items: Uint32Array): number => meanAt([NaN, 1, 2], items)
    const difference = pairedBootstrap(3, score, () => 1)
    expect(difference).toEqual({ value: NaN, low: NaN, high: NaN, p: NaN })
  })
})
