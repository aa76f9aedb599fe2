import { expect, test } from 'vitest'
import { BoundedMap } from './index.js'

test('what was set first goes where there is too much', () => {
  const map = new BoundedMap<string, number>(3)
  map.set('a', 1).set('b', 2).set('c', 3).set('b', 4)
  expect([...map]).toEqual([
    ['a', 1],
    ['b', 4],
    ['c', 3],
  ])
  map.set('d', 5)
  expect([...map.keys()]).toEqual(['b', 'c', 'd'])
  for (let i = 0; i < 10_000; i++) map.set(String(i), i)
  expect(map.size).toBe(3)
})
