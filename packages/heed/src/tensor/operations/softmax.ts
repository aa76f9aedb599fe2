import { planSoftmax, planSoftmaxBackward } from '../../kernels/index.js'
import { outputOf, planKeyOf, prepare, preparedFor, runPrepared } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { rowTensor, rowsLike } from './rows.js'

/** What the gradients of `softmax` and `logSoftmax` need beside the output. */
export interface SoftmaxAttributes {
  readonly axis: string
}

/**
 * exp(x) over its sum along an axis: each row is between 0 and 1, and sums to 1. −Infinity gives 0 and gets
 * gradient 0. A row of −Infinity alone gives zeros. Rows that lie adjacent in memory are read in place; those
 * of another axis are copied first.
 *
 * @throws ShapeError if the tensor lacks the axis
 * @throws DtypeError if it is not f32
 */
export function softmax<A extends string>(x: Tensor<A>, axis: NoInfer<A>): Tensor<A> {
  return allOrNothing(() => {
    return normalizeExponentials('softmax', x, axis) as never
  })
}

/**
 * The logarithm of `softmax`, x − ln Σ exp x along an axis, without its underflow. A row of −Infinity alone
 * stays so. Gradient: the row `logSoftmax` of the table.
 *
 * @throws ShapeError if the tensor lacks the axis
 * @throws DtypeError if it is not f32
 */
export function logSoftmax<A extends string>(x: Tensor<A>, axis: NoInfer<A>): Tensor<A> {
  return allOrNothing(() => {
    return normalizeExponentials('logSoftmax', x, axis) as never
  })
}

type SoftmaxOperation = 'softmax' | 'logSoftmax'

function normalizeExponentials(operation: SoftmaxOperation, x: AnyTensor, axis: string): Tensor {
  const source = rowTensor(operation, x, axis)
  const { device, address } = source.tensor
  const key = planKeyOf(`${operation} ${axis}`, [source.tensor])
  const prepared =
    preparedFor(device, key) ??
    prepare(device, key, [rowsLike(source)], 2, (values) =>
      planSoftmax({
        logarithm: operation === 'logSoftmax',
        rows: source.rows,
        width: source.width,
        x: { address: values[0]!, stride: source.stride },
        output: { address: values[1]!, stride: source.width },
      }),
    )
  const output = outputOf(device, prepared, 0)
  runPrepared(device, prepared, [address, output.address])
  source.release()
  return record(operation, [source.tensor], output, { axis } satisfies SoftmaxAttributes)
}

/** The gradient of x from that of (log) softmax. Not recorded: for gradients. */
export function softmaxGradient(
  operation: SoftmaxOperation,
  output: AnyTensor,
  gradient: AnyTensor,
  { axis }: SoftmaxAttributes,
): Tensor {
  const source = rowTensor(operation, output, axis)
  const upstream = rowTensor(operation, gradient, axis, source.order)
  const { device } = output
  const key = planKeyOf(`${operation}Backward ${axis}`, [source.tensor, upstream.tensor])
  const prepared =
    preparedFor(device, key) ??
    prepare(device, key, [rowsLike(source)], 3, (values) =>
      planSoftmaxBackward({
        logarithm: operation === 'logSoftmax',
        rows: source.rows,
        width: source.width,
        output: { address: values[0]!, stride: source.stride },
        gradient: { address: values[1]!, stride: upstream.stride },
        xGradient: { address: values[2]!, stride: source.width },
      }),
    )
  const result = outputOf(device, prepared, 0)
  runPrepared(device, prepared, [source.tensor.address, upstream.tensor.address, result.address])
  source.release()
  upstream.release()
  return result
}
