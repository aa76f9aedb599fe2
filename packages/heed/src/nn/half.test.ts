import { describe, expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { type Dtype, randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { everyTarget } from '../kernels/testing/targets.js'
import {
  attention,
  attentionFilter,
  type AttentionOptions,
  attentionWithStatistics,
  cast,
  mixValues,
  normal,
  sum,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { causal, slidingWindow } from './mask.js'
import { alibiSlopes } from './position.js'
import { alibi, bias, cosine } from './score.js'

// Queries, keys and values of half precision give the bits that their numbers give as f32.

type Dtypes = readonly [query: Dtype, key: Dtype, value: Dtype]

const dtypes: readonly Dtypes[] = [
  ['bf16', 'bf16', 'bf16'],
  ['f16', 'f16', 'f16'],
  ['f32', 'bf16', 'f16'],
  ['f16', 'f32', 'bf16'],
]

/**
 * Query rows, keys, heads, key/value heads, width, width of values: both kernels, parts of the keys, odd
 * shapes.
 */
const shapes = [
  [1, 3, 2, 2, 5, 7],
  [1, 2100, 4, 2, 16, 20],
  [3, 70, 4, 1, 33, 18],
  [45, 61, 2, 1, 19, 34],
] as const

describe.each(everyTarget())('attention on half precision, on %s', (name, target) => {
  const device = new Device(target, { shared: name !== 'interpreter', threads: 1 })

  test.each(dtypes)('query %s, key %s, value %s', (...stored) =>
    withDevice(device, () => {
      for (const [queries, keys, heads, kvHeads, width, valueWidth] of shapes) {
        const halves = [
          normal(randomKey(1), { head: heads, query: queries, width }),
          normal(randomKey(2), { head: kvHeads, key: keys, width }),
          // Heads innermost but one, so that rows lie apart.
          normal(randomKey(3), { key: keys, head: kvHeads, width: valueWidth }),
        ].map((tensor, i) => cast(tensor as Tensor, stored[i]!))
        const floats = halves.map((tensor) => cast(tensor, 'f32'))
        const slopes = alibiSlopes(heads)
        const options: AttentionOptions[] = [
          {},
          { mask: causal, score: alibi(slopes) },
          { mask: slidingWindow(5) },
          { score: cosine(0.5) },
        ]
        for (const each of options) {
          const [found, expected] = [halves, floats].map(([query, key, value]) => {
            const all = attentionWithStatistics(query as never, key as never, value as never, each)
            const filter = attentionFilter(query as never, key as never, each) as Tensor
            const mixed = mixValues(filter as never, value as never) as Tensor
            return [...Object.values(all), filter, mixed].map((tensor) => (tensor as Tensor).values())
          })
          expect(found).toEqual(expected)
        }
      }
    }),
  )

  test('gradients are those of the numbers as f32', () =>
    withDevice(device, () => {
      const rounded = {
        query: cast(normal(randomKey(1), { head: 2, query: 45, width: 19 }), 'bf16'),
        key: cast(normal(randomKey(2), { head: 1, key: 61, width: 19 }), 'bf16'),
        value: cast(normal(randomKey(3), { head: 1, key: 61, width: 34 }), 'bf16'),
      }
      const inputs = {
        query: cast(rounded.query, 'f32'),
        key: cast(rounded.key, 'f32'),
        value: cast(rounded.value, 'f32'),
        added: normal(randomKey(4), { query: 45, key: 61 }),
      }
      const loss =
        (stored: Dtype) =>
        ({ query, key, value, added }: typeof inputs): Tensor<never> => {
          const [q, k, v] = [cast(query, stored), cast(key, stored), cast(value, stored)]
          const output = attention(q, k, v, { mask: causal, score: bias(added) })
          return sum(output.mul(output)) as never
        }
      const [found, expected] = (['bf16', 'f32'] as const).map((stored) =>
        Object.values(grad(loss(stored))(inputs)).map((tensor) => (tensor as Tensor).values()),
      )
      expect(found).toEqual(expected)
    }))
})
