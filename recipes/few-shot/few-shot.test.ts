import { shippedPath } from 'heed/internals'
import { expect, test } from 'vitest'
import { accuracyOf, compareFewShot, drawn } from './compare.js'
import { resultsTable } from './table.js'

const animals = ['The dog barks.', 'A cat sleeps on the mat.', 'Birds fly south.', 'The horse eats hay.']
const money = ['Stocks fell sharply.', 'The bank raised its rates.', 'Taxes are due.', 'Prices rose again.']
const examples = [
  ...animals.map((text) => ({ text, label: 'animals' })),
  ...money.map((text) => ({ text, label: 'money' })),
]
const measured = [
  { text: 'A puppy runs after a sheep.', label: 'animals' },
  { text: 'Investors lost a billion on the market.', label: 'money' },
]

test('each draw has so many examples of each label; those of fewer are among those of more', () => {
  const [two, three] = [2, 3].map((each) => drawn(examples, each, 1))
  for (const [own, each] of [[two!, 2] as const, [three!, 3] as const])
    for (const label of ['animals', 'money'])
      expect(own.filter((one) => one.label === label)).toHaveLength(each)
  expect(two!.every((one) => three!.includes(one))).toBe(true)
  const texts = (draw: number): string =>
    drawn(examples, 2, draw)
      .map(({ text }) => text)
      .join()
  expect(texts(1)).toBe(texts(1))
  expect(new Set([0, 1, 2, 3].map(texts)).size).toBeGreaterThan(1)
})

test('a few steps: both ways are measured on the same draws', { timeout: 300_000 }, async () => {
  const set = { name: 'easy', examples, test: measured }
  const rows = await compareFewShot(set, {
    encoder: shippedPath('feature-extraction'),
    each: [2],
    draws: 2,
    pairs: 1,
    rate: 2e-5,
  })
  expect(rows.map(({ method }) => method)).toEqual(['linear head', 'contrastive pairs, linear head'])
  // What a public encoder tells apart without any training.
  for (const { accuracies } of rows) expect(accuracies).toEqual([1, 1])
  expect(resultsTable(rows)).toContain('| easy | linear head | 2 | 100.0 ± 0.0 |')
})

test('accuracy is the share of right labels', () => {
  expect(accuracyOf(['animals', 'animals'], measured)).toBe(0.5)
})
