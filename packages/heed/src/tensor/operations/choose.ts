import { type Dtype, DtypeError, inWords, ShapeError } from '../../base/index.js'
import { planArgmax } from '../../kernels/index.js'
import { allOrNothing } from '../scope.js'
import { withTape } from '../tape.js'
import { arranged } from '../layout.js'
import { outputOf, planKeyOf, prepare, preparedFor, runPrepared } from '../prepared.js'
import { axisOf, isTensor, notTensor, type Tensor } from '../tensor.js'
import { arrange, copy, isFloat } from './copy.js'

/**
 * The same numbers stored as another dtype; `x` itself where it has it already. To f16 and bf16 numbers are
 * rounded to nearest even, to integers they are cut off towards 0. Between floats the gradient passes
 * unchanged; an integer has none.
 *
 * @throws DtypeError for a number that the dtype does not hold: NaN, an infinity or 3e9 as i32, 300 as u8,
 * 1e5 as f16
 */
export function cast<A extends string>(x: Tensor<A>, dtype: Dtype): Tensor<A> {
  if (typeof dtype !== 'string')
    throw new DtypeError({
      operation: 'cast',
      expected: 'a dtype',
      found: inWords(dtype),
      hint: "name it: cast(x, 'f32')",
    })
  if ((x as { readonly dtype?: Dtype } | undefined)?.dtype === dtype) return x
  if (!isTensor(x)) throw notTensor('cast', x)
  const differentiable = isFloat(x.dtype) && isFloat(dtype)
  return (differentiable ? copy(x, dtype) : withTape(undefined, () => copy(x, dtype))) as never
}

/**
 * The position of the largest element along an axis, as i32; of equals the first; that of the first NaN where
 * there is one. It has no gradient.
 *
 * @throws ShapeError if the axis is missing or empty
 * @throws DtypeError if `x` is not f32
 */
export function argmax<A extends string, F extends A>(x: Tensor<A>, axis: F): Tensor<Exclude<A, F>> {
  return allOrNothing(() => {
    const { size } = axisOf('argmax', x, axis)
    if (size === 0) {
      throw new ShapeError({
        operation: 'argmax',
        axis,
        expected: 'at least one position',
        found: '0',
        hint: 'an empty axis has no largest element',
      })
    }
    if (x.dtype !== 'f32') {
      throw new DtypeError({
        operation: 'argmax',
        expected: 'an f32 tensor',
        found: x.describe(),
        hint: "convert it with cast(x, 'f32')",
      })
    }
    const kept = x.axes.filter((name) => name !== axis)
    const rows = withTape(undefined, () => arrange(x, [...kept, axis]))
    const key = planKeyOf(`argmax ${axis}`, [x])
    const prepared =
      preparedFor(x.device, key) ??
      prepare(
        x.device,
        key,
        [arranged('i32', Object.fromEntries(kept.map((name) => [name, x.size(name)])))],
        2,
        (values) =>
          planArgmax({ input: values[0]!, rows: x.elements / size, width: size, output: values[1]! }),
      )
    const output = outputOf(x.device, prepared, 0)
    runPrepared(x.device, prepared, [rows.address, output.address])
    rows.dispose()
    return output as never
  })
}
