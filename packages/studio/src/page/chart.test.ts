import { expect, it } from 'vitest'
import { ticks } from './chart.js'

it('ticks are round and lie inside', () => {
  expect(ticks(0, 2000, 4)).toEqual([0, 500, 1000, 1500, 2000])
  expect(ticks(1.83, 4.6, 4)).toEqual([2, 3, 4])
  expect(ticks(3, 3, 4)).toEqual([3])
})
