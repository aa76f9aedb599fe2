import { DtypeError, type RandomKey, UsageError, checkKey, inWords } from '../../base/index.js'
import { planDropout } from '../../kernels/index.js'
import { arranged, isRowMajor } from '../layout.js'
import { outputOf, planKeyOf, prepare, preparedFor, runPrepared } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, isTensor, notTensor, type Tensor } from '../tensor.js'
import { arrange } from './copy.js'

export interface DropoutAttributes {
  readonly rate: number
  readonly key: RandomKey
  /** The order in which elements are counted. */
  readonly order: readonly string[]
}

/**
 * Dropout (Srivastava et al. 2014): each element is 0 with probability `rate`, else divided by 1 − rate.
 * Element i, in row-major order of the axes as `x.axes` lists them, is kept where `uniformAt(key, i) ≥ rate`.
 * So the same key gives the same choice on every target and for any number of threads. At rate 0 it is `x`
 * itself.
 *
 * Use a new key at each place and step: `randomKey(seed, 'dropout', step)`, then `foldIn(key, name)`.
 *
 * @throws UsageError if the rate is not from 0 up to, but without, 1
 * @throws DtypeError if `x` is not f32
 */
export function dropout<A extends string>(x: Tensor<A>, rate: number, key: RandomKey): Tensor<A> {
  return allOrNothing(() => {
    checkKey('dropout', key)
    if (!(typeof rate === 'number' && rate >= 0 && rate < 1)) {
      throw new UsageError({
        operation: 'dropout',
        expected: 'a rate of at least 0, below 1',
        found: inWords(rate),
        hint: 'it is the share of elements that are dropped, such as 0.1',
      })
    }
    if (!isTensor(x)) throw notTensor('dropout', x)
    if (x.dtype !== 'f32') {
      throw new DtypeError({
        operation: 'dropout',
        expected: 'an f32 tensor',
        found: x.describe(),
        hint: "convert it with cast(x, 'f32')",
      })
    }
    if (rate === 0) return x
    const attributes: DropoutAttributes = { rate, key, order: x.axes }
    if (isRowMajor(x, x.axes)) return record('dropout', [x], drop(x, attributes), attributes) as never
    const arranged = arrange(x, x.axes)
    return record('dropout', [arranged], drop(arranged, attributes), attributes) as never
  })
}

/** The gradient of dropout: the same elements dropped, the others scaled alike. */
export function dropoutGradient(gradient: Tensor, attributes: DropoutAttributes): Tensor {
  return drop(arrange(gradient, attributes.order), attributes)
}

/** @param x row-major in the order of the attributes */
function drop(x: AnyTensor, { rate, key, order }: DropoutAttributes): Tensor {
  const { device, layout } = x
  let planKey = planKeyOf(`dropout ${rate}`, [x])
  for (const name of order) planKey += ` ${layout.findIndex((axis) => axis.name === name)}`
  const shape = (): Record<string, number> =>
    Object.fromEntries(order.map((name) => [name, layout.find((axis) => axis.name === name)!.size]))
  const prepared =
    preparedFor(device, planKey) ??
    prepare(device, planKey, [arranged('f32', shape())], 4, (values) =>
      planDropout({
        input: values[0]!,
        output: values[1]!,
        count: x.elements,
        rate,
        key: [values[2]!, values[3]!],
      }),
    )
  const output = outputOf(device, prepared, 0)
  runPrepared(device, prepared, [x.address, output.address, key[0], key[1]])
  return output
}
