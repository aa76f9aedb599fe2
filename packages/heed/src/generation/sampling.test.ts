import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { likeliest, probabilitiesOf, sample, type SamplingOptions } from './sampling.js'
import { largestIds, sumOfWeights, weightOf } from './weights.js'

const logits = Float32Array.of(0, Math.log(4), Math.log(2), Math.log(3))

test('probabilities are a softmax', () => {
  expect([...probabilitiesOf(logits)].map((p) => p.toFixed(6))).toEqual([
    '0.100000',
    '0.400000',
    '0.200000',
    '0.300000',
  ])
  expect([...probabilitiesOf([1000, 1000])]).toEqual([0.5, 0.5])
  expect([...probabilitiesOf([-Infinity, -Infinity])]).toEqual([0, 0])
})

test('each token as often as it is likely', () => {
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 1000; i++) counts[sample(logits, (i + 0.5) / 1000)]!++
  expect(counts).toEqual([100, 400, 200, 300])
})

test('temperature sharpens and flattens; 0 takes the likeliest', () => {
  const share = (temperature: number): number => {
    let hits = 0
    for (let i = 0; i < 1000; i++) if (sample(logits, (i + 0.5) / 1000, { temperature }) === 1) hits++
    return hits / 1000
  }
  // 4^(1/t) / Σ p^(1/t)
  expect(share(0.5)).toBeCloseTo(16 / 30, 2)
  expect(share(2)).toBeCloseTo(2 / (1 + 2 + Math.SQRT2 + Math.sqrt(3)), 2)
  expect([0, 0.3, 0.999999].map((uniform) => sample(logits, uniform, { temperature: 0 }))).toEqual([1, 1, 1])
})

test('topK and topP keep the likeliest, and their shares among themselves', () => {
  const counts = (options: object): number[] => {
    const found = [0, 0, 0, 0]
    for (let i = 0; i < 700; i++) found[sample(logits, (i + 0.5) / 700, options)]!++
    return found
  }
  expect(counts({ topK: 2 })).toEqual([0, 400, 0, 300])
  expect(counts({ topP: 0.6 })).toEqual([0, 400, 0, 300])
  expect(counts({ topP: 0.4 - 1e-6 })).toEqual([0, 700, 0, 0])
  expect(counts({ topP: 1e-9 })).toEqual([0, 700, 0, 0])
  expect(counts({ topK: 100 })[0]).toBe(70)
})

test('whatever the logits, a token that is possible', () =>
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double({ min: -50, max: 50, noNaN: true }), fc.constant(-Infinity)), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, uniform, topP) => {
        fc.pre(values.some((value) => value > -Infinity))
        expect(values[sample(values, uniform, { topP })]).toBeGreaterThan(-Infinity)
      },
    ),
  ))

test('whatever the logits, infinite ones too, and the temperature: one of those that stay', () =>
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, 1, Infinity, -Infinity)), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.oneof(fc.constantFrom(0, 5e-324, 1e-308, 1), fc.double({ min: 0, max: 1e308, noNaN: true })),
      fc.integer({ min: 1, max: 40 }),
      fc.double({ min: 1e-300, max: 1, noNaN: true }),
      (values, uniform, temperature, topK, topP) => {
        fc.pre(values.some((value) => value > -Infinity))
        const id = sample(values, uniform, { temperature, topK, topP })
        // As many as topK are not better, of equals with a lower id.
        const better = values.filter(
          (value, other) => value > values[id]! || (value === values[id] && other < id),
        )
        expect(better.length).toBeLessThan(topK)
        expect(values[id]).toBeGreaterThan(-Infinity)
        if (values.includes(Infinity)) expect(values[id]).toBe(Infinity)
        expect(sample(values, uniform, { temperature, topK, topP })).toBe(id)
        if (temperature === 0 || topK === 1) expect(id).toBe(values.indexOf(Math.max(...values)))
      },
    ),
  ))

test('near 0 the temperature does what 0 does', () =>
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 20 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.constantFrom(5e-324, 1e-308, 1e-100, 1e-3),
      (values, uniform, temperature) => {
        expect(sample(values, uniform, { temperature })).toBe(sample(values, uniform, { temperature: 0 }))
      },
    ),
  ))

