import { expect, test } from 'vitest'
import { bytesText, countText, durationText, rateText } from './format.js'

test('bytes', () => {
  expect([0, 1023, 1024, 3221225472, 2 ** 32, 1024 ** 2 - 1].map(bytesText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '3.0 GiB',
    '4.0 GiB',
    '1.0 MiB',
  ])
})

test('rates', () => {
  expect(rateText(1.165e11, 'flop/s')).toBe('117 Gflop/s')
  expect(rateText(950, 'B/s')).toBe('950 B/s')
  expect(rateText(26.9e9, 'B/s')).toBe('26.9 GB/s')
})

test('durations', () => {
  expect([0, 4.4, 59.6, 75, 3599.7, 3725, 90_000].map(durationText)).toEqual([
    '0 s',
    '4 s',
    '1 min 00 s',
    '1 min 15 s',
    '1 h 00 min',
    '1 h 02 min',
    '25 h 00 min',
  ])
})

test('counts', () => {
  expect([0, 999, 1000, 5432100].map(countText)).toEqual(['0', '999', '1,000', '5,432,100'])
})
