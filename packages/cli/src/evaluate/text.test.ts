import type { Evaluation } from 'heed'
import { expect, test } from 'vitest'
import { stringWidth, type Output } from '../terminal.js'
import type { MeasuredHeads } from './heads.js'
import { ablationText, evaluationText } from './text.js'

const interval = { value: 0.81234, low: 0.79, high: 0.83 }
const labels = ['entailment', 'neutral', 'contradiction', 'a label with a long name', 'other']
const evaluation: Evaluation = {
  task: 'text-classification',
  scores: ['accuracy', 'macro F1'].map((metric) => ({
    metric,
    ...interval,
    count: 1000,
    lower: false,
    confidence: 0.95,
    beside: ['most frequent label', 'the hypothesis alone', 'words in common'].map((name) => ({
      name,
      ...interval,
      difference: { value: 0.31, low: -0.3, high: 0.33 },
    })),
  })),
  details: {
    labels,
    classes: labels.map(() => ({ precision: 0.8, recall: 0.7, f1: 0.75, count: 200 })),
    confusion: labels.map((_, i) => labels.map((__, j) => (i === j ? 150 : 12))),
  },
} as unknown as Evaluation

const ablation: MeasuredHeads = {
  task: 'text-classification',
  metric: 'accuracy',
  ablation: 'zero',
  lower: false,
  score: interval,
  heads: Array.from({ length: 48 }, (_, i) => ({
    attention: `blocks.${Math.floor(i / 16)}.attention.filter`,
    layer: Math.floor(i / 16),
    head: i % 16,
    cost: { value: i / 100, low: -0.01, high: 0.5 },
  })),
  table: [],
} as unknown as MeasuredHeads

const about = { model: 'reader', records: 1000 }
const widthOf = (text: string): number => Math.max(...text.split('\n').map((line) => stringWidth(line)))

test.each([120, 80, 60, 44])('in %i columns tables go on below, and say all', (columns) => {
  const output: Output = { write: () => {}, columns }
  const text = evaluationText(about, evaluation, output, {})
  expect(widthOf(text)).toBeLessThanOrEqual(columns)
  expect(text.match(/−0\.3000/g)).toHaveLength(6)
  expect(text.match(/0\.7900 … 0\.8300/g)).toHaveLength(8)
  expect(text.match(/\b150\b/g)).toHaveLength(5)
  const heads = ablationText(about, ablation, output, {})
  expect(widthOf(heads)).toBeLessThanOrEqual(columns)
  // Each head's cost, and those of the most costly once more, of the intervals also.
  for (let i = 0; i < 43; i++) expect(heads.match(new RegExp(` ${i}\\.0(?= |\n|$)`, 'g'))).toHaveLength(1)
})

test('what fits is one table, and the row of a metric has all of it', () => {
  const text = evaluationText(about, evaluation, { write: () => {}, columns: 120 }, {})
  expect(text).toContain('accuracy  model')
  expect(text).toMatch(
    /\n +most frequent label +0\.8123 +0\.7900 … 0\.8300 +\+0\.3100 {2}\(−0\.3000 … \+0\.3300\)\n/,
  )
  expect(text.split('\n').filter((line) => line.includes('the hypothesis alone'))).toHaveLength(2)
})
