import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../autograd/index.js'
import { randomKey } from '../base/index.js'
import {
  type AnyTensor,
  attention,
  attentionFilter,
  attentionScores,
  normal,
  scope,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { adaptiveSpan, allOf, causal, entmax15, linearAttention, type Normalize, topKeys } from './index.js'
import { referenceDevices } from './testing/reference.js'

// Each variant against its plain definition, and its gradients against central differences, in f64.

const inF64 = (work: () => void): void => withDevice(referenceDevices[0]!, () => scope(work))
const [head, length, width] = [3, 23, 4]
const given = (seed: number, keys = length) => ({
  query: normal(randomKey(seed), { head, query: length, width }),
  key: normal(randomKey(seed + 1), { head, key: keys, width }),
  value: normal(randomKey(seed + 2), { head, key: keys, width }),
})
const weigh = (x: AnyTensor): Tensor<never> =>
  sum((x as Tensor).mul(normal(randomKey(5), (x as Tensor).shape) as Tensor) as Tensor) as Tensor<never>
function far(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let most = found.length === expected.length ? 0 : Infinity
  for (let i = 0; i < found.length; i++) most = Math.max(most, Math.abs(found[i]! - expected[i]!))
  return most
}

describe('spans that heads learn', () => {
  const spans = [0.4, 4.3, 40]
  const ramp = 3
  test('are the soft mask times exp(score), normalized', () =>
    inF64(() => {
      const { query, key } = given(1)
      const { score, mask } = adaptiveSpan(tensor(spans, { head }), ramp)
      const found = attentionFilter(query, key, { score, mask: allOf(causal, mask) }).values()
      const scores = attentionScores(query, key).values()
      const expected = spans.flatMap((span, h) =>
        Array.from({ length }, (_, i) => {
          const row = Array.from({ length }, (_, j) => {
            const soft = Math.min(Math.max((ramp + span - (i - j)) / ramp, 0), 1)
            return j > i ? 0 : soft * Math.exp(scores[(h * length + i) * length + j]!)
          })
          const total = row.reduce((a, b) => a + b, 0)
          return row.map((weight) => weight / total)
        }).flat(),
      )
      expect(far(found, expected)).toBeLessThan(1e-12)
    }))
  test('have gradients, in the fused kernel', () =>
    inF64(() => {
      const model = { ...given(2), span: tensor(spans, { head }) }
      const { error, at } = checkGradient(({ query, key, value, span }: typeof model) => {
        const { score, mask } = adaptiveSpan(span, ramp)
        return weigh(attention(query, key, value, { score, mask: allOf(causal, mask) }))
      }, model)
      expect(error, at).toBeLessThan(1e-7)
    }))
})

describe.each<readonly [string, Normalize, (row: number[]) => number[]]>([
  [
    'the four largest scores',
    topKeys(4),
    (row) => {
      const least = row.toSorted((a, b) => b - a)[3]!
      const terms = row.map((s) => (s >= least && s > -Infinity ? Math.exp(s) : 0))
      const total = terms.reduce((a, b) => a + b, 0)
      return terms.map((t) => t / total)
    },
  ],
  [
    '1.5-entmax',
    entmax15,
    (row) => {
      // By halving: the sum falls with τ.
      let [low, high] = [Math.max(...row) / 2 - 1, Math.max(...row) / 2]
      for (let i = 0; i < 100; i++) {
        const tau = (low + high) / 2
        const total = row.reduce((a, s) => a + Math.max(0, s / 2 - tau) ** 2, 0)
        if (total > 1) low = tau
        else high = tau
      }
      return row.map((s) => Math.max(0, s / 2 - low) ** 2)
    },
  ],
])('a filter that is mostly 0: %s', (_, normalize, plain) => {
  test('is its definition', () =>
    inF64(() => {
      fc.assert(
        fc.property(fc.nat(1000), (seed) => {
          const { query, key } = given(seed)
          const scores = attentionScores(query, key, { mask: causal })
          const found = normalize(scores).values()
          const numbers = scores.values()
          for (let row = 0; row < head * length; row++) {
            const own = Array.from({ length }, (_, j) => numbers[row * length + j]!)
            const expected = plain(own)
            const here = Array.from({ length }, (_, j) => found[row * length + j]!)
            expect(far(here, expected)).toBeLessThan(1e-9)
            expect(here.every((weight, j) => own[j]! > -Infinity || weight === 0)).toBe(true)
          }
        }),
        { numRuns: 5 },
      )
    }))
  test('has gradients', () =>
    inF64(() => {
      const model = { scores: normal(randomKey(4), { query: 5, key: 9 }) }
      const { error, at } = checkGradient((m: typeof model) => weigh(normalize(m.scores)), model)
      expect(error, at).toBeLessThan(1e-6)
    }))
  test('is 0 where nothing may be seen', () => {
    const scores = tensor(new Float32Array(6).fill(-Infinity), { query: 2, key: 3 })
    expect(normalize(scores).values().join()).toBe('0,0,0,0,0,0')
  })
})

describe('linear attention', () => {
  const plain = ({ query, key, value }: ReturnType<typeof given>, isCausal: boolean): number[] => {
    const phi = (x: number): number => (x > 0 ? x + 1 : Math.exp(x))
    const [q, k, v] = [query.values(), key.values(), value.values()]
    const keys = key.size('key')
    const result: number[] = []
    for (let h = 0; h < head; h++)
      for (let i = 0; i < length; i++) {
        const sums = new Float64Array(width)
        let total = 0
        for (let j = 0; j < (isCausal ? i + 1 : keys); j++) {
          let weight = 0
          for (let w = 0; w < width; w++)
            weight += phi(q[(h * length + i) * width + w]!) * phi(k[(h * keys + j) * width + w]!)
          total += weight
          for (let w = 0; w < width; w++) sums[w]! += weight * v[(h * keys + j) * width + w]!
        }
        result.push(...sums.map((x) => x / total))
      }
    return result
  }
  test.each([
    [false, 64],
    [true, 64],
    [true, 5],
    [true, 1],
  ] as const)('is its definition: causal %s, chunks of %i', (isCausal, chunk) =>
    inF64(() => {
      const x = given(3)
      const found = linearAttention(x.query, x.key, x.value, { causal: isCausal, chunk })
      expect(found.axes.join()).toBe('head,query,width')
      expect(far(found.values(), plain(x, isCausal))).toBeLessThan(1e-12)
    }),
  )
  test('has gradients', () =>
    inF64(() => {
      const { error, at } = checkGradient(
        (x: ReturnType<typeof given>) =>
          weigh(linearAttention(x.query, x.key, x.value, { causal: true, chunk: 7 })),
        given(8),
      )
      expect(error, at).toBeLessThan(1e-7)
    }))
  test('of another sequence is not causal', () => {
    const { query, key, value } = given(1, 7)
    expect(linearAttention(query, key, value).size('query')).toBe(length)
    expect(() => linearAttention(query, key, value, { causal: true })).toThrow(/as many keys as queries/)
  })
})