test('infinite logits share everything, at any temperature', () => {
  const infinite = [3, Infinity, -Infinity, Infinity, 1e300]
  expect([...probabilitiesOf(infinite)]).toEqual([0, 0.5, 0, 0.5, 0])
  for (const temperature of [1e-308, 1, 1e308])
    expect([0, 0.49, 0.5, 0.99].map((uniform) => sample(infinite, uniform, { temperature }))).toEqual([
      1, 1, 3, 3,
    ])
  expect(sample(infinite, 0.9, { temperature: 0 })).toBe(1)
  expect(sample(infinite, 0.9, { topK: 1 })).toBe(1)
})

test('topP counts what topK leaves', () => {
  // 0.4 and 0.3 are 4/7 and 3/7 of the two that stay: the first alone is enough for 0.5, of all four it
  // wouldn't be.
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 700; i++) counts[sample(logits, (i + 0.5) / 700, { topK: 2, topP: 0.5 })]!++
  expect(counts).toEqual([0, 700, 0, 0])
})

test('ties of topK go to the lower ids', () => {
  expect([0, 0.3, 0.6, 0.9].map((uniform) => sample([1, 1, 1, 1], uniform, { topK: 2 }))).toEqual([
    0, 0, 1, 1,
  ])
})

test('minP keeps what is likely beside the likeliest', () => {
  const counts = (options: SamplingOptions): number[] => {
    const found = [0, 0, 0, 0]
    for (let i = 0; i < 700; i++) found[sample(logits, (i + 0.5) / 700, options)]!++
    return found
  }
  expect(counts({ minP: 0.75 - 1e-9 })).toEqual([0, 400, 0, 300])
  expect(counts({ minP: 0.75 + 1e-6 })).toEqual([0, 700, 0, 0])
  expect(counts({ minP: 0 })[0]).toBe(70)
  // At temperature 0.5 the squares: 16, 9, 4 and 1.
  expect(counts({ minP: 0.5, temperature: 0.5 })).toEqual([0, 448, 0, 252])
})

test('typicalP keeps those of the information that is to be expected', () => {
  // Probabilities 0.6, 0.25, 0.1, 0.05: entropy 1.0333 nats; −log p is 0.51, 1.39, 2.30, 3.00.
  const four = [0.6, 0.25, 0.1, 0.05].map(Math.log)
  const kept = (typicalP: number): number[] => [
    ...new Set(Array.from({ length: 1000 }, (_, i) => sample(four, (i + 0.5) / 1000, { typicalP }))),
  ]
  expect(kept(0.2)).toEqual([1])
  expect(kept(0.3)).toEqual([0, 1])
  expect(kept(0.86)).toEqual([0, 1, 2])
  expect(kept(0.96)).toEqual([0, 1, 2, 3])
})

/** What may be drawn, and how likely each is, by the definitions alone. */
function plainly(values: readonly number[], options: SamplingOptions): Map<number, number> {
  const { temperature = 1, topK = Infinity, topP = 1, minP = 0, typicalP = 1 } = options
  const largest = Math.max(...values)
  let kept = values.map((value, id) => ({ id, p: Math.exp((value - largest) / temperature) }))
  const normalize = (): void => {
    const sum = kept.reduce((total, { p }) => total + p, 0)
    kept = kept.map(({ id, p }) => ({ id, p: p / sum }))
  }
  const takeUntil = (part: number): void => {
    let sum = 0
    kept = kept.filter(({ p }, i) => {
      const stays = i === 0 || sum < part
      sum += p
      return stays
    })
    normalize()
  }
  kept.sort((a, b) => b.p - a.p || a.id - b.id)
  kept = kept.slice(0, topK)
  normalize()
  if (topP < 1) takeUntil(topP)
  kept = kept.filter(({ p }) => p >= minP * kept[0]!.p)
  normalize()
  const entropy = kept.reduce((sum, { p }) => sum - p * Math.log(p), 0)
  if (typicalP < 1) {
    const distance = ({ p }: { readonly p: number }): number => Math.abs(-Math.log(p) - entropy)
    kept.sort((a, b) => distance(a) - distance(b))
    takeUntil(typicalP)
  }
  kept.sort((a, b) => b.p - a.p || a.id - b.id)
  return new Map(kept.map(({ id, p }) => [id, p]))
}

