import { describe, expect, test } from 'vitest'
import { randomKey, uniformAt } from '../base/index.js'
import { checkGradient, valueAndGrad } from '../autograd/index.js'
import { deviceTitle, expectClose, referenceDevices } from '../nn/testing/reference.js'
import { collect } from '../observe/index.js'
import { dispose, keep, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { adamw } from '../train/index.js'
import {
  createRecurrentTranslator,
  type RecurrentTranslator,
  translate,
  translationLogits,
  translationLoss,
} from './index.js'

const [start, end] = [1, 2]
const sizes = { vocabulary: 12, width: 8, units: 10 }
const idsOf = (rows: readonly (readonly number[])[]): Tensor<'batch' | 'position'> =>
  tensor(rows.flat(), { batch: rows.length, position: rows[0]!.length }, { dtype: 'i32' })
const kinds = [
  ['the last state alone', undefined],
  ['attention', 7],
] as const

describe.each(referenceDevices.map((device) => [deviceTitle(device), device] as const))(
  'recurrent translation on %s',
  (_, device) => {
    describe.each(kinds)('by %s', (_kind, alignment) => {
      const on = <T>(work: (model: RecurrentTranslator) => T): T =>
        withDevice(device, () =>
          scope(() => work(createRecurrentTranslator({ ...sizes, alignment }, randomKey(1)))),
        )

      test('padding says nothing', () =>
        on((model) => {
          const target = idsOf([
            [start, 5, 6],
            [start, 4, 0],
          ])
          const short = translationLogits(
            model,
            idsOf([
              [3, 4, 5],
              [7, 8, 0],
            ]),
            target,
          )
          const long = translationLogits(
            model,
            idsOf([
              [3, 4, 5, 0, 0],
              [7, 8, 0, 0, 0],
            ]),
            target,
          )
          const order = ['batch', 'position', 'vocabulary'] as const
          expectClose('logits', long.logits.values(order), short.logits.values(order), 1e-6)
          if (alignment === undefined) {
            expect(short.filter).toBeUndefined()
            return
          }
          expect(long.filter!.shape).toEqual({ batch: 2, position: 3, key: 5 })
          const rows = [...long.filter!.values(['batch', 'position', 'key'])]
          for (let row = 0; row < 6; row++) {
            const filter = rows.slice(row * 5, row * 5 + 5)
            expect(filter.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
            expect(filter.slice(row < 3 ? 3 : 2).every((weight) => weight === 0)).toBe(true)
          }
        }))

      test('greedy search takes the likeliest word at each step', () =>
        on((model) => {
          const source = idsOf([
            [3, 4, 5, 6],
            [9, 8, 7, 0],
            [3, 3, 0, 0],
          ])
          const found = translate(model, source, { start, end, longest: 6 })
          found.forEach((words, i) => {
            // The same, with the target told from the outside.
            const told = [start, ...words, ...(words.length < 6 ? [end] : [])]
            const { logits } = translationLogits(
              model,
              source.slice('batch', i, i + 1),
              idsOf([told.slice(0, -1)]),
            )
            const rows = logits.values(['batch', 'position', 'vocabulary'])
            told.slice(1).forEach((word, position) => {
              const row = rows.subarray(position * 12, (position + 1) * 12)
              expect(row.indexOf(Math.max(...row))).toBe(word)
            })
          })
          expect(translate(model, source, { start, end, longest: 0 })).toEqual([[], [], []])
        }))
    })
  },
)

test.each(kinds)('the gradient of the loss by %s equals central differences', (_kind, alignment) =>
  withDevice(referenceDevices[0]!, () =>
    scope(() => {
      const source = idsOf([
        [3, 4, 2],
        [1, 4, 0],
      ])
      const inputs = idsOf([
        [start, 3],
        [start, 4],
      ])
      const targets = idsOf([
        [3, end],
        [4, 0],
      ])
      const { error, at } = checkGradient(
        (own: RecurrentTranslator) => translationLoss(own, source, { inputs, targets }),
        createRecurrentTranslator({ vocabulary: 5, width: 3, units: 2, alignment }, randomKey(1)),
      )
      expect(error, at).toBeLessThan(1e-6)
    }),
  ),
)

test('what attention sees has names', () =>
  withDevice(referenceDevices[0]!, () =>
    scope(() => {
      const model = createRecurrentTranslator({ ...sizes, alignment: 7 }, randomKey(1))
      const names = ['encoder.output', 'decoder.steps.*.filter', 'logits']
      const { values } = collect(names, () => translationLogits(model, idsOf([[3, 4]]), idsOf([[start, 5]])))
      expect([...values.keys()]).toEqual([
        'encoder.output',
        'decoder.steps.0.filter',
        'decoder.steps.1.filter',
        'logits',
      ])
    }),
  ))

test('it learns to write a sequence backwards', () =>
  withDevice(referenceDevices[1]!, () => {
    const rows = Array.from({ length: 32 }, (_, row) =>
      Array.from({ length: 4 }, (_unused, i) => 3 + Math.floor(uniformAt(randomKey(5), row * 4 + i) * 9)),
    )
    const backwards = rows.map((row) => [...row].reverse())
    const batch = keep({
      source: idsOf(rows),
      inputs: idsOf(backwards.map((row) => [start, ...row])),
      targets: idsOf(backwards.map((row) => [...row, end])),
    })
    const step = valueAndGrad((weights: RecurrentTranslator) => translationLoss(weights, batch.source, batch))
    const optimizer = adamw({})
    let model = keep(
      createRecurrentTranslator({ vocabulary: 12, width: 16, units: 32, alignment: 16 }, randomKey(2)),
    )
    let state = keep(optimizer.init(model))
    let first = NaN
    let last = NaN
    for (let i = 0; i < 60; i++) {
      scope(() => {
        const { value, gradient } = step(model)
        last = value.item()
        if (i === 0) first = last
        const updated = optimizer.update(model, gradient, state, { rate: 0.01 })
        dispose([model, state])
        model = keep(updated.model)
        state = keep(updated.state)
      })
    }
    expect(first).toBeCloseTo(Math.log(12), 0)
    expect(last).toBeLessThan(0.2)
    const found = translate(model, batch.source, { start, end, longest: 8 })
    const right = found.filter((words, i) => words.join() === backwards[i]!.join()).length
    expect(right).toBeGreaterThan(24)
    dispose([model, state, batch])
  }))
