import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter, wasmTarget } from '../targets/index.js'
import {
  type AnyTensor,
  binaryCrossEntropy,
  contrastiveLoss,
  crossEntropy,
  layerNorm,
  logSoftmax,
  map,
  meanSquaredError,
  normal,
  rmsNorm,
  scope,
  softmax,
  sum,
  tensor,
  type Tensor,
  unitLength,
  withDevice,
} from '../tensor/index.js'
import { checkGradient, grad } from './index.js'

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))

/** A loss that weighs each element differently, so that no gradient hides in a sum. */
const weigh = (x: Tensor<string>): Tensor<never> =>
  sum(map((v) => v.mul(1.3).sin().add(v.mul(v).mul(0.2)), x) as Tensor<string>) as Tensor<never>

interface Model {
  readonly x: Tensor<'a' | 'row' | 'b'>
  readonly weight: Tensor<'row'>
  readonly bias: Tensor<'row'>
}

const classWeights = (width: number): Tensor<'row'> =>
  tensor(
    Array.from({ length: width }, (_, i) => 0.2 + ((i * 5) % 7)),
    { row: width },
  )

function targets(width: number, ignore: number): Tensor<'a' | 'b'> {
  const classes = [0, width - 1, ignore, Math.floor(width / 2), 0, width - 1]
  return tensor(classes, { a: 3, b: 2 }, { dtype: 'i32' })
}

const cases: Record<string, (model: Model) => AnyTensor> = {
  softmax: ({ x }) => softmax(x, 'row'),
  logSoftmax: ({ x }) => logSoftmax(x, 'row'),
  layerNorm: ({ x, weight, bias }) => layerNorm(x, 'row', { weight, bias, epsilon: 0.1 }),
  'layerNorm without weight': ({ x, bias }) => layerNorm(x, 'row', { bias, epsilon: 0.1 }),
  'layerNorm without bias': ({ x, weight }) => layerNorm(x, 'row', { weight, epsilon: 0.1 }),
  rmsNorm: ({ x, weight }) => rmsNorm(x, 'row', { weight, epsilon: 0.1 }),
  'rmsNorm by 1 + weight': ({ x, weight }) => rmsNorm(x, 'row', { weight, epsilon: 0.1, onePlus: true }),
  'rmsNorm without weight': ({ x }) => rmsNorm(x, 'row', { epsilon: 0.1 }),
  'one tensor as weight and bias': ({ x, weight }) =>
    layerNorm(x, 'row', { weight, bias: weight, epsilon: 0.1 }),
  crossEntropy: ({ x }) => crossEntropy(x, targets(x.size('row'), -100), 'row'),
  'crossEntropy, smoothed, summed': ({ x }) =>
    crossEntropy(x, targets(x.size('row'), -1), 'row', {
      labelSmoothing: 0.2,
      reduction: 'sum',
      ignore: -1,
    }),
  'crossEntropy of each row': ({ x }) =>
    crossEntropy(x, targets(x.size('row'), -100), 'row', {
      labelSmoothing: 0.2,
      reduction: 'none',
    }),
  'crossEntropy of weighted classes': ({ x }) =>
    crossEntropy(x, targets(x.size('row'), -100), 'row', { classWeights: classWeights(x.size('row')) }),
  'crossEntropy of weighted classes, smoothed': ({ x }) =>
    crossEntropy(x, targets(x.size('row'), -100), 'row', {
      labelSmoothing: 0.3,
      classWeights: classWeights(x.size('row')),
    }),
  'crossEntropy of weighted classes, smoothed, of each row': ({ x }) =>
    crossEntropy(x, targets(x.size('row'), -100), 'row', {
      labelSmoothing: 0.3,
      classWeights: classWeights(x.size('row')),
      reduction: 'none',
    }),
  unitLength: ({ x }) => unitLength(x, 'row'),
  meanSquaredError: ({ x, weight }) => meanSquaredError(x, weight.mul(x)),
  binaryCrossEntropy: ({ x, weight }) => binaryCrossEntropy(x.mul(4), x.mul(weight)),
  contrastiveLoss: ({ x }) =>
    contrastiveLoss(
      x
        .at('b', 0)
        .merge(['a', 'row'], 'c')
        .split('c', { d: 1, e: x.size('row') * 3 }),
      'e',
    ),
}

/** Where the rows lie in memory: adjacent, apart, or as a part of something larger. */
const layouts: Record<string, (x: Tensor<'a' | 'row' | 'b'>) => Tensor<'a' | 'row' | 'b'>> = {
  adjacent: (x) => x,
  apart: (x) => x.slice('b', 1, 3),
  'inside a larger tensor': (x) => x.slice('row', 0, x.size('row') - 2),
}
const shapes: Record<string, (width: number) => Record<'a' | 'row' | 'b', number>> = {
  adjacent: (width) => ({ a: 3, b: 2, row: width }),
  apart: (width) => ({ a: 3, row: width, b: 4 }),
  'inside a larger tensor': (width) => ({ b: 2, a: 3, row: width + 2 }),
}

