import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { Device } from '../device/index.js'
import { everyTarget } from '../kernels/testing/targets.js'
import {
  type AnyTensor,
  attention,
  attentionFilter,
  attentionScores,
  type AttentionOptions,
  filterScores,
  mixValues,
  normal,
  sum,
  tensor,
  type Score,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { randomKey } from '../base/index.js'
import { allOf, causal, explicit, local, padding, slidingWindow } from './mask.js'
import { KeyValueCache } from './cache.js'
import { bias, cosine, inOrder, softCap } from './score.js'

// What is masked can't be seen, whatever it holds, fused and step by step alike, in outputs and in gradients.

type Inputs = { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor; readonly added: Tensor }

/** Keys from `real` on are padding, and so are query rows from `rows` on, which see nothing. */
const masksFor = (real: number, rows: number, queries: number, keys: number) => {
  const allowed = tensor(
    Array.from({ length: queries * keys }, (_, i) =>
      i % keys < real && Math.floor(i / keys) < rows ? 1 : 0,
    ),
    { query: queries, key: keys },
    { dtype: 'i32' },
  )
  const filled = tensor(
    Array.from({ length: keys }, (_, i) => (i < real ? 1 : 0)),
    { key: keys },
    { dtype: 'i32' },
  )
  return {
    padding: allOf(padding(filled), explicit(allowed)),
    'causal padding': allOf(causal, explicit(allowed)),
    window: allOf(slidingWindow(3), explicit(allowed)),
    local: allOf(local(2), explicit(allowed)),
  }
}

const scores: Readonly<Record<string, (added: Tensor) => Score | undefined>> = {
  plain: () => undefined,
  cosine: () => cosine(0.3),
  'soft cap': () => softCap(2),
  bias: (added) => bias(added as never) as Score,
  'bias and cap': (added) => inOrder(bias(added as never) as Score, softCap(3)),
}

const ways = {
  fused: ({ query, key, value }: Inputs, options: AttentionOptions) =>
    attention(query as never, key as never, value as never, options) as Tensor,
  'step by step': ({ query, key, value }: Inputs, options: AttentionOptions) =>
    mixValues(
      filterScores(attentionScores(query as never, key as never, options) as never),
      value as never,
    ) as Tensor,
}

const shape = fc.record({
  kvHeads: fc.integer({ min: 1, max: 2 }),
  group: fc.integer({ min: 1, max: 2 }),
  queries: fc.integer({ min: 1, max: 20 }),
  keys: fc.integer({ min: 1, max: 20 }),
  seed: fc.nat(),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
})

const garbage = [NaN, Infinity, -Infinity]

describe.each(everyTarget())('what is masked can’t be seen, as tensors, on %s', (name, target) => {
  const device = new Device(target, { shared: name !== 'interpreter', threads: 1 })
  const masks = ['padding', 'causal padding', 'window', 'local'] as const

  test.each(masks.flatMap((mask) => Object.keys(scores).map((score) => [mask, score] as const)))(
    '%s, %s',
    (maskName, scoreName) => {
      fc.assert(
        fc.property(shape, ({ kvHeads, group, queries, keys, seed, part }) => {
          withDevice(device, () => {
            const heads = kvHeads * group
            const real = Math.ceil(part * keys)
            const rows = Math.ceil(part * queries)
            const mask = masksFor(real, rows, queries, keys)[maskName]
            const random = (n: number, shape: Record<string, number>): number[] =>
              Array.from((normal(randomKey(seed + n), shape) as Tensor).values())
            const given = (clean: boolean): Inputs => {
              const fill = (
                values: number[],
                shape: Record<string, number>,
                hidden: (i: number) => boolean,
              ): Tensor =>
                tensor(
                  values.map((value, i) => (hidden(i) ? (clean ? 0.5 : garbage[i % 3]!) : value)),
                  shape,
                ) as Tensor
              const queryShape = { head: heads, query: queries, width: 5 }
              const keyShape = { head: kvHeads, key: keys, width: 5 }
              const noKey = (i: number): boolean => Math.floor(i / 5) % keys >= real
              return {
                query: fill(random(1, queryShape), queryShape, (i) => Math.floor(i / 5) % queries >= rows),
                key: fill(random(2, keyShape), keyShape, noKey),
                value: fill(random(3, keyShape), keyShape, noKey),
                added: fill(random(4, { query: queries, key: keys }), { query: queries, key: keys }, (i) =>
                  i % keys >= real ? true : Math.floor(i / keys) >= rows,
                ),
              }
            }
            const weights = normal(randomKey(seed + 5), { head: heads, query: queries, width: 5 }) as Tensor
            const results = (clean: boolean): Record<string, number[]> => {
              const inputs = given(clean)
              const found: Record<string, number[]> = {}
              for (const [way, run] of Object.entries(ways)) {
                const result = (m: Inputs): Tensor => run(m, { mask, score: scores[scoreName]!(m.added) })
                found[way] = Array.from(result(inputs).values())
                const gradient = grad((m: Inputs) => sum(result(m).mul(weights)) as never)(inputs)
                for (const [part, tensor] of Object.entries(gradient))
                  found[`${way}: ${part}`] = Array.from((tensor as AnyTensor as Tensor).values())
              }
              const options = { mask, score: scores[scoreName]!(inputs.added) }
              const filter = attentionFilter(inputs.query as never, inputs.key as never, options) as Tensor
              found['filter'] = Array.from(filter.values())
              return found
            }
            const [found, expected] = [results(false), results(true)]
            for (const [part, values] of Object.entries(found))
              expect([part, values]).toEqual([part, expected[part]])
          })
        }),
        { numRuns: name === 'interpreter' ? 2 : 1 },
      )
    },
  )

  test('padding in a key/value cache', () =>
    withDevice(device, () => {
      const attend = (clean: boolean): number[] => {
        const cache = new KeyValueCache()
        const filled = tensor([1, 1, 0, 0, 1, 1], { key: 6 }, { dtype: 'i32' })
        const step = (positions: number[]): number[] => {
          const rows = positions.flatMap((at) =>
            Array.from({ length: 4 }, (_, w) =>
              at === 2 || at === 3 ? (clean ? 0.5 : garbage[w % 3]!) : Math.sin(at * 4 + w),
            ),
          )
          const given = tensor(rows, { batch: 1, head: 1, key: positions.length, width: 4 })
          const { key, value } = cache.layer(0).append(given as never, given.mul(2) as never)
          const query = tensor([1, 2, 3, 4], { batch: 1, head: 1, query: 1, width: 4 })
          const real = filled.slice('key', 0, cache.length) as Tensor<'key'>
          return Array.from(attention(query, key, value, { mask: allOf(causal, padding(real)) }).values())
        }
        const found = [...step([0, 1, 2, 3]), ...step([4]), ...step([5])]
        cache.dispose()
        return found
      }
      const found = attend(false)
      expect(found.every(Number.isFinite)).toBe(true)
      expect(found).toEqual(attend(true))
    }))
})
