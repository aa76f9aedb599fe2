import { randomKey } from '../../base/index.js'
import {
  activate,
  add,
  addInto,
  type AnyQuantizedWeights,
  type AnyTensor,
  argmax,
  arrange,
  arrangeLike,
  applyFilter,
  at,
  attention,
  attentionFilter,
  attentionRagged,
  attentionScores,
  attentionWithStatistics,
  binaryCrossEntropy,
  capture,
  cast,
  concat,
  cosineSimilarity,
  contrastiveLoss,
  copy,
  crossEntropy,
  dequantize,
  dot,
  dotQuantized,
  dropout,
  exp,
  expand,
  filterScores,
  gatedBy,
  gather,
  gatherQuantized,
  gruCell,
  gruReset,
  gruUpdate,
  layerNorm,
  logSoftmax,
  lstmCell,
  map,
  max,
  mean,
  meanSquaredError,
  merge,
  mixValues,
  normal,
  placeInto,
  quantize,
  quantizedFrom,
  rename,
  rmsNorm,
  rotate,
  type Score,
  slice,
  softmax,
  split,
  stack,
  type Stretch,
  stopGradient,
  sum,
  tensor,
  type Tensor,
  together,
  unitLength,
  type QuantizedWeights,
} from '../index.js'

/** One call of an operation, and nothing else: the tensors that it takes, and the call. */
export interface OperationCall {
  readonly inputs: () => readonly (AnyTensor | AnyQuantizedWeights)[]
  readonly call: (...inputs: never[]) => unknown
}

type T = Tensor<string>
const row = <const I extends readonly (T | QuantizedWeights)[]>(
  inputs: () => I,
  call: (...given: { -readonly [K in keyof I]: I[K] }) => unknown,
): OperationCall => ({ inputs, call: call as never })

const drawn = (seed: number, shape: Readonly<Record<string, number>>): T => normal(randomKey(seed), shape)
const whole = (numbers: readonly number[], axis: string): T =>
  tensor(numbers, { [axis]: numbers.length }, { dtype: 'i32' })
const x = (): T => drawn(1, { row: 3, width: 6 })
/** The same numbers with the rows along the last axis: what row kernels have to copy first. */
const turned = (): T => drawn(2, { width: 6, row: 3 })
const rising = (): T => tensor([1, 2, 3, 4, 5, 6], { width: 6 }) as AnyTensor as T
const weight = (): T => drawn(3, { width: 6 })
const ids = (): T => whole([2, 0, 2, 1], 'place')
const targets = (): T => whole([5, -100, 2], 'row')
const query = (): T => drawn(4, { head: 4, query: 3, width: 5 })
const key = (): T => drawn(5, { head: 2, key: 4, width: 5 })
const value = (): T => drawn(6, { head: 2, width: 5, key: 4 })
const slope = (): T => drawn(7, { head: 4 })
const filter = (): T => drawn(8, { head: 4, query: 3, key: 4 })
const fading =
  (slopes: T): Score =>
  (score, { head, query: q, key: k }) =>
    score.sub(
      capture(slopes as Tensor<'head'>)
        .at({ head })
        .mul(q.sub(k)),
    )
const stretches = (tensor: T): Stretch[] => [
  { tensor, start: 0, length: 1 },
  { tensor, start: 1, length: 3 },
]
const cosine = (slopes: T): Score => Object.assign(fading(slopes), { similarity: cosineSimilarity })
const gates = (seed: number, gate: number): T => drawn(seed, { gate, batch: 3, unit: 5 })
const state = (seed: number): T => drawn(seed, { batch: 3, unit: 5 })
const active = (): T => whole([1, 0, 1], 'batch')

const quantized = (): QuantizedWeights =>
  quantize(drawn(1, { out: 3, width: 32 }), 'width', 'int8') as AnyQuantizedWeights as QuantizedWeights

