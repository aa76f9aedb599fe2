import { describe, expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { randomKey } from '../base/index.js'
import {
  attention,
  attentionFilter,
  attentionWithStatistics,
  filterScores,
  type Mask,
  mixValues,
  normal,
  scope,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import { causal } from './index.js'

/** Only the first key, and for some rows none. */
const some: Mask = ({ queryRow, key }) => key.eq(0).and(queryRow.remainderBy(2).eq(0))

describe.each(devices)('a sink of −infinity on %s', (_, device) => {
  const bound = device.floatBytes === 8 ? 1e-12 : 2e-5
  const on = (work: () => void): void => withDevice(device, () => scope(work))

  // Few rows, few rows with the keys in parts, and many rows.
  test.each([
    { queries: 2, keys: 5 },
    { queries: 2, keys: 3000 },
    { queries: 40, keys: 70 },
  ])('is no sink, and 0 where there is nothing to see: $queries queries, $keys keys', ({ queries, keys }) =>
    on(() => {
      const head = 2
      const model = {
        query: normal(randomKey(1), { head, query: queries, width: 4 }),
        key: normal(randomKey(2), { head, key: keys, width: 4 }),
        value: normal(randomKey(3), { head, key: keys, width: 4 }),
        // The second head's is one like any other.
        sink: tensor([-Infinity, 0.5], { head }),
      }
      const { query, key, value, sink } = model
      for (const mask of [some, causal]) {
        const found = attentionWithStatistics(query, key, value, { mask, sink })
        const without = attentionWithStatistics(query, key, value, { mask })
        const first = (x: Tensor<string>): number[] => [...(x as Tensor).at('head', 0).values()]
        for (const name of ['output', 'logSumExp', 'entropy', 'largestWeight', 'largestKey'] as const)
          first(found[name] as never).forEach((x, i) => {
            const expected = first(without[name] as never)[i]!
            if (Number.isFinite(expected)) expect(Math.abs(x - expected)).toBeLessThan(bound)
            else expect(x).toBe(expected)
          })
        const filter = attentionFilter(query, key, { mask, sink })
        expect(filter.values().every((x) => x >= 0 && x <= 1)).toBe(true)
        const order = ['head', 'query', 'width'] as const
        const mixed = mixValues(filter, value).values(order)
        found.output.values(order).forEach((x, i) => expect(Math.abs(x - mixed[i]!)).toBeLessThan(bound))
      }
      if (keys > 100) return
      const upstream = normal(randomKey(4), { head, query: queries, width: 4 })
      const fused = grad((m: typeof model) =>
        sum(attention(m.query, m.key, m.value, { mask: some, sink: m.sink }).mul(upstream)),
      )(model)
      const plain = grad((m: typeof model) =>
        sum(mixValues(attentionFilter(m.query, m.key, { mask: some, sink: m.sink }), m.value).mul(upstream)),
      )(model)
      for (const name of ['query', 'key', 'value', 'sink'] as const) {
        const [a, b] = [fused[name], plain[name]].map((x) => [...(x as Tensor<string>).values()])
        a!.forEach((x, i) => expect(Math.abs(x - b![i]!)).toBeLessThan(50 * bound))
      }
      expect(fused.sink.values()[0]).toBe(0)
    }),
  )

  test('alone with scores of −infinity gives 0', () =>
    on(() => {
      const scores = tensor([-Infinity, -Infinity, 0, -Infinity], { query: 2, key: 2 })
      expect([...filterScores(scores, tensor([-Infinity], { head: 1 })).values()]).toEqual([0, 0, 1, 0])
    }))
})
