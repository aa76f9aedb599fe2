import { describe, expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import {
  attentionFilter,
  attentionScores,
  type Mask,
  normal,
  ones,
  scope,
  type Score,
  tensor,
  type Tensor,
  withDevice,
  zeros,
} from '../tensor/index.js'
import {
  alibi,
  alibiSlopes,
  allOf,
  anyOf,
  bias,
  causal,
  chunked,
  cosine,
  explicit,
  firstKeys,
  inOrder,
  local,
  not,
  padding,
  prefix,
  sameDocument,
  scaledDot,
  slidingWindow,
  softCap,
  t5Bias,
  t5BucketOf,
} from './index.js'

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))

const whole = <A extends string>(values: number[], shape: Record<A, number>): Tensor<A> =>
  tensor(values, shape, { dtype: 'i32' })

/** The mask as rows of 1 and 0, of each batch. */
function seen(mask: Mask, queries: number, keys: number, batch = 1): string[] {
  const query = ones({ batch, query: queries, width: 1 })
  const scores = attentionScores(query, ones({ key: keys, width: 1 }), { mask })
  const values = Array.from(scores.values(['batch', 'query', 'key']), (x) => (x === -Infinity ? '0' : '1'))
  return Array.from({ length: batch * queries }, (_, i) => values.slice(i * keys, (i + 1) * keys).join(''))
}

const masks: Record<string, [mask: () => Mask, queries: number, keys: number, rows: string[]]> = {
  causal: [() => causal, 4, 4, ['1000', '1100', '1110', '1111']],
  'causal, more keys': [() => causal, 2, 4, ['1110', '1111']],
  'causal, more queries': [() => causal, 4, 2, ['00', '00', '10', '11']],
  'sliding window': [() => slidingWindow(2), 4, 4, ['1000', '1100', '0110', '0011']],
  local: [() => local(1), 4, 4, ['1100', '1110', '0111', '0011']],
  chunked: [() => chunked(2), 4, 4, ['1100', '1100', '0011', '0011']],
  'chunked, causal': [() => allOf(causal, chunked(2)), 4, 4, ['1000', '1100', '0010', '0011']],
  prefix: [() => prefix(2), 4, 4, ['1100', '1100', '1110', '1111']],
  'first keys': [() => firstKeys(1), 2, 3, ['100', '100']],
  'a window with sinks': [
    () => anyOf(slidingWindow(1), allOf(causal, firstKeys(1))),
    4,
    4,
    ['1000', '1100', '1010', '1001'],
  ],
  not: [() => not(causal), 3, 3, ['011', '001', '000']],
  'same document': [() => sameDocument(whole([7, 7, 9], { key: 3 })), 2, 3, ['110', '001']],
  'same document, of queries': [
    () => sameDocument(whole([7, 7, 9], { key: 3 }), whole([9, 7], { query: 2 })),
    2,
    3,
    ['001', '110'],
  ],
  explicit: [() => explicit(whole([1, 0, 0, 1, 5, -1], { query: 2, key: 3 })), 2, 3, ['100', '111']],
  'explicit, broadcast': [() => explicit(whole([1, 0], { query: 2, key: 1 })), 2, 3, ['111', '000']],
}

describe('ready-made masks', () => {
  test.each(Object.entries(masks))('%s', (_, [mask, queries, keys, rows]) =>
    on(() => {
      expect(seen(mask(), queries, keys)).toEqual(rows)
    }),
  )

  test('by batch', () =>
    on(() => {
      expect(seen(prefix(whole([0, 2], { batch: 2 })), 2, 2, 2)).toEqual(['10', '11', '11', '11'])
      expect(seen(padding(whole([1, 0, 1, 1], { batch: 2, key: 2 })), 2, 2, 2)).toEqual([
        '10',
        '10',
        '11',
        '11',
      ])
      expect(seen(sameDocument(whole([1, 2, 3, 3], { batch: 2, key: 2 })), 2, 2, 2)).toEqual([
        '10',
        '01',
        '11',
        '11',
      ])
    }))

  test('of nothing is refused', () => {
    expect(() => allOf()).toThrow(UsageError)
    expect(() => anyOf()).toThrow('anyOf: expected at least one mask, found none')
  })
})

/** Scores of products 1: what the function makes of them, with a scale of 1. */
function scored(score: Score, queries: number, keys: number): number[][] {
  const [query, key] = [ones({ head: 2, query: queries, width: 1 }), ones({ head: 2, key: keys, width: 1 })]
  const values = [...attentionScores(query, key, { score, scale: 1 }).values(['head', 'query', 'key'])]
  return Array.from({ length: 2 * queries }, (_, i) => values.slice(i * keys, (i + 1) * keys))
}