/** Every operation on tensors; those that copy where elements don't lie well, also so. */
export const operationCalls: Readonly<Record<string, OperationCall>> = {
  activate: row(
    () => [x()],
    (a) => activate(a, 'silu'),
  ),
  add: row(
    () => [x(), weight()],
    (a, b) => add(a, b),
  ),
  addInto: row(
    () => [drawn(1, { row: 2, width: 6 }), x()],
    (part, all) => addInto(part, all, 'row', 1),
  ),
  argmax: row(
    () => [turned()],
    (a) => argmax(a, 'width'),
  ),
  arrange: row(
    () => [x()],
    (a) => arrange(a, ['width', 'row']),
  ),
  arrangeLike: row(
    () => [x(), turned()],
    (a, b) => arrangeLike(a, b),
  ),
  at: row(
    () => [x()],
    (a) => at(a, 'row', 1),
  ),
  attention: row(
    () => [query(), key(), value(), slope(), slope()],
    (q, k, v, s, sink) => attention(q, k, v, { score: fading(s), sink: sink as Tensor<'head'> }),
  ),
  'attention of cosines': row(
    () => [query(), key(), value(), slope()],
    (q, k, v, s) => attention(q, k, v, { score: cosine(s) }),
  ),
  attentionRagged: row(
    () => [query(), key(), key(), slope()],
    (q, k, v, s) => attentionRagged(q, [1, 2], stretches(k), stretches(v), { score: fading(s) }),
  ),
  'attentionRagged, one by one': row(
    () => [query(), key(), value(), slope()],
    (q, k, v, s) => attentionRagged(q, [1, 2], stretches(k), stretches(v), { score: cosine(s) }),
  ),
  attentionWithStatistics: row(
    () => [query(), key(), value()],
    (q, k, v) => attentionWithStatistics(q, k, v),
  ),
  attentionFilter: row(
    () => [query(), key(), slope(), slope()],
    (q, k, s, sink) => attentionFilter(q, k, { score: cosine(s), sink: sink as Tensor<'head'> }),
  ),
  attentionScores: row(
    () => [query(), key(), slope()],
    (q, k, s) => attentionScores(q, k, { score: fading(s) }),
  ),
  filterScores: row(
    () => [filter(), slope()],
    (f, sink) => filterScores(f, sink as Tensor<'head'>),
  ),
  applyFilter: row(
    () => [filter(), drawn(9, { head: 4, query: 3, key: 4 }), slope()],
    (f, scores, gain) =>
      applyFilter(f, scores, (weight, { head }) => weight.mul(capture(gain as Tensor<'head'>).at({ head }))),
  ),
  mixValues: row(
    () => [filter(), value()],
    (f, v) => mixValues(f, v),
  ),
  binaryCrossEntropy: row(
    () => [x(), x(), rising()],
    (a, b, positiveWeight) => binaryCrossEntropy(a, b, { positiveWeight }),
  ),
  cast: row(
    () => [x()],
    (a) => cast(a, 'f16'),
  ),
  'cast to integers': row(
    () => [x()],
    (a) => cast(a, 'i32'),
  ),
  concat: row(
    () => [x(), turned()],
    (a, b) => concat([a, b], 'row'),
  ),
  'concat of integers': row(
    () => [ids(), ids()],
    (a, b) => concat([a, b], 'place'),
  ),
  contrastiveLoss: row(
    () => [drawn(1, { row: 4, column: 4 })],
    (a) => contrastiveLoss(a, 'column', { symmetric: true }),
  ),
  copy: row(
    () => [turned()],
    (a) => copy(a, 'f32', ['row', 'width']),
  ),
  crossEntropy: row(
    () => [turned(), targets(), rising()],
    (a, t, classWeights) =>
      crossEntropy(a, t, 'width', { classWeights: classWeights as never, labelSmoothing: 0.1 }),
  ),
  dot: row(
    () => [x(), drawn(1, { width: 6, out: 5 }), drawn(2, { out: 5 }), drawn(3, { row: 3, out: 5 })],
    (a, b, bias, residual) => dot(a, b, 'width', { bias, residual, activation: 'gelu', scale: 0.5 }),
  ),
  'dot without a sum': row(
    () => [x(), weight(), weight()],
    (a, b, bias) => dot(a, b, [], { bias, scale: 2, activation: 'relu' }),
  ),
  'dot, together': row(
    () => [x(), drawn(1, { width: 6, out: 5 }), drawn(2, { width: 6, out: 4 })],
    (a, b, c) => together(() => [dot(a, b, 'width'), dot(a, c, 'width')]),
  ),
  quantizedFrom: row(
    () => [],
    () => quantizedFrom('Q8_0', new Uint8Array(3 * 34), { out: 3, width: 32 }, 'width'),
  ),
  quantize: row(
    () => [drawn(1, { out: 3, width: 32, in: 2 })],
    (a) => quantize(a, 'width', 'int8'),
  ),
  dequantize: row(
    () => [quantized()],
    (w) => dequantize(w),
  ),
  dotQuantized: row(
    () => [drawn(2, { row: 3, width: 32 }), quantized(), drawn(3, { out: 3 })],
    (a, w, bias) => dotQuantized(a, w, { bias: bias as never, activation: 'relu' }),
  ),
  'dotQuantized, x turned': row(
    () => [drawn(2, { width: 32, row: 3 }), quantized(), drawn(3, { row: 3, out: 3 })],
    (a, w, residual) => dotQuantized(a, w, { residual: residual as never }),
  ),
  gatherQuantized: row(
    () => [quantized(), ids()],
    (w, i) => gatherQuantized(w, i, 'out'),
  ),
  dropout: row(
    () => [turned().rename({ row: 'a' })],
    (a) => dropout(a, 0.5, randomKey(1)),
  ),
  exp: row(
    () => [x()],
    (a) => exp(a),
  ),
  expand: row(
    () => [x()],
    (a) => expand(a, { batch: 4 }),
  ),
  gatedBy: row(
    () => [x(), x()],
    (a, b) => gatedBy(a, b, 'silu'),
  ),
  gather: row(
    () => [x(), ids()],
    (a, i) => gather(a, i, 'row'),
  ),
  gruCell: row(
    () => [gates(1, 3), gates(2, 3), state(3), active()],
    (a, b, hidden, ended) => gruCell(a, b, hidden, ended),
  ),
  gruReset: row(
    () => [gates(1, 3), gates(2, 2), state(3)],
    (a, b, hidden) => gruReset(a, b, hidden),
  ),
  gruUpdate: row(
    () => [gates(1, 3), gates(2, 2), state(3), state(4), active()],
    (a, b, fresh, hidden, ended) => gruUpdate(a, b, fresh, hidden, ended),
  ),
  lstmCell: row(
    () => [gates(1, 4), gates(2, 4), state(3), state(4), active()],
    (a, b, hidden, cell, ended) => lstmCell(a, b, { hidden, cell }, ended),
  ),
  layerNorm: row(
    () => [turned(), weight(), weight()],
    (a, w, bias) => layerNorm(a, 'width', { weight: w, bias }),
  ),
  'layerNorm over two axes': row(
    () => [drawn(1, { width: 6, batch: 2, row: 3 }), x()],
    (a, w) => layerNorm(a, ['row', 'width'], { weight: w }),
  ),
  rmsNorm: row(
    () => [x(), weight()],
    (a, w) => rmsNorm(a, 'width', { weight: w }),
  ),
  softmax: row(
    () => [turned()],
    (a) => softmax(a, 'width'),
  ),
  logSoftmax: row(
    () => [turned()],
    (a) => logSoftmax(a, 'width'),
  ),
  unitLength: row(
    () => [turned()],
    (a) => unitLength(a, 'width'),
  ),
  map: row(
    () => [x(), weight()],
    (a, b) => map((v, w) => v.mul(w).tanh(), a, b),
  ),
  max: row(
    () => [x()],
    (a) => max(a, 'row'),
  ),
  mean: row(
    () => [x()],
    (a) => mean(a, 'row'),
  ),
  sum: row(
    () => [x()],
    (a) => sum(a),
  ),
  meanSquaredError: row(
    () => [x(), x()],
    (a, b) => meanSquaredError(a, b),
  ),
  merge: row(
    () => [x()],
    (a) => merge(a, ['width', 'row'], 'all'),
  ),
  placeInto: row(
    () => [drawn(1, { row: 2, width: 6 }), x()],
    (part, all) => placeInto(part, all, 'row', 1),
  ),
  rename: row(
    () => [x()],
    (a) => rename(a, { row: 'a' }),
  ),
  rotate: row(
    () => [x(), drawn(2, { row: 3, pair: 2 }), drawn(3, { row: 3, pair: 2 })],
    (a, c, s) => rotate(a, 'width', c, s, 'half'),
  ),
  slice: row(
    () => [x()],
    (a) => slice(a, 'row', 1, 3),
  ),
  split: row(
    () => [x()],
    (a) => split(a, 'width', { head: 2, part: 3 }),
  ),
  stack: row(
    () => [x(), turned()],
    (a, b) => stack([a, b], 'part'),
  ),
  stopGradient: row(
    () => [x()],
    (a) => stopGradient(a),
  ),
}
