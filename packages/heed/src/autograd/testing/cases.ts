import { randomKey } from '../../base/index.js'
import {
  arrangeLike,
  attention,
  attentionScores,
  capture,
  concat,
  copy,
  crossEntropy,
  dot,
  dotQuantized,
  dropout,
  exp,
  expand,
  gather,
  gruCell,
  layerNorm,
  logSoftmax,
  lstmCell,
  map,
  mixValues,
  type Mask,
  max,
  min,
  normal,
  quantize,
  rmsNorm,
  rotate,
  type Score,
  softmax,
  stack,
  sum,
  tensor,
  type Tensor,
  unitLength,
} from '../../tensor/index.js'
import { checkpoint } from '../index.js'

/** What is differentiated: two matrices, a vector along one of their axes, and one number for each head. */
export interface Inputs {
  readonly x: Tensor<'row' | 'width'>
  readonly y: Tensor<'column' | 'width'>
  readonly weight: Tensor<'width'>
  readonly slope: Tensor<'head'>
}
const [rows, columns, width] = [3, 4, 6]
export const inputs = (): Inputs => ({
  x: normal(randomKey(1), { row: rows, width }),
  y: normal(randomKey(2), { column: columns, width }),
  weight: normal(randomKey(3), { width }),
  slope: normal(randomKey(4), { head: 2 }),
})

const ids = (numbers: number[], axis: string): Tensor<string> =>
  tensor(numbers, { [axis]: numbers.length }, { dtype: 'i32' })
const mask: Mask = ({ query, key }) => key.le(query.add(1))
const heads = ({ x, y }: Inputs): { query: Query; key: Key } => ({
  query: x.split('width', { head: 2, part: 3 }).rename({ row: 'query', part: 'width' }),
  key: y.split('width', { head: 2, part: 3 }).rename({ column: 'key', part: 'width' }),
})
type Query = Tensor<'head' | 'query' | 'width'>
type Key = Tensor<'head' | 'key' | 'width'>
const fading =
  (slope: Tensor<'head'>): Score =>
  (score, { head, query, key }) =>
    score.sub(capture(slope).at({ head }).mul(query.sub(key))).tanh()

/** For each row of autograd's table something that uses it. */
export const cases: Readonly<Record<string, (inputs: Inputs) => Tensor<string>>> = {
  attention: (given) => {
    const { query, key } = heads(given)
    const sink = given.slope.mul(0.3)
    return attention(query, key, exp(key), { mask, score: fading(given.slope), sink }) as never
  },
  attentionScores: (given) => {
    const { query, key } = heads(given)
    return softmax(attentionScores(query, key, { mask, score: fading(given.slope) }), 'key') as never
  },
  maskedProducts: (given) => {
    const { query, key } = heads(given)
    return attentionScores(query, key) as never
  },
  weightedSum: (given) => {
    const { query, key } = heads(given)
    return mixValues(attentionScores(query, key), exp(key)) as never
  },
  unitLength: ({ x }) => unitLength(x, 'width') as never,
  gather: ({ y }) => gather(y, ids([3, 0, 3, 3], 'place'), 'column') as never,
  concat: ({ x, y }) => concat([x, y.rename({ column: 'row' }), x], 'row') as never,
  dropout: ({ x }) => dropout(x, 0.4, randomKey(5)) as never,
  lstmCell: ({ x, y }) => {
    const gates = y.rename({ column: 'gate' })
    const state = { hidden: x.at('row', 0), cell: x.at('row', 1) }
    const after = lstmCell(gates, exp(gates), state, tensor([1, 0, 1, 1, 1, 0], { width }))
    return stack([after.hidden, after.cell], 'part') as never
  },
  gruCell: ({ x, y }) => {
    const gates = y.slice('column', 0, 3).rename({ column: 'gate' })
    return gruCell(gates, x.rename({ row: 'gate' }), y.at('column', 3)) as never
  },
  rotate: ({ x, y }) => {
    const table = y.slice('column', 0, rows).slice('width', 0, 2).rename({ column: 'row', width: 'pair' })
    return stack(
      [rotate(x, 'width', table, exp(table), 'half'), rotate(x, 'width', table, table, 'interleaved')],
      'kind',
    ) as never
  },
  softmax: ({ x }) => softmax(x, 'row') as never,
  logSoftmax: ({ x }) => logSoftmax(x, 'width') as never,
  layerNorm: ({ x, weight }) => layerNorm(x, 'width', { weight, bias: exp(weight) }) as never,
  rmsNorm: ({ x, weight }) => rmsNorm(x, 'width', { weight, onePlus: true }) as never,
  crossEntropy: ({ x }) =>
    crossEntropy(x, tensor([5, -100, 2], { row: rows }, { dtype: 'i32' }), 'width', {
      labelSmoothing: 0.1,
      reduction: 'none',
    }) as never,
  map: ({ x, weight }) => map((v, w) => v.mul(w).tanh().div(w.square().add(1)), x, weight) as never,
  dot: ({ x, y, weight }) =>
    dot(x, y, 'width', { scale: 0.7, bias: sum(y, 'width'), residual: dot(x, weight, 'width') }) as never,
  dotQuantized: ({ x, y }) => {
    // In bf16 only the weights are rounded. What they are is part of the case, and has no gradient.
    const weights = quantize(normal(randomKey(6), { width, head: 2, made: 3 }), 'width', 'bf16')
    const residual = sum(y, 'width').slice('column', 0, 3).rename({ column: 'made' })
    const options = { scale: 0.7, bias: sum(x, 'width'), residual, activation: 'tanh' } as const
    return dotQuantized(x, weights, options) as never
  },
  reduce: ({ x, y }) => max(x, 'row').add(min(y, 'column')).add(sum(x)) as never,
  rename: ({ x }) => x.rename({ row: 'position' }) as never,
  split: ({ x }) => x.split('width', { pair: 2, part: 3 }) as never,
  merge: ({ x }) => x.merge(['width', 'row'], 'all') as never,
  slice: ({ x }) => stack([x.slice('width', 1, 4), x.slice('width', 2, 5)], 'kind') as never,
  at: ({ x }) => x.at('width', 2).add(x.at('width', 3)) as never,
  expand: ({ weight }) => expand(weight, { column: 3, single: 1 }) as never,
  arrange: ({ x, y }) => arrangeLike(exp(x), dot(y, exp(x), 'width').at('column', 0).add(x)) as never,
  copy: ({ x }) => copy(x, 'f32', ['width', 'row']),
  checkpoint: ({ x, y }) =>
    checkpoint((u: Tensor<'row' | 'width'>, v: Tensor<'column' | 'width'>) =>
      exp(dot(u, v, 'width').mul(0.3)),
    )(x, y) as never,
}

/** A loss that weighs each element differently, so that no gradient hides in a sum. */
export const weigh = (x: Tensor<string>): Tensor<never> =>
  sum(
    map(
      (v, w) => v.mul(w).add(v.mul(v).mul(0.2)),
      x,
      normal(randomKey(9), Object.fromEntries(x.axes.map((axis) => [axis, x.size(axis)]))),
    ),
  )
