import { afterAll, describe, expect, test } from 'vitest'
import { checkGradient, grad } from '../../autograd/index.js'
import { DtypeError, ShapeError, UsageError } from '../../base/index.js'
import {
  binaryCrossEntropy,
  countOf,
  crossEntropy,
  memoryUse,
  scope,
  stopGradient,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../index.js'
import { devices } from '../testing/devices.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

const rows = [
  [0.5, -1, 2],
  [3, 0, -2],
  [0.1, 0.2, 0.3],
  [-40, 40, 0],
]
const targets = [2, 0, -100, 0]
const weights = [0.5, 3, 1.25]

/** PyTorch's: each class's log-probability times its weight; the mean over the weights of the targets. */
function plain(smoothing: number): { each: number[]; mean: number; sum: number } {
  const each = rows.map((row, i) => {
    if (targets[i] === -100) return 0
    const normalizer = Math.log(row.reduce((a, x) => a + Math.exp(x), 0))
    const weighted = row.map((x, c) => weights[c]! * (normalizer - x))
    return (1 - smoothing) * weighted[targets[i]!]! + (smoothing * weighted.reduce((a, b) => a + b, 0)) / 3
  })
  const total = each.reduce((a, b) => a + b, 0)
  return { each, sum: total, mean: total / (weights[2]! + 2 * weights[0]!) }
}

describe.each(devices)('class weights on %s', (_, device) => {
  const given = () => ({
    logits: tensor(rows.flat(), { row: 4, class: 3 }),
    classes: tensor(targets, { row: 4 }, { dtype: 'i32' }),
    classWeights: tensor(weights, { class: 3 }),
  })

  test.each([0, 0.3, 1])('weigh the mean, with smoothing %s', (labelSmoothing) =>
    withDevice(device, () => {
      const before = memoryUse()
      scope(() => {
        const { logits, classes, classWeights } = given()
        const expected = plain(labelSmoothing)
        const options = { labelSmoothing, classWeights }
        const mean = crossEntropy(logits, classes, 'class', options)
        expect(mean.item()).toBeCloseTo(expected.mean, 5)
        expect(countOf(mean)).toBe(2.25)
        const total = crossEntropy(logits, classes, 'class', { ...options, reduction: 'sum' })
        expect(total.item()).toBeCloseTo(expected.sum, 4)
        const each = crossEntropy(logits, classes, 'class', { ...options, reduction: 'none' }).values()
        expected.each.forEach((value, i) => expect(each[i]).toBeCloseTo(value, 4))
        // Weights that lie apart in memory are the same.
        const apart = tensor(
          weights.flatMap((weight) => [weight, 9]),
          { class: 3, other: 2 },
        ).at('other', 0)
        expect(crossEntropy(logits, classes, 'class', { ...options, classWeights: apart }).item()).toBe(
          mean.item(),
        )
        const loss = (w: Tensor<'class'>) => (x: Tensor<'row' | 'class'>) =>
          crossEntropy(x, classes, 'class', { ...options, classWeights: w })
        expect([...grad(loss(apart))(logits).values()]).toEqual([
          ...grad(loss(classWeights))(logits).values(),
        ])
      })
      expect(memoryUse()).toEqual(before)
    }),
  )

  test('of 1 change nothing; of 0 leave a class out', () =>
    withDevice(device, () =>
      scope(() => {
        const { logits, classes } = given()
        const weighted = (numbers: readonly number[]): number =>
          crossEntropy(logits, classes, 'class', { classWeights: tensor(numbers, { class: 3 }) }).item()
        expect(weighted([1, 1, 1])).toBeCloseTo(crossEntropy(logits, classes, 'class').item(), 6)
        const second = crossEntropy(logits.at('row', 0), classes.at('row', 0), 'class').item()
        expect(weighted([0, 1, 2])).toBeCloseTo(second, 6)
        expect(weighted([0, 1, 0])).toBe(0)
      }),
    ))
})

describe.each(devices)('positive weights on %s', (_, device) => {
  test('weigh the positive part of each target, per label or all alike', () =>
    withDevice(device, () =>
      scope(() => {
        const x = [0.5, -1, 2, 3, 0, -2, 90, -90]
        const y = [1, 0, 0.25, 1, 1, 0, 0, 1]
        const byLabel = [0.5, 3, 1, 2]
        const softplus = (v: number): number => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))
        const plainly = (weightOf: (i: number) => number): number =>
          x.reduce((sum, v, i) => sum + weightOf(i) * y[i]! * softplus(-v) + (1 - y[i]!) * softplus(v), 0) / 8
        const logits = tensor(x, { row: 2, label: 4 })
        const target = tensor(y, { row: 2, label: 4 })
        const found = (positiveWeight?: number | Tensor<'label'>): number =>
          binaryCrossEntropy(logits, target, { positiveWeight }).item()
        expect(found(tensor(byLabel, { label: 4 }))).toBeCloseTo(
          plainly((i) => byLabel[i % 4]!),
          4,
        )
        expect(found(2.5)).toBeCloseTo(
          plainly(() => 2.5),
          4,
        )
        expect(found(1)).toBeCloseTo(found(), 4)
        expect(found()).toBeCloseTo(
          plainly(() => 1),
          4,
        )
      }),
    ))
})

