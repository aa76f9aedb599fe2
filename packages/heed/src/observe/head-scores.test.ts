import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { tensor } from '../tensor/index.js'
import { hasRepetition, headScores } from './head-scores.js'

/** A filter of `tokens` queries that attend to one key each. */
function pointing(tokens: number, keyOf: (query: number) => number): number[] {
  return Array.from({ length: tokens * tokens }, (_, i) =>
    i % tokens === keyOf(Math.floor(i / tokens)) ? 1 : 0,
  )
}

const distinct = [5, 6, 7, 8]
const repeating = [1, 2, 3, 1, 2, 3]

describe('one head', () => {
  test('that attends to the token before', () => {
    const filter = pointing(4, (query) => Math.max(0, query - 1))
    // The second query's previous token is the first one.
    expect(headScores(filter, distinct)).toEqual({ entropy: 0, previous: 1, first: 1 / 3, induction: 0 })
  })

  test('that rests on the first token', () => {
    const filter = pointing(4, () => 0)
    expect(headScores(filter, distinct)).toEqual({ entropy: 0, previous: 1 / 3, first: 1, induction: 0 })
  })

  test('that attends to what followed last time', () => {
    const filter = pointing(6, (query) => (query < 3 ? 0 : query - 2))
    expect(headScores(filter, repeating).induction).toBe(1)
    expect(headScores(filter, [1, 2, 3, 4, 5, 6]).induction).toBe(0)
  })

  test('that attends to all keys up to the query alike', () => {
    const filter = Array.from({ length: 16 }, (_, i) => {
      const [query, key] = [Math.floor(i / 4), i % 4]
      return key <= query ? 1 / (query + 1) : 0
    })
    const { entropy, previous, first } = headScores(filter, distinct)
    expect(entropy).toBeCloseTo((Math.log(1) + Math.log(2) + Math.log(3) + Math.log(4)) / 4, 12)
    expect(previous).toBeCloseTo((1 / 2 + 1 / 3 + 1 / 4) / 3, 12)
    expect(first).toBe(previous)
  })
})

test('the weights after all earlier occurrences count', () => {
  // Token 9 stands at 0, 2 and 4: the last query looks at 1 and at 3.
  const ids = [9, 1, 9, 2, 9]
  const filter = pointing(5, () => 0)
  filter.splice(20, 5, 0, 0.25, 0, 0.5, 0.25)
  // The queries with an earlier occurrence are 2 (looks at 0) and 4.
  expect(headScores(filter, ids).induction).toBeCloseTo(0.75 / 2, 12)
})

test('an immediate repetition is no induction', () => {
  expect(hasRepetition([4, 4])).toBe(false)
  expect(hasRepetition([4, 5, 4])).toBe(true)
  expect(headScores([1, 0, 0, 1], [4, 4]).induction).toBe(0)
})

test('rows that attend to nothing have no entropy', () => {
  expect(headScores([0, 0, 0.5, 0.5], [1, 2]).entropy).toBeCloseTo(Math.log(2), 12)
  expect(headScores([0, 0, 0, 0], [1, 2])).toEqual({ entropy: 0, previous: 0, first: 0, induction: 0 })
})

test('a single token', () => {
  expect(headScores([1], [3])).toEqual({ entropy: 0, previous: 0, first: 0, induction: 0 })
  expect(headScores([], [])).toEqual({ entropy: 0, previous: 0, first: 0, induction: 0 })
})

test('a tensor gives what its numbers give, whatever the order of its axes', () => {
  const numbers = [1, 0, 0, 0.25, 0.75, 0, 0.5, 0.25, 0.25]
  const turned = [1, 0.25, 0.5, 0, 0.75, 0.25, 0, 0, 0.25]
  const expected = headScores(numbers, [1, 2, 1])
  const filter = tensor(turned, { key: 3, query: 3 })
  const scores = headScores(filter, [1, 2, 1])
  filter.dispose()
  for (const name of ['entropy', 'previous', 'first', 'induction'] as const) {
    expect(scores[name]).toBeCloseTo(expected[name], 6)
  }
})

test('scores of any filter lie in their ranges', () => {
  const sequences = fc.integer({ min: 1, max: 8 }).chain((tokens) =>
    fc.record({
      ids: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: tokens, maxLength: tokens }),
      weights: fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), {
        minLength: tokens * tokens,
        maxLength: tokens * tokens,
      }),
    }),
  )
  fc.assert(
    fc.property(sequences, ({ ids, weights }) => {
      const tokens = ids.length
      const filter = weights.map((weight, i) => {
        const row = Math.floor(i / tokens) * tokens
        return weight / weights.slice(row, row + tokens).reduce((sum, each) => sum + each, 0)
      })
      const { entropy, ...shares } = headScores(filter, ids)
      expect(entropy).toBeGreaterThanOrEqual(0)
      expect(entropy).toBeLessThanOrEqual(Math.log(tokens) + 1e-9)
      for (const share of Object.values(shares)) {
        expect(share).toBeGreaterThanOrEqual(0)
        expect(share).toBeLessThanOrEqual(1 + 1e-9)
      }
      if (!hasRepetition(ids)) expect(shares.induction).toBe(0)
    }),
  )
})

test('a filter of another size is refused', () => {
  expect(() => headScores([1, 0, 0, 1], [1, 2, 3])).toThrow(
    'headScores: expected a filter of 3 queries × 3 keys, one for each token, found 4 weights; give one head of one sequence, and the ids that it read',
  )
  const wide = tensor([1, 0, 0, 0], { query: 1, key: 4 })
  expect(() => headScores(wide, [1, 2])).toThrow('found f32 query 1, key 4')
  wide.dispose()
})
