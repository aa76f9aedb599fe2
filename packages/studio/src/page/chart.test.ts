import { expect, it } from 'vitest'
import { smoothed, ticks } from './chart.js'

it('ticks are round and lie inside', () => {
  expect(ticks(0, 2000, 4)).toEqual([0, 500, 1000, 1500, 2000])
  expect(ticks(1.83, 4.6, 4)).toEqual([2, 3, 4])
  expect(ticks(3, 3, 4)).toEqual([3])
})

it('a smoothed line is the mean of the last points that are known', () => {
  const points = [4, 2, null, 6, null, null].map((value, step): [number, number | null] => [step, value])
  expect(smoothed(points, 2)).toEqual([
    [0, 4],
    [1, 3],
    [2, 2],
    [3, 6],
    [4, 6],
    [5, null],
  ])
  expect(smoothed(points, 1)).toEqual(points)
})
