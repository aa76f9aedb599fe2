import { expect, test } from 'vitest'
import { SENTENCE, syntheticReport } from '../../../studio/src/synthetic.js'
import { lossPoints, reportOf, snapshotOf } from './watch.js'

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

test('a snapshot keeps four digits', () => {
  const { step, layers } = snapshotOf(7, attend)
  expect(step).toBe(7)
  const [row, exact] = [layers[0]!.heads[1]!.filter[5]!, attend.layers[0]!.heads[1]!.filter[5]!]
  row.forEach((weight, key) => {
    expect(weight).toBeCloseTo(exact[key]!, 3)
    expect(String(weight).length).toBeLessThanOrEqual(6)
  })
})

test('the page says whether training goes on', () => {
  const watched = {
    attend,
    model: model!,
    step: 20,
    snapshots: [snapshotOf(10, attend)],
    losses: [{ step: 1, loss: 2 }],
  }
  const running = reportOf({ ...watched, finished: false })
  expect(running.title).toMatch(/^How synthetic learns to read “The cat sat on the mat\. .*”$/)
  expect(running.training).toMatchObject({ until: 20, steps: [{ step: 1, loss: 2 }] })
  expect(reportOf({ ...watched, finished: true }).training).not.toHaveProperty('until')
})