const [, device] = devices[0]!

test('a positive weight has the gradient of central differences in the logits, and none of its own', () =>
  withDevice(device, () =>
    scope(() => {
      const w = tensor([0.5, 3], { label: 2 })
      const target = tensor([1, 0, 0.3, 0.8], { row: 2, label: 2 })
      const x = tensor([0.3, -2, 4, -0.7], { row: 2, label: 2 })
      const { error, at } = checkGradient(
        (logits: typeof x) => binaryCrossEntropy(logits, target, { positiveWeight: w }),
        x,
      )
      expect(error, at).toBeLessThan(1e-7)
      // A logit of 0 is no corner.
      const zero = tensor([0], { label: 1 })
      const one = (logits: typeof zero) =>
        binaryCrossEntropy(logits, tensor([1], { label: 1 }), { positiveWeight: 3 })
      expect([...grad(one)(zero).values()]).toEqual([-1.5])
      const own = (m: { w: Tensor<'label'> }) =>
        binaryCrossEntropy(x.mul(m.w), target, { positiveWeight: m.w })
      expect(() => grad(own)({ w })).toThrow(/positiveWeight that no gradient is wanted of/)
      for (const wrong of [-1, NaN, Infinity])
        expect(() => binaryCrossEntropy(x, target, { positiveWeight: wrong })).toThrow(UsageError)
      expect(() =>
        binaryCrossEntropy(x, target, { positiveWeight: tensor([1, 2], { other: 2 }) as never }),
      ).toThrow(ShapeError)
    }),
  ))

test('weights that make no sense are refused', () =>
  withDevice(device, () =>
    scope(() => {
      const logits = tensor(rows.flat(), { row: 4, class: 3 })
      const classes = tensor(targets, { row: 4 }, { dtype: 'i32' })
      const call = (classWeights: Tensor<never> | Tensor<'class'>) => () =>
        crossEntropy(logits, classes, 'class', { classWeights: classWeights as Tensor<'class'> })
      expect(call(tensor([1, 2], { class: 2 }))).toThrow(ShapeError)
      expect(call(tensor([1, 2, 3], { row: 3 }) as never)).toThrow(/classWeights along 'class' alone/)
      expect(call(tensor(1, {}))).toThrow(ShapeError)
      expect(call(tensor([1, 2, 3], { class: 3 }, { dtype: 'i32' }))).toThrow(DtypeError)
      for (const wrong of [-1, NaN, Infinity])
        expect(call(tensor([1, wrong, 3], { class: 3 }))).toThrow(UsageError)
      const model = { w: tensor(weights, { class: 3 }) }
      const loss =
        (of: (w: Tensor<'class'>) => Tensor<'class'>) =>
        ({ w }: typeof model) =>
          crossEntropy(logits.mul(w), classes, 'class', { classWeights: of(w) }).add(sum(w))
      expect(() => grad(loss((w) => w))(model)).toThrow(/classWeights that no gradient is wanted of/)
      expect(() => grad(loss(stopGradient))(model)).not.toThrow()
    }),
  ))
