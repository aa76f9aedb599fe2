import { expect, test } from 'vitest'
import { nearest } from './nearest.js'

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
