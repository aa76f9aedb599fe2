import { expect, test } from 'vitest'
import { shuffled, summaryOf } from './statistics.js'

test('the median is the middle, or between two', () => {
  expect(summaryOf([5, 1, 2])).toEqual({ median: 2, min: 1, max: 5 })
  expect(summaryOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
})

test('an order has everybody once, is the same for a seed, and puts many before each', () => {
  const items = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const before = new Set<string>()
  for (let seed = 0; seed < 7; seed++) {
    const order = shuffled(items, seed)
    expect(order.toSorted((a, b) => a - b)).toEqual(items)
    expect(shuffled(items, seed)).toEqual(order)
    before.add(String(order[order.indexOf(0) - 1] ?? 'nobody'))
  }
  expect(before.size).toBeGreaterThan(3)
  expect(items).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})
