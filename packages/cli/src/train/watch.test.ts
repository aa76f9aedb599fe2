import { expect, test } from 'vitest'
import { SENTENCE, syntheticReport } from '../../../studio/src/synthetic.js'
import { frameOf } from './film.js'
import { lossFrom, lossPoints, reportOf } from './watch.js'

const { attend, model } = syntheticReport({ seed: 1, words: SENTENCE, layers: 1, heads: 2, snapshots: 0 })

test('losses and evaluations of a step are one point', () => {
  expect(
    lossPoints([
      { step: 0, validation: 9 },
      { step: 1, loss: 5 },
      { step: 2, loss: 4 },
      { step: 2, validation: 4.5 },
      { step: 3, loss: 3 },
      { step: 4, validation: 3.5 },
    ]),
  ).toEqual([
    { step: 1, loss: 5 },
    { step: 2, loss: 4, validation: 4.5 },
    { step: 3, loss: 3 },
    { step: 4, loss: 3, validation: 3.5 },
  ])
})

test('losses that are no numbers leave no point', () => {
  expect(
    lossPoints([
      { step: 1, loss: NaN },
      { step: 2, loss: 3, validation: Infinity },
      { step: 3, loss: NaN, validation: 2 },
    ]),
  ).toEqual([
    { step: 2, loss: 3 },
    { step: 3, loss: 3, validation: 2 },
  ])
})

test('an entry comes back from its line, and nothing else does', () => {
  for (const entry of [
    { step: 0, validation: 1 },
    { step: 3, loss: 0.5 },
    { step: 3, loss: NaN },
  ])
    expect(lossFrom(JSON.parse(JSON.stringify(entry)))).toEqual(entry)
  for (const value of [
    null,
    5,
    [],
    {},
    { step: 1 },
    { step: '1', loss: 2 },
    { step: -1, loss: 2 },
    { step: 0.5, loss: 2 },
    { step: 1, loss: '2' },
    { step: 1, loss: 2, validation: {} },
  ])
    expect(lossFrom(value), JSON.stringify(value)).toBe(undefined)
})

test('the page says whether training goes on', () => {
  const watched = {
    attend,
    model: model!,
    step: 20,
    snapshots: [frameOf(10, attend)],
    losses: [{ step: 1, loss: 2 }],
  }
  const running = reportOf({ ...watched, finished: false })
  expect(running.title).toMatch(/^How synthetic learns to read “The cat sat on the mat\. .*”$/)
  expect(running.training).toMatchObject({ until: 20, steps: [{ step: 1, loss: 2 }] })
  expect(reportOf({ ...watched, finished: true }).training).not.toHaveProperty('until')
})
