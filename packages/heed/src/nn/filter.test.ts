import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pairBitsAt, randomKey, type RandomKey } from '../base/index.js'
import {
  applyFilter,
  attention,
  attentionFilter,
  attentionRagged,
  attentionWithStatistics,
  type AttentionOptions,
  capture,
  type FilterFunction,
  filterScores,
  attentionScores,
  mixValues,
  normal,
  slice,
  sum,
  tensor,
  type Tensor,
} from '../tensor/index.js'
import { grad } from '../autograd/index.js'
import { batchSizes, dropWeights, filtersInOrder } from './filter.js'
import { allOf, causal, padding } from './mask.js'

function far(a: Tensor, b: Tensor): number {
  const [x, y] = [a.values(), b.values()]
  let most = x.length === y.length ? 0 : Infinity
  for (let i = 0; i < x.length; i++) most = Math.max(most, Math.abs(x[i]! - y[i]!))
  return most
}

const key = randomKey(7)
const sizes = { batch: 2, head: 4, queries: 21, keys: 37, width: 8 }
type Shape = typeof sizes
function inputs({ batch, head, queries, keys, width }: Shape, seed = 1) {
  return {
    query: normal(randomKey(seed), { batch, head, query: queries, width }),
    key: normal(randomKey(seed + 1), { batch, head: 2, key: keys, width }),
    value: normal(randomKey(seed + 2), { batch, head: 2, key: keys, width }),
  }
}

/** Step by step, as the docs say it. */
function plain(given: ReturnType<typeof inputs>, options: AttentionOptions): Tensor {
  const { score, mask, scale, sink, filter } = options
  const scores = attentionScores(given.query, given.key, { score, mask, scale })
  const normalized = filterScores(scores, sink)
  return mixValues(applyFilter(normalized, scores, filter), given.value) as Tensor
}

const gain = normal(randomKey(9), { head: 4, key: 37 })
const cases: readonly (readonly [string, AttentionOptions])[] = [
  ['dropped weights', { filter: dropWeights(0.3, key), mask: causal }],
  ['a learned gain', { filter: (weight, { head, key }) => weight.mul(capture(gain).at({ head, key })) }],
  ['sharpened', { filter: (weight) => weight.mul(weight).mul(3).add(0.01), mask: causal }],
  ['a bound', { filter: (weight) => weight.sub(0.02).max(0), sink: tensor([0, 1, 2, -1], { head: 4 }) }],
]

describe.each(cases)('attention with a function on its filter: %s', (_, options) => {
  test.each([21, 3, 1])('is the plain path, with %i queries', (queries) => {
    const given = inputs({ ...sizes, queries })
    const fused = attention(given.query, given.key, given.value, options) as Tensor
    expect(far(fused, plain(given, options))).toBeLessThan(1e-5)
    const whole = mixValues(attentionFilter(given.query, given.key, options), given.value) as Tensor
    expect(far(fused, whole)).toBeLessThan(1e-5)
  })
  test('has the gradients of the plain path', () => {
    const given = inputs(sizes)
    const weigh = normal(randomKey(5), { batch: 2, head: 4, query: 21, width: 8 })
    const of = (run: (own: typeof given) => Tensor): typeof given =>
      grad((own: typeof given) => sum(run(own).mul(weigh as Tensor)))(given)
    const fused = of((own) => attention(own.query, own.key, own.value, options) as Tensor)
    const steps = of((own) => plain(own, options))
    for (const name of ['query', 'key', 'value'] as const)
      expect(far(fused[name] as Tensor, steps[name] as Tensor), name).toBeLessThan(3e-5)
  })
  test('of several sequences is what each gives alone', () => {
    const { query, key, value } = inputs({ ...sizes, batch: 1 })
    if (options.filter === cases[1]![1].filter) return // its table has the size of one sequence
    const part = (start: number, length: number) => ({ start, length })
    const stretches = (of: typeof key) => [
      { tensor: of, ...part(0, 20) },
      { tensor: of, ...part(20, 17) },
    ]
    const together = attentionRagged(query, [14, 7], stretches(key), stretches(value), options) as Tensor
    const alone = (from: number, count: number, start: number, length: number): Tensor =>
      attention(
        slice(query, 'query', from, from + count),
        slice(key, 'key', start, start + length),
        slice(value, 'key', start, start + length),
        options,
      ) as Tensor
    expect(far(slice(together as typeof query, 'query', 0, 14) as Tensor, alone(0, 14, 0, 20))).toBe(0)
    expect(far(slice(together as typeof query, 'query', 14, 21) as Tensor, alone(14, 7, 20, 17))).toBe(0)
  })
})

