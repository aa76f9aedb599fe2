import { describe, expect, test } from 'vitest'
import { leavesOf, randomKey, UsageError } from '../base/index.js'
import { type AnyTensor, isTensor, scope, type Tensor, withDevice } from '../tensor/index.js'
import {
  createAttention,
  createBlock,
  createCrossBlock,
  createEmbedding,
  createFeedForward,
  createLinear,
  createNorm,
  normalInitializer,
  xavierNormal,
  xavierUniform,
} from './index.js'
import { referenceDevices } from './testing/reference.js'

const on = <T>(work: () => T): T => withDevice(referenceDevices[0]!, () => scope(work))
const key = randomKey(5)

function statistics(x: AnyTensor): { mean: number; deviation: number; largest: number } {
  const values = Array.from((x as Tensor).values())
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length
  return {
    mean,
    deviation: Math.sqrt(variance),
    largest: values.reduce((m, v) => Math.max(m, Math.abs(v)), 0),
  }
}

describe('initializers', () => {
  test('normal, with the deviation asked for', () =>
    on(() => {
      const { weight, bias } = createLinear(key, { width: 100 }, { hidden: 200 })
      const { mean, deviation } = statistics(weight)
      expect(Math.abs(mean)).toBeLessThan(0.001)
      expect(deviation).toBeCloseTo(0.02, 3)
      expect(statistics(bias!).largest).toBe(0)
      const wide = createLinear(key, { width: 100 }, { hidden: 200 }, { initializer: normalInitializer(1.5) })
      expect(statistics(wide.weight).deviation).toBeCloseTo(1.5, 1)
    }))

  test('Xavier, by what goes in and what comes out', () =>
    on(() => {
      const shapes = [{ width: 60 }, { head: 4, headWidth: 35 }] as const
      const uniform = createLinear(key, ...shapes, { initializer: xavierUniform })
      const limit = Math.sqrt(6 / 200)
      expect(statistics(uniform.weight).largest).toBeLessThanOrEqual(limit)
      expect(statistics(uniform.weight).largest).toBeGreaterThan(0.99 * limit)
      expect(statistics(uniform.weight).deviation).toBeCloseTo(limit / Math.sqrt(3), 2)
      const normal = createLinear(key, ...shapes, { initializer: xavierNormal, bias: false })
      expect(statistics(normal.weight).deviation).toBeCloseTo(Math.sqrt(2 / 200), 2)
      expect(normal.bias).toBeUndefined()
    }))

  test('every tensor has numbers of its own, the same for the same key', () =>
    on(() => {
      const shape = { width: 8, heads: 2, hidden: 16, gated: true }
      const firsts = (seed: number): number[] =>
        [...leavesOf<Tensor>(createCrossBlock(randomKey(seed), shape), isTensor)]
          .filter(([path]) => path.endsWith('weight') && !path.includes('Norm'))
          .map(([, leaf]) => leaf.values()[0]!)
      expect(firsts(1).length).toBe(11)
      expect(new Set(firsts(1)).size).toBe(11)
      expect(firsts(1)).toEqual(firsts(1))
      expect(firsts(1)).not.toEqual(firsts(2))
    }))
})

describe('parameters', () => {
  test('of attention: grouped heads, widths of their own', () =>
    on(() => {
      const p = createAttention(key, {
        width: 12,
        heads: 4,
        keyValueHeads: 2,
        headWidth: 5,
        valueWidth: 7,
        contextWidth: 9,
        headNorm: true,
      })
      expect(p.query.weight.shape).toEqual({ width: 12, head: 4, headWidth: 5 })
      expect(p.key.weight.shape).toEqual({ width: 9, head: 2, headWidth: 5 })
      expect(p.value.weight.shape).toEqual({ width: 9, head: 2, headWidth: 7 })
      expect(p.output.weight.shape).toEqual({ head: 4, headWidth: 7, width: 12 })
      expect(p.output.bias!.shape).toEqual({ width: 12 })
      expect(p.queryNorm!.weight!.shape).toEqual({ headWidth: 5 })
      expect(Object.keys(p.queryNorm!)).toEqual(['weight'])
    }))

  test('of a block without biases', () =>
    on(() => {
      const block = createBlock(key, { width: 8, heads: 2, hidden: 16, gated: true, bias: false })
      expect([...leavesOf<Tensor>(block, isTensor).keys()]).toEqual([
        'attentionNorm.weight',
        'attention.query.weight',
        'attention.key.weight',
        'attention.value.weight',
        'attention.output.weight',
        'feedForwardNorm.weight',
        'feedForward.up.weight',
        'feedForward.gate.weight',
        'feedForward.down.weight',
      ])
    }))

  test('of norms: 1 and 0; 0 where they multiply by 1 + weight', () =>
    on(() => {
      expect([...createNorm({ width: 2 }).weight!.values()]).toEqual([1, 1])
      expect([...createNorm({ width: 2 }).bias!.values()]).toEqual([0, 0])
      expect([...createNorm({ width: 2 }, { onePlus: true, bias: false }).weight!.values()]).toEqual([0, 0])
    }))

  test('of output projections: an initializer of their own', () =>
    on(() => {
      const shape = { width: 40, hidden: 60, heads: 4, outputInitializer: normalInitializer(0.5) }
      expect(statistics(createFeedForward(key, shape).down.weight).deviation).toBeCloseTo(0.5, 1)
      expect(statistics(createFeedForward(key, shape).up.weight).deviation).toBeCloseTo(0.02, 2)
      expect(statistics(createAttention(key, shape).output.weight).deviation).toBeCloseTo(0.5, 1)
      expect(createEmbedding(key, { vocabulary: 3, width: 2 }).weight.shape).toEqual({
        vocabulary: 3,
        width: 2,
      })
    }))
})

test.each([
  [
    'a width that heads do not divide',
    { width: 10, heads: 3 },
    /width that is a multiple of the 3 heads, found 10/,
  ],
  ['heads that key heads do not divide', { width: 12, heads: 4, keyValueHeads: 3 }, /groups of 3 .* found 4/],
  ['no heads', { width: 12, heads: 0 }, /heads to be a whole number of at least 1, found 0/],
])('attention with %s is refused', (_, shape, says) => {
  expect(() => createAttention(randomKey(1), shape)).toThrow(UsageError)
  expect(() => createAttention(randomKey(1), shape)).toThrow(says)
})
