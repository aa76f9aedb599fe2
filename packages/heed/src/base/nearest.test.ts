import { expect, test } from 'vitest'
import { nearest, nearestPaths } from './nearest.js'

const names = ['layers', 'heads', 'width', 'learningRate', 'warmUp']

test.each([
  ['layer', 'layers'],
  ['haeds', 'heads'],
  ['learningrate', 'learningRate'],
  ['lerningRat', 'learningRate'],
  ['warmup', 'warmUp'],
  ['lay', 'layers'],
  ['learning', 'learningRate'],
  ['la', undefined],
  ['optimizer', undefined],
  ['', undefined],
  ['x'.repeat(100_000), undefined],
])('%s', (word, expected) => {
  expect(nearest(word, names)).toBe(expected)
})

test('paths, part by part', () => {
  const paths = ['blocks.0.attention', 'blocks.1.attention', 'blocks.0.norm', 'embedding']
  expect(nearestPaths('blocks.*.atention', paths, 2)).toEqual(['blocks.0.attention', 'blocks.1.attention'])
  expect(nearestPaths('embeding', paths, 1)).toEqual(['embedding'])
  expect(nearestPaths('x'.repeat(1e6), paths, 1)).toHaveLength(1)
})
