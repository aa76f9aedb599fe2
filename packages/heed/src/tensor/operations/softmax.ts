import { planSoftmax, planSoftmaxBackward } from '../../kernels/index.js'
import { execute } from '../execute.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { emptyRows, rowTensor } from './rows.js'

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
  const output = emptyRows(x, source)
  execute(x.device, () =>
    planSoftmax({
      logarithm: operation === 'logSoftmax',
      rows: source.rows,
      width: source.width,
      x: source.operand,
      output: output.operand,
    }),
  )
  source.release()
  return record(operation, [source.tensor], output.tensor, { axis } satisfies SoftmaxAttributes)
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
  const result = emptyRows(output, source)
  execute(output.device, () =>
    planSoftmaxBackward({
      logarithm: operation === 'logSoftmax',
      rows: source.rows,
      width: source.width,
      output: source.operand,
      gradient: upstream.operand,
      xGradient: result.operand,
    }),
  )
  source.release()
  upstream.release()
  return result.tensor
}