describe('a function on the filter', () => {
  test('gets gradients for what it captures', () => {
    const given = inputs(sizes)
    const weigh = normal(randomKey(5), { batch: 2, head: 4, query: 21, width: 8 })
    const of = (run: (filter: FilterFunction) => Tensor): Tensor =>
      grad(({ gain }: { gain: Tensor<'head' | 'key'> }) =>
        sum(run((weight, { head, key }) => weight.mul(capture(gain).at({ head, key }))).mul(weigh as Tensor)),
      )({ gain }).gain as Tensor
    const fused = of((filter) => attention(given.query, given.key, given.value, { filter }) as Tensor)
    expect(
      far(
        fused,
        of((filter) => plain(given, { filter })),
      ),
    ).toBeLessThan(3e-5)
  })
  test('makes nothing of what is masked, whatever stands there', () => {
    const given = inputs(sizes)
    const real = tensor([...Array(36).fill(1), 0] as number[], { key: 37 }, { dtype: 'i32' })
    const spoilt = { ...given, value: tensor(given.value.values(), { batch: 2, head: 2, key: 37, width: 8 }) }
    const numbers = Float32Array.from(given.value.values())
    for (let i = 0; i < numbers.length; i++) if (Math.floor(i / 8) % 37 === 36) numbers[i] = NaN
    spoilt.value = tensor(numbers, { batch: 2, head: 2, key: 37, width: 8 })
    for (const filter of [
      dropWeights(0.5, key),
      ((weight) => weight.add(0.25)) as FilterFunction,
      ((weight) => weight.sqrt()) as FilterFunction,
    ]) {
      const options = { filter, mask: allOf(causal, padding(real)) }
      const before = attention(given.query, given.key, given.value, options) as Tensor
      const after = attention(spoilt.query, spoilt.key, spoilt.value, options) as Tensor
      expect(far(before, after)).toBe(0)
      expect(far(before, plain(spoilt, options))).toBeLessThan(1e-5)
      const gradient = grad((own: typeof given) => sum(attention(own.query, own.key, own.value, options)))
      expect(far(gradient(given).query as Tensor, gradient(spoilt).query as Tensor)).toBe(0)
    }
  })
  test('leaves 0 to a row that may see nothing', () => {
    const given = inputs({ ...sizes, queries: 37, keys: 21 })
    const options: AttentionOptions = { mask: causal, filter: (weight) => weight.add(1) }
    const found = attention(given.query, given.key, given.value, options)
    expect(Math.max(...slice(found, 'query', 0, 16).values().map(Math.abs))).toBe(0)
  })
  test('changes no statistics', () => {
    const { query, key: keys, value } = inputs(sizes)
    const [a, b] = [undefined, dropWeights(0.5, key)].map((filter) =>
      attentionWithStatistics(query, keys, value, { filter }),
    )
    expect(far(a!.entropy as Tensor, b!.entropy as Tensor)).toBe(0)
    expect(far(a!.logSumExp as Tensor, b!.logSumExp as Tensor)).toBe(0)
  })
  test('is refused where it gives no number', () => {
    const { query, key, value } = inputs(sizes)
    const run = (filter: unknown) => () => attention(query, key, value, { filter: filter as FilterFunction })
    expect(run(3)).toThrow(/a filter that returns a number expression/)
    expect(run((weight: never) => (weight as { gt(x: number): unknown }).gt(0))).toThrow(/boolean/)
  })
})

