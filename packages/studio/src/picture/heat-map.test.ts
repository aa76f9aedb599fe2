import { expect, test } from 'vitest'
import { cellsOf, smallMap } from './heat-map.js'
import { Paint } from './paint.js'

const filter = [
  [1, 0, 0, 0, 0],
  [0.9, 0.1, 0, 0, 0],
  [0, 0.5, 0.5, 0, 0],
  [0, 0, 0.3, 0.7, 0],
  [0.2, 0.2, 0.2, 0.2, 0.2],
]

test('each weight is a cell where there is room', () => {
  expect(cellsOf(filter, 5, false)).toEqual(filter)
  expect(cellsOf(filter, 100, true)[1]).toEqual([0.9, 0.1, undefined, undefined, undefined])
})

test('else the largest weight of a block', () => {
  expect(cellsOf(filter, 3, true)).toEqual([
    [1, undefined, undefined],
    [0.5, 0.7, undefined],
    [0.2, 0.2, 0.2],
  ])
  expect(cellsOf(filter, 1, true)).toEqual([[1]])
  expect(cellsOf(filter, 0, false)).toEqual([[1]])
})

test('characters: a line a query, two columns a key where asked', () => {
  const cells = cellsOf(filter, 5, true)
  expect(smallMap(cells, new Paint(1, 'dark'))).toEqual({
    width: 5,
    lines: ['█    ', '█░   ', '·▓▓  ', '··▒█ ', '▒▒▒▒▒'],
  })
  expect(smallMap(cells, new Paint(1, 'dark'), 2).lines[1]).toBe('██░░      ')
})

test('colour: two queries a line', () => {
  const { lines, width } = smallMap(cellsOf(filter, 5, true), new Paint(24, 'dark'))
  expect(width).toBe(5)
  expect(lines.map((line) => line.replace(/\u001b\[[\d;]*m/g, ''))).toEqual(['▀▄   ', '▀▀▀▄ ', '▀▀▀▀▀'])
})