describe('gradients along rows equal central differences in f64', () => {
  const widths = { adjacent: [1, 2, 7, 33], apart: [5], 'inside a larger tensor': [6] }
  const runs = Object.entries(widths).flatMap(([layout, lengths]) =>
    lengths.flatMap((width) => Object.keys(cases).map((name) => [name, width, layout] as const)),
  )
  test.each(runs)('%s, %i long, %s', (name, width, layout) =>
    on(() => {
      const model = {
        x: normal(randomKey(7), shapes[layout]!(width)),
        weight: normal(randomKey(8), { row: width }),
        bias: normal(randomKey(9), { row: width }),
      }
      const loss = ({ x, ...rest }: Model): Tensor<never> =>
        weigh(cases[name]!({ x: layouts[layout]!(x), ...rest }) as Tensor)
      const { error, at } = checkGradient(loss, model)
      expect(error, at).toBeLessThan(1e-7)
    }),
  )
})

test('what is not asked for is not computed, and the rest stays the same', () =>
  on(() => {
    const x = normal(randomKey(1), { a: 5, row: 9 })
    const weight = normal(randomKey(2), { row: 9 })
    const bias = normal(randomKey(3), { row: 9 })
    const loss = (x_: Tensor<'a' | 'row'>, w: Tensor<'row'>, b: Tensor<'row'>): Tensor<never> =>
      weigh(layerNorm(x_, 'row', { weight: w, bias: b }) as Tensor<string>)
    const all = grad((m: { x: typeof x; weight: typeof weight; bias: typeof bias }) =>
      loss(m.x, m.weight, m.bias),
    )({ x, weight, bias })
    expect([...grad((m: typeof x) => loss(m, weight, bias))(x).values()]).toEqual([...all.x.values()])
    expect([...grad((m: typeof weight) => loss(x, m, bias))(weight).values()]).toEqual([
      ...all.weight.values(),
    ])
    expect([...grad((m: typeof bias) => loss(x, weight, m))(bias).values()]).toEqual([...all.bias.values()])
  }))

test('softmax: masked elements and rows with nothing get gradient 0', () =>
  on(() => {
    const x = tensor([1, -Infinity, 2, -Infinity, -Infinity, -Infinity], { a: 2, row: 3 })
    const gradient = [...grad((m: typeof x) => weigh(softmax(m, 'row') as Tensor<string>))(x).values()]
    expect(gradient.every(Number.isFinite)).toBe(true)
    expect(gradient[1]).toBe(0)
    expect(gradient.slice(3)).toEqual([0, 0, 0])
  }))

test('cross-entropy: ignored rows get gradient 0, and so do all where all are ignored', () =>
  on(() => {
    const logits = normal(randomKey(4), { a: 2, row: 3 })
    const one = tensor([-100, 1], { a: 2 }, { dtype: 'i32' })
    const none = tensor([-100, -100], { a: 2 }, { dtype: 'i32' })
    const gradientFor = (t: Tensor<'a'>): number[] => [
      ...grad((m: typeof logits) => crossEntropy(m, t, 'row'))(logits).values(),
    ]
    expect(gradientFor(one).slice(0, 3)).toEqual([0, 0, 0])
    expect(
      gradientFor(one)
        .slice(3)
        .every((g) => g !== 0),
    ).toBe(true)
    expect(gradientFor(none)).toEqual([0, 0, 0, 0, 0, 0])
    expect(crossEntropy(logits, none, 'row').item()).toBe(0)
  }))

test('binary cross-entropy has its gradient at logit 0, too', () =>
  on(() => {
    const y = tensor([0, 1, 0.25], { a: 3 })
    const gradient = grad((x: Tensor<'a'>) => binaryCrossEntropy(x, y))(tensor([0, 0, 0], { a: 3 }))
    expect([...gradient.values()].map((g) => g * 3)).toEqual([0.5, -0.5, 0.25])
  }))

test('the gradient of a softmax sums to 0 along its rows, in f32 and beside large numbers too', () => {
  const wasm = new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))
  withDevice(wasm, () =>
    scope(() => {
      const x = normal(randomKey(3), { b: 20, row: 65 })
      const large = normal(randomKey(4), { b: 20, row: 65 }).add(10_000)
      const gradient = grad((given: typeof x) => sum(softmax(given, 'row').mul(large)))(x)
      const sums = sum(gradient, 'row').values()
      // A mean of 10,000 is rounded by up to 5e-4; the rows must not keep that.
      for (const total of sums) expect(Math.abs(total)).toBeLessThan(2e-6)
    }),
  )
})
