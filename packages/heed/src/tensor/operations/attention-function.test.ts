import { expect, test } from 'vitest'
import { UsageError } from '../../base/index.js'
import { Device } from '../../device/index.js'
import { causal, slidingWindow, softCap } from '../../nn/index.js'
import { interpreter } from '../../targets/index.js'
import {
  attention,
  attentionFilter,
  attentionScores,
  cosineSimilarity,
  type Mask,
  ones,
  type Scalar,
  scope,
  type Score,
  type Similarity,
  tensor,
  withDevice,
} from '../index.js'
import { walk } from './attention-axes.js'
import { trace } from './attention-function.js'
import { preparedAttention } from './attention-prepared.js'

/** Of one attention. */
const sizes = {
  batch: [],
  headed: false,
  heads: 1,
  kvHeads: 1,
  queries: 9,
  keys: 9,
  width: 4,
  valueWidth: 4,
}

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))

test('a similarity prepares queries and keys, and has a scale of its own', () =>
  on(() => {
    const [query, key] = [tensor([3, 4], { query: 1, width: 2 }), tensor([1, 0, 0, 2], { key: 2, width: 2 })]
    const value = tensor([1, 0, 0, 1], { key: 2, width: 2 })
    const of = (similarity: Similarity): Score => Object.assign((found: Scalar) => found, { similarity })
    const doubled = of({ name: 'doubled', scale: 3, prepare: (x) => x.mul(2) })
    expect([...attentionScores(query, key, { score: doubled }).values()]).toEqual([36, 96])
    const score = of(cosineSimilarity)
    const scores = attentionScores(query, key, { score }).values()
    for (const [i, cosine] of [0.6, 0.8].entries()) expect(scores[i]).toBeCloseTo(cosine)
    const mixed = attention(query, key, value, { score }).values()
    attentionFilter(query, key, { score })
      .values()
      .forEach((weight, i) => expect(mixed[i]).toBeCloseTo(weight))
    for (const wrong of ['cosine', null, {}]) {
      const score = of(wrong as never)
      expect(() => attention(query, key, value, { score })).toThrow(UsageError)
      expect(() => attentionScores(query, key, { score })).toThrow(/cosineSimilarity/)
    }
  }))

test('numbers that are adjustable make no other kernel', () => {
  const key = (mask: Mask, score?: Score): unknown =>
    preparedAttention(trace('test', { score, mask }, 1), sizes, walk([], [], new Set()), false)
  expect(key(slidingWindow(3))).toBe(key(slidingWindow(5)))
  expect(key(causal, softCap(3))).toBe(key(causal, softCap(5)))
  expect(key(causal)).not.toBe(key(slidingWindow(5)))
  const constant =
    (size: number): Mask =>
    ({ key }) =>
      key.lt(size)
  expect(key(constant(3))).toBe(key(constant(3)))
  expect(key(constant(3))).toBe(key(constant(4)))
  const sharper =
    (factor: number): Score =>
    (score) =>
      score.mul(factor).sub(factor / 7)
  expect(key(causal, sharper(3))).toBe(key(causal, sharper(5)))
})

test('two thousand masks and scores of other numbers run one kernel, each with its own', () =>
  on(() => {
    const kernels = new Set<string>()
    device.profile = ({ kernel }) => kernels.add(kernel)
    const [query, key] = [ones({ query: 1, width: 1 }), ones({ key: 8, width: 1 })]
    const value = tensor([1, 2, 4, 8, 16, 32, 64, 128], { key: 8, width: 1 })
    try {
      for (let n = 3; n < 2003; n++) {
        const output = scope(() =>
          attention(query, key, value, {
            mask: ({ query, key }) => key.le(query).and(key.mul(n).lt(3 * n)),
            score: (score) => score.mul(n + 0.25).sub(n / 7.3),
          }).item(),
        )
        // The keys 0, 1 and 2, where none of the numbers is one that stays a constant.
        if (Math.abs(output - 7 / 3) > 1e-12) expect.fail(`${n}: ${output}`)
      }
    } finally {
      device.profile = undefined
    }
    expect(kernels.size).toBe(1)
  }))

test('a plain number in a score is the number that it is', () =>
  on(() => {
    const [q, k] = [ones({ query: 1, width: 1 }), tensor([1, 2], { key: 2, width: 1 })]
    for (const factor of [3, -0.7]) {
      const share = 1 / (1 + Math.exp(factor))
      const filter = attentionFilter(q, k, { score: (score) => score.mul(factor).add(0.3) }).values()
      expect(filter[0]).toBeCloseTo(share, 6)
      const fused = attention(q, k, tensor([1, 0], { key: 2, width: 1 }), {
        score: (score) => score.mul(factor).add(0.3),
      })
      expect(fused.item()).toBeCloseTo(share, 6)
    }
  }))