test('all options together are what their definitions say', () =>
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: -4000, max: 4000 }), { minLength: 1, maxLength: 700, size: 'max' }),
      fc.record(
        {
          temperature: fc.constantFrom(0.5, 1, 3),
          topK: fc.integer({ min: 2, max: 800 }),
          topP: fc.double({ min: 0.05, max: 0.999, noNaN: true }),
          minP: fc.double({ min: 0, max: 0.5, noNaN: true }),
          typicalP: fc.double({ min: 0.05, max: 0.999, noNaN: true }),
        },
        { requiredKeys: [] },
      ),
      (whole, options) => {
        const values = whole.map((value) => value / 1000)
        let before = 0
        for (const [id, p] of plainly(values, options)) {
          expect(sample(values, Math.min(before + p / 2, 1 - 1e-12), options)).toBe(id)
          before += p
        }
      },
    ),
    { numRuns: 60 },
  ))

test('the sum of weights is that of their definition, to 13 digits', () =>
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -900, max: 50, noNaN: true }), { minLength: 1, maxLength: 50 }),
      fc.constantFrom(1e-300, 0.01, 1, 1e300),
      (logits, temperature) => {
        const weigh = { logits, largest: Math.max(...logits), temperature }
        const plain = logits.reduce((sum, logit) => sum + weightOf(weigh, logit), 0)
        expect(Math.abs(sumOfWeights(weigh) / plain - 1)).toBeLessThan(2e-13)
      },
    ),
  ))

test('the largest, of equals those of lower places, without putting all in order', () =>
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(Infinity, -Infinity)), {
        maxLength: 60,
      }),
      fc.nat({ max: 70 }),
      (numbers, count) => {
        const order = numbers.map((_, place) => place)
        order.sort((a, b) => (numbers[a] === numbers[b] ? a - b : numbers[a]! < numbers[b]! ? 1 : -1))
        expect([...largestIds(numbers, count)]).toEqual(order.slice(0, count))
      },
    ),
  ))

test('what is far less likely than all others is still in order', () => {
  expect(likeliest([0, -900, -800, -Infinity], 4).map(({ id }) => id)).toEqual([0, 2, 1, 3])
  expect(likeliest([Infinity, 0, Infinity], 3).map(({ id }) => id)).toEqual([0, 2, 1])
})

test('the likeliest in order', () => {
  expect(likeliest(logits, 2).map(({ id }) => id)).toEqual([1, 3])
  expect(likeliest([1, 1, 1], 2).map(({ id }) => id)).toEqual([0, 1])
})

test.each([
  { temperature: -1 },
  { temperature: NaN },
  { temperature: Infinity },
  { temperature: '1' as unknown as number },
  { topK: -1 },
  { topK: NaN },
  { topP: NaN },
  { topP: -0.1 },
  { topK: 0 },
  { topK: 1.5 },
  { topP: 0 },
  { topP: 1.1 },
  { minP: -0.1 },
  { minP: 1.1 },
  { minP: NaN },
  { typicalP: 0 },
  { typicalP: 1.1 },
])('refuses %o', (options) => {
  expect(() => sample(logits, 0.5, options)).toThrow(UsageError)
})
test.each([NaN, -0.1, 1, Infinity])('refuses the uniform number %d', (uniform) => {
  expect(() => sample(logits, uniform)).toThrow(UsageError)
})

test('refuses logits of which none is possible, in place of a token that is not', () => {
  for (const temperature of [0, 1]) {
    expect(() => sample([-Infinity, -Infinity], 0.5, { temperature })).toThrow(/above −infinity, found none/)
    expect(() => sample([], 0.5, { temperature })).toThrow(UsageError)
    expect(() => sample([NaN, Infinity], 0.5, { temperature })).toThrow(UsageError)
  }
  expect(() => probabilitiesOf([NaN, NaN])).toThrow(UsageError)
  expect(() => likeliest([0, NaN], 1)).toThrow(UsageError)
  for (const count of [-1, 1.5, NaN]) expect(() => likeliest(logits, count)).toThrow(UsageError)
})

test('refuses NaN', () => {
  expect(() => sample([1, NaN], 0.5)).toThrow(/NaN for token 1/)
})

test('logits that are no list of numbers', () => {
  for (const wrong of [undefined, null, 5, 'text', {}, new Set([1])]) {
    expect(() => sample(wrong as never, 0.5)).toThrow(UsageError)
    expect(() => likeliest(wrong as never, 1)).toThrow(UsageError)
    expect(() => probabilitiesOf(wrong as never)).toThrow(UsageError)
  }
})
