import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { attention, attentionFilter, normal, scope, type Tensor, withDevice } from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import { causal, causalUpperLeft } from './index.js'

describe.each(devices)('causal masks on %s', (_, device) => {
  const bound = device.floatBytes === 8 ? 1e-12 : 2e-5
  const on = (work: () => void): void => withDevice(device, () => scope(work))

  test.each([
    [3, 7],
    [7, 3],
    [5, 5],
    [1, 9],
    [40, 100],
    [100, 40],
  ])('aligned at either end are what they say: %i queries, %i keys', (queries, keys) =>
    on(() => {
      const query = normal(randomKey(1), { query: queries, width: 3 })
      const key = normal(randomKey(2), { key: keys, width: 3 })
      const value = normal(randomKey(3), { key: keys, width: 3 })
      const [q, k, v] = [query, key, value].map((x) => [...(x as Tensor<string>).values()])
      for (const [mask, last] of [
        [causalUpperLeft, (row: number) => row],
        [causal, (row: number) => row + keys - queries],
      ] as const) {
        const found = attention(query, key, value, { mask }).values(['query', 'width'])
        const filter = attentionFilter(query, key, { mask }).values(['query', 'key'])
        for (let row = 0; row < queries; row++) {
          const seen = Array.from({ length: Math.max(0, Math.min(keys, last(row) + 1)) }, (_, j) => j)
          const dot = (j: number): number =>
            [0, 1, 2].reduce((total, w) => total + q![3 * row + w]! * k![3 * j + w]!, 0) / Math.sqrt(3)
          const weights = seen.map((j) => Math.exp(dot(j)))
          const total = weights.reduce((a, b) => a + b, 0)
          for (let w = 0; w < 3; w++) {
            const expected = seen.reduce((out, j, i) => out + (weights[i]! / total) * v![3 * j + w]!, 0)
            expect(Math.abs(found[3 * row + w]! - expected)).toBeLessThan(10 * bound)
          }
          for (let j = 0; j < keys; j++)
            expect(
              Math.abs(filter[row * keys + j]! - (j < seen.length ? weights[j]! / total : 0)),
            ).toBeLessThan(10 * bound)
        }
      }
    }),
  )
})
