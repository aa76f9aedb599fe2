import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { likeliest, probabilitiesOf, sample } from './sampling.js'

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

test('the likeliest in order', () => {
  expect(likeliest(logits, 2).map(({ id }) => id)).toEqual([1, 3])
  expect(likeliest([1, 1, 1], 2).map(({ id }) => id)).toEqual([0, 1])
})

test.each([
  { temperature: -1 },
  { temperature: NaN },
  { topK: 0 },
  { topK: 1.5 },
  { topP: 0 },
  { topP: 1.1 },
])('refuses %o', (options) => {
  expect(() => sample(logits, 0.5, options)).toThrow(UsageError)
})
test('refuses NaN', () => {
  expect(() => sample([1, NaN], 0.5)).toThrow(/NaN for token 1/)
})