describe('ready-made scores', () => {
  test('scaled dot product, soft cap, ALiBi, bias', () =>
    on(() => {
      expect(scored(scaledDot, 1, 2)).toEqual([
        [1, 1],
        [1, 1],
      ])
      expect(scored(softCap(0.5), 1, 1)[0]![0]).toBeCloseTo(0.5 * Math.tanh(2), 12)
      expect(scored(alibi(alibiSlopes(2)), 2, 2)).toEqual([
        [1, 1 - 1 / 16],
        [1 - 1 / 16, 1],
        [1, 1 - 1 / 256],
        [1 - 1 / 256, 1],
      ])
      expect(scored(bias(tensor([1, 2, 3, 4], { query: 2, key: 2 })), 2, 2)).toEqual([
        [2, 3],
        [4, 5],
        [2, 3],
        [4, 5],
      ])
      expect(scored(inOrder(bias(tensor([1, 2], { head: 2 })), softCap(1)), 1, 1).flat()).toEqual([
        Math.tanh(2),
        Math.tanh(3),
      ])
    }))

  test.each([
    [32, 128, true],
    [32, 128, false],
    [8, 20, true],
    [16, 64, false],
  ])(
    'T5: %i buckets up to %i, bidirectional %s, are those of the table',
    (buckets, maximumDistance, bidirectional) =>
      on(() => {
        const [queries, keys] = [1, 300]
        const numbers = Array.from({ length: 2 * buckets }, (_, i) => i >> 1)
        const table = tensor(numbers, { bucket: buckets, head: 2 })
        const options = { bidirectional, maximumDistance }
        for (const future of [false, true]) {
          // Backwards from the last position, or forwards from the first: with the queries' axis as long as
          // the keys'.
          const rows = scored(t5Bias(table, options), future ? keys : queries, keys)
          const at = (key: number): number => (future ? key : key - keys + 1)
          rows[0]!.forEach((score, key) =>
            expect(score - 1, `distance ${at(key)}`).toBe(t5BucketOf(at(key), { buckets, ...options })),
          )
        }
      }),
  )

  test('cosines lie within −1 and 1, whatever the lengths', () =>
    on(() => {
      const query = normal(randomKey(1), { query: 20, width: 3 }, 50)
      const scores = attentionScores(query, query.rename({ query: 'key' }), { score: cosine() })
      const values = [...scores.values()]
      expect(values.every((x) => x >= -1 && x <= 1)).toBe(true)
      for (let i = 0; i < 20; i++) expect(values[i * 21]).toBeCloseTo(1, 12)
      const [q, k] = [query.values(), query.values()]
      const expected =
        [0, 1, 2].reduce((total, w) => total + q[w]! * k[3 + w]!, 0) /
        (Math.hypot(...q.slice(0, 3)) * Math.hypot(...k.slice(3, 6)))
      expect(values[1]).toBeCloseTo(expected, 12)
      // Combined with another score it stays the cosine.
      const combined = attentionScores(query, query.rename({ query: 'key' }), {
        score: inOrder(cosine(0.5), softCap(1e9)),
      })
      combined.values().forEach((x, i) => expect(x).toBeCloseTo(2 * values[i]!, 6))
    }))

  test('the cosine with nothing is 0, not NaN', () =>
    on(() => {
      const filter = attentionFilter(zeros({ query: 1, width: 2 }), ones({ key: 2, width: 2 }), {
        score: cosine(),
      })
      expect([...filter.values()]).toEqual([0.5, 0.5])
    }))
})

test.each<[string, () => unknown]>([
  ['a window of nothing', () => slidingWindow(0)],
  ['half a window', () => slidingWindow(1.5)],
  ['a negative distance', () => local(-1)],
  ['chunks of nothing', () => chunked(0)],
  ['a negative prefix', () => prefix(-1)],
  ['a negative count', () => firstKeys(-1)],
  ['a cap of 0', () => softCap(0)],
  ['a temperature of 0', () => cosine(0)],
  ['a table of too few buckets', () => t5Bias(zeros({ bucket: 3, head: 1 }), { bidirectional: true })],
  [
    'a mask that gives nothing',
    () =>
      attentionFilter(ones({ query: 1, width: 1 }), ones({ key: 1, width: 1 }), {
        mask: (() => {}) as never,
      }),
  ],
])('%s is refused', (_, make) =>
  on(() => {
    expect(make).toThrow(UsageError)
  }),
)
