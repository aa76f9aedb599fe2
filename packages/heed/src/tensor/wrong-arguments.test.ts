import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { foldIn, HeedError, randomKey } from '../base/index.js'
import { grad } from '../autograd/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import * as heed from './index.js'

// Whatever JavaScript, or data that nobody checked, gives in the place of a number, a name, a tensor or a
// function: a typed error that says what was found, and nothing is left behind.

const device = new Device(interpreter, { maximumBytes: 2 ** 24 })
/** What the compiler would not let pass. */
const h = heed as unknown as Record<string, (...given: unknown[]) => never>
const key = randomKey(1)

const given: readonly unknown[] = [
  '3',
  '',
  '__proto__',
  NaN,
  1.5,
  -1,
  2 ** 40,
  2 ** 53,
  -Infinity,
  null,
  true,
]
const values = [...given, 3n, [1], [['row']], {}, { length: 2 }, () => 1, new Date(0), undefined]
type Taken = (value: unknown) => boolean
const none: Taken = () => false
const optional: Taken = (value) => value === undefined
const numbers: Taken = (value) => typeof value === 'number'
const of =
  (...taken: unknown[]): Taken =>
  (value) =>
    taken.includes(value)

const x = (): heed.Tensor<'row' | 'column'> => heed.tensor([1, 2, 3, 4, 5, 6], { row: 2, column: 3 })
const ids = (): heed.Tensor<'place'> => heed.tensor([0, 1], { place: 2 }, { dtype: 'i32' })
const targets = (): heed.Tensor<'row'> => heed.tensor([0, 1], { row: 2 }, { dtype: 'i32' })
const weight = (): heed.Tensor<'column'> => heed.tensor([1, 2, 3], { column: 3 })
const cross = (options: object): unknown => h.crossEntropy!(x(), targets(), 'column', options)
const one = (axis: string): heed.Tensor<string> => heed.ones({ [axis]: 1, width: 2 })
const attend = (k: unknown, options: object): unknown => h.attention!(one('query'), k, one('key'), options)
const any = (value: unknown): never => value as never

