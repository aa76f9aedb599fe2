import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { randomKey, UsageError } from '../../base/index.js'
import { bias } from '../../nn/index.js'
import {
  attention,
  attentionFilter,
  concat,
  map,
  normal,
  scope,
  type Score,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../index.js'
import { devices } from '../testing/devices.js'

describe.each(devices)('many tensors at once on %s', (_, device) => {
  const bound = device.floatBytes === 8 ? 1e-12 : 2e-5
  const on = (work: () => void): void => withDevice(device, () => scope(work))
  const numbers = (count: number): Tensor<'row'>[] =>
    Array.from({ length: count }, (_, i) => tensor([i, 1], { row: 2 }))

  test('map', () =>
    on(() => {
      const added = map((...given) => given.reduce((total, x) => total.add(x)), ...numbers(160))
      expect([...(added as Tensor).values()]).toEqual([(160 * 159) / 2, 160])
    }))

  test('concat, and a sum of sums, with their gradients', () =>
    on(() => {
      const model = { parts: numbers(160) }
      const gradient = grad(({ parts }: typeof model) =>
        sum(concat(parts, 'row').mul(parts.reduce((total, part) => total.add(part)).at('row', 1))),
      )(model)
      // Each number is multiplied by 160; each second one stands in the factor of the sum of all.
      const all = (160 * 159) / 2 + 160
      expect([...gradient.parts[159]!.values()]).toEqual([160, 160 + all])
    }))

  test('captured tensors', () =>
    on(() => {
      const [query, key] = [
        normal(randomKey(1), { query: 3, width: 4 }),
        normal(randomKey(2), { key: 5, width: 4 }),
      ]
      const model = {
        biases: Array.from({ length: 70 }, (_, i) => normal(randomKey(3 + i), { query: 3, key: 5 }, 0.1)),
      }
      const each =
        (biases: readonly Tensor<'query' | 'key'>[]): Score =>
        (score, at) =>
          biases.reduce((total, added) => bias(added)(total, at), score)
      const together = model.biases.reduce((total, added) => total.add(added))
      const close = (a: Tensor<string>, b: Tensor<string>): void => {
        const expected = (b as Tensor).values()
        ;(a as Tensor).values().forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(bound))
      }
      close(
        attention(query, key, key, { score: each(model.biases) }) as never,
        attention(query, key, key, { score: bias(together) }) as never,
      )
      close(
        attentionFilter(query, key, { score: each(model.biases) }) as never,
        attentionFilter(query, key, { score: bias(together) }) as never,
      )
      const upstream = normal(randomKey(4), { query: 3, width: 4 })
      const gradient = grad(({ biases }: typeof model) =>
        sum(attention(query, key, key, { score: each(biases) }).mul(upstream)),
      )(model)
      const expected = grad((added: Tensor<'query' | 'key'>) =>
        sum(attention(query, key, key, { score: bias(added) }).mul(upstream)),
      )(together)
      for (const found of [gradient.biases[0]!, gradient.biases[69]!])
        close(found as never, expected as never)
    }))
})

test('too many are refused in few words', () =>
  withDevice(devices[0]![1], () =>
    scope(() => {
      const one = tensor([1], { row: 1 })
      let message = ''
      try {
        map((...given) => given[0]!.add(given[4999]!), ...Array.from({ length: 5000 }, () => one))
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError)
        message = (error as Error).message
      }
      expect(message).toContain('expected at most 8192 parameters')
      expect(message).toContain('concat()')
      expect(message.length).toBeLessThan(400)
    }),
  ))