describe('dropped weights', () => {
  /** What `dropWeights` says, written plainly. */
  function kept(rate: number, random: RandomKey, { batch, head, queries, keys }: Shape): number[] {
    const result: number[] = []
    for (let b = 0; b < batch; b++)
      for (let h = 0; h < head; h++)
        for (let i = 0; i < queries; i++)
          for (let j = 0; j < keys; j++) {
            const bits = pairBitsAt(random, { batch: b, head: h, queryRow: i, key: j })
            result.push(bits >>> 8 >= Math.ceil(rate * 2 ** 24) ? Math.fround(1 / (1 - rate)) : 0)
          }
    return result
  }
  test('are those that the random bits of the pair say', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.double({ min: 0.01, max: 0.95, noNaN: true }), (seed, rate) => {
        const random = randomKey(seed)
        const given = inputs(sizes, seed)
        const filter = attentionFilter(given.query, given.key)
        const dropped = attentionFilter(given.query, given.key, { filter: dropWeights(rate, random) })
        const [before, after] = [filter.values(), dropped.values()]
        const worst = kept(rate, random, sizes).reduce(
          (most, factor, i) => Math.max(most, Math.abs(after[i]! - before[i]! * factor)),
          0,
        )
        expect(worst).toBeLessThan(1e-5)
      }),
      { numRuns: 10 },
    )
  })
  test('are as many as the rate says, and those of neighbours have nothing to do with each other', () => {
    const [rows, keys] = [512, 512]
    const bits = (row: number, k: number): number =>
      pairBitsAt(key, { batch: 0, head: 1, queryRow: row, key: k }) / 2 ** 32 < 0.1 ? 1 : 0
    const drops = Array.from({ length: rows }, (_, i) => Array.from({ length: keys }, (_, j) => bits(i, j)))
    const mean = (f: (i: number, j: number) => number): number => {
      let total = 0
      for (let i = 0; i < rows - 1; i++) for (let j = 0; j < keys - 1; j++) total += f(i, j)
      return total / ((rows - 1) * (keys - 1))
    }
    expect(Math.abs(mean((i, j) => drops[i]![j]!) - 0.1)).toBeLessThan(0.003)
    for (const [a, b] of [
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const)
      expect(Math.abs(mean((i, j) => drops[i]![j]! * drops[i + a]![j + b]!) - 0.01)).toBeLessThan(0.001)
  })
  test('count along all batch axes', () => {
    const query = normal(randomKey(1), { example: 2, beam: 3, query: 5, width: 4 })
    const keys = normal(randomKey(2), { example: 2, key: 6, width: 4 })
    const filter = dropWeights(0.5, key, batchSizes(query, keys))
    const found = attentionFilter(query, keys, { filter: filter as never })
    const zeros = (example: number, beam: number): string =>
      found
        .at('example', example)
        .at('beam', beam)
        .values()
        .map((x) => (x === 0 ? 0 : 1))
        .join('')
    const all = [0, 1].flatMap((example) => [0, 1, 2].map((beam) => zeros(example, beam)))
    expect(new Set(all).size).toBe(6)
    expect(far(found as Tensor, attentionFilter(query, keys, { filter: filter as never }) as Tensor)).toBe(0)
  })
  test('come after another function, and none at a rate of 0', () => {
    const { query, key: keys, value } = inputs(sizes)
    const half: FilterFunction = (weight) => weight.mul(0.5)
    const both = filtersInOrder(half, dropWeights(0, key))
    const [a, b] = [half, both].map((filter) => attention(query, keys, value, { filter }) as Tensor)
    expect(far(a!, b!)).toBe(0)
  })
})