const rows: readonly (readonly [what: string, takes: Taken, call: (value: unknown) => unknown])[] = [
  ['the other of add', numbers, (v) => x().add(any(v))],
  ['the other of an integer', numbers, (v) => ids().mul(any(v))],
  ['the first of sub', none, (v) => h.sub!(v, x())],
  ['the tensor of exp', none, (v) => h.exp!(v)],
  ['the tensor of sum', none, (v) => h.sum!(v)],
  ['the tensor of softmax', none, (v) => h.softmax!(v, 'row')],
  ['the tensor of dropout', none, (v) => h.dropout!(v, 0.5, key)],
  ['the axes of sum', optional, (v) => h.sum!(x(), v)],
  ['the axes of max', optional, (v) => h.max!(x(), v)],
  ['the axis of softmax', none, (v) => h.softmax!(x(), v)],
  ['the axis of argmax', none, (v) => h.argmax!(x(), v)],
  ['the axes of layerNorm', none, (v) => h.layerNorm!(x(), v)],
  ['the axes of dot', none, (v) => h.dot!(x(), x(), v)],
  ['the axes of merge', none, (v) => x().merge(any(v), 'all')],
  ['the name of merge', of('3x'), (v) => x().merge(['row', 'column'], any(v))],
  ['the order of values', optional, (v) => x().values(any(v))],
  ['the order of copy', optional, (v) => h.copy!(x(), 'f32', v)],
  ['the axis of size', none, (v) => x().size(any(v))],
  ['the axis of slice', none, (v) => x().slice(any(v), 0, 1)],
  ['the start of slice', none, (v) => x().slice('row', any(v), 2)],
  ['the end of slice', none, (v) => x().slice('row', 0, any(v))],
  ['the position of at', none, (v) => x().at('row', any(v))],
  ['a size of split', none, (v) => x().split('column', { a: any(v), b: 1 })],
  ['the sizes of split', none, (v) => x().split('column', any(v))],
  ['a name of rename', none, (v) => x().rename({ row: any(v) })],
  [
    'the names of rename',
    (v) => typeof v === 'object' && v !== null && Object.keys(v).length === 0,
    (v) => x().rename(any(v)),
  ],
  ['a size of expand', none, (v) => h.expand!(x(), { batch: v })],
  [
    'the axes of expand',
    (v) => v instanceof Date || ['{}', '{ length: 2 }'].includes(inspect(v)),
    (v) => h.expand!(x(), v),
  ],
  ['the tensors of concat', none, (v) => h.concat!(v, 'row')],
  ['one tensor of concat', none, (v) => h.concat!([x(), v], 'row')],
  ['the first tensor of concat', none, (v) => h.concat!([v, x()], 'row')],
  ['the axis of concat', none, (v) => h.concat!([x(), x()], v)],
  ['the tensors of stack', none, (v) => h.stack!(v, 'part')],
  ['one tensor of stack', none, (v) => h.stack!([x(), v], 'part')],
  ['the axis of stack', none, (v) => h.stack!([x(), x()], v)],
  ['the table of gather', none, (v) => h.gather!(v, ids(), 'row')],
  ['the ids of gather', none, (v) => h.gather!(x(), v, 'row')],
  ['the axis of gather', none, (v) => h.gather!(x(), ids(), v)],
  ['the second of dot', none, (v) => h.dot!(x(), v, 'column')],
  ['the bias of dot', optional, (v) => h.dot!(x(), weight(), 'column', { bias: v })],
  ['the residual of dot', optional, (v) => h.dot!(x(), weight(), 'column', { residual: v })],
  [
    'the scale of dot',
    (v) => v === undefined || numbers(v),
    (v) => h.dot!(x(), weight(), 'column', { scale: v }),
  ],
  ['the activation of dot', optional, (v) => h.dot!(x(), weight(), 'column', { activation: v })],
  ['an activation', none, (v) => h.activate!(x(), v)],
  ['the activation of a gate', none, (v) => h.gatedBy!(x(), x(), v)],
  ['a size', none, (v) => heed.zeros({ a: any(v) })],
  ['the numbers of a tensor', (v) => numbers(v) || inspect(v) === '[ 1 ]', (v) => h.tensor!(v, { a: 1 })],
  ['a number of a tensor', numbers, (v) => h.tensor!([v], { a: 1 })],
  ['a number of an integer tensor', of(-1), (v) => h.tensor!([v], { a: 1 }, { dtype: 'i32' })],
  ['a dtype', optional, (v) => h.tensor!([1], { a: 1 }, { dtype: v === null ? 'null' : v })],
  ['a device', optional, (v) => h.tensor!([1], { a: 1 }, { device: v })],
  ['the device of withDevice', none, (v) => h.withDevice!(v, () => heed.zeros({ a: 1 }))],
  ['the number of full', numbers, (v) => h.full!({ a: 2 }, v)],
  ['the number of a scalar', (v) => numbers(v) || inspect(v) === '[ 1 ]', (v) => h.scalar!(v)],
  ['the size of range', none, (v) => h.range!('a', v)],
  ['a key of normal', none, (v) => h.normal!(v, { a: 2 })],
  [
    'a deviation',
    (v) => v === undefined || (numbers(v) && (v as number) >= 0),
    (v) => h.normal!(key, { a: 2 }, v),
  ],
  ['a key of uniform', none, (v) => h.uniform!(v, { a: 2 })],
  ['a lower bound', of(1.5, -1, undefined), (v) => h.uniform!(key, { a: 2 }, v, 5)],
  ['an upper bound', of(1.5, 2 ** 40, 2 ** 53, undefined), (v) => h.uniform!(key, { a: 2 }, 0, v)],
  ['a seed', of(2 ** 40), (v) => randomKey(any(v))],
  ['a name of a key', (v) => typeof v === 'string' || v === 2 ** 40, (v) => randomKey(1, any(v))],
  ['the key of foldIn', none, (v) => foldIn(any(v), 'name')],
  ['a rate', none, (v) => h.dropout!(x(), v, key)],
  ['the key of dropout', none, (v) => h.dropout!(x(), 0.5, v)],
  ['a dtype of cast', none, (v) => h.cast!(x(), v)],
  ['ignore', of(-1, undefined), (v) => cross({ ignore: v })],
  ['labelSmoothing', optional, (v) => cross({ labelSmoothing: v })],
  ['reduction', optional, (v) => cross({ reduction: v })],
  ['classWeights', optional, (v) => cross({ classWeights: v })],
  ['targets', none, (v) => h.crossEntropy!(x(), v, 'column')],
  ['logits', none, (v) => h.crossEntropy!(v, targets(), 'column')],
  [
    'positiveWeight',
    of(undefined, 1.5, 2 ** 40, 2 ** 53),
    (v) => h.binaryCrossEntropy!(x(), x(), { positiveWeight: v }),
  ],
  ['the target of a squared error', none, (v) => h.meanSquaredError!(x(), v)],
  ['epsilon', of(undefined, 1.5, 2 ** 40, 2 ** 53), (v) => h.layerNorm!(x(), 'column', { epsilon: v })],
  ['the weight of a norm', optional, (v) => h.rmsNorm!(x(), 'column', { weight: v })],
  ['a format', none, (v) => h.quantize!(x(), 'column', v)],
  ['pairs', none, (v) => h.rotate!(x(), 'column', heed.ones({ pair: 1 }), heed.ones({ pair: 1 }), v)],
  ['the function of map', none, (v) => h.map!(v, x())],
  ['a tensor of map', none, (v) => h.map!((a: heed.Scalar) => a.mul(2), v)],
  ['a number within map', numbers, (v) => heed.map((a) => a.mul(any(v)), x())],
  [
    'the scale of attention',
    (v) => v === undefined || Number.isFinite(v),
    (v) => attend(one('key'), { scale: v }),
  ],
  ['the key of attention', none, (v) => attend(v, {})],
  ['the sink of attention', optional, (v) => attend(one('key'), { sink: v })],
  ['the mask of attention', optional, (v) => attend(one('key'), { mask: v })],
  ['the work of a scope', (v) => typeof v === 'function', (v) => h.scope!(v)],
  ['a loss', none, (v) => grad(any(v))(x())],
]

test.each(rows)('%s', (_, takes, call) =>
  heed.withDevice(device, () => {
    for (const value of values) {
      const what = `${typeof value} ${String(value)}`
      heed.scope(() => {
        const before = heed.memoryUse().tensors
        let error: unknown
        try {
          heed.scope(() => void call(value))
        } catch (thrown) {
          error = thrown
        }
        if (takes(value)) expect(error, what).toBeUndefined()
        else {
          expect(error, what).toBeInstanceOf(HeedError)
          const { operation, expected, found, hint } = error as HeedError
          for (const part of [operation, expected, found, hint]) expect(part, what).toMatch(/\S/)
          if (typeof value === 'number')
            expect((error as HeedError).message.replace('number', String(value)), what).toContain(
              String(value),
            )
        }
        expect(heed.memoryUse().tensors, what).toBe(before)
      })
    }
  }),
)
