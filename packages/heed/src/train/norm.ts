import { input, parameter } from '../kernels/index.js'
import { reduceExpression, type Scalar, type Tensor } from '../tensor/index.js'

/** Squares whose sum lies between these were neither lost below the floats nor came near their end. */
const [least, most] = [2 ** -60, 2 ** 126]

/**
 * The L2 norm of an elementwise function of tensors, all elements together, on the host. Right from the least
 * float to the largest: where the sum of squares may have overflowed or underflowed it is taken again of
 * elements that a power of two brings near 1. NaN where an element is, else infinite where one is; 0 of
 * nothing.
 *
 * @param value of the elements of `tensors`, `input(0)`, `input(1)` …
 * @param parameters the numbers that its `parameter(i)` stand for
 */
export function normOf(
  tensors: readonly Tensor[],
  value: Scalar = input(0),
  parameters: readonly number[] = [],
): () => number {
  const squares = total('sum', tensors, value.mul(value), parameters)
  return () => {
    const sum = squares()
    if (sum >= least && sum <= most) return Math.sqrt(sum)
    if (tensors[0]!.elements === 0) return 0
    const largest = total('max', tensors, value.abs(), parameters)()
    if (largest === 0 || !Number.isFinite(largest)) return largest
    const exponent = Math.max(-126, Math.floor(Math.log2(largest)))
    const scaled = value.mul(parameter(parameters.length))
    const near = total('sum', tensors, scaled.mul(scaled), [...parameters, 2 ** -exponent])()
    return Math.sqrt(near) * 2 ** exponent
  }
}

/**
 * Computed at once; read, and freed, when it is asked for: several reductions need not wait for each other.
 */
function total(
  kind: 'sum' | 'max',
  tensors: readonly Tensor[],
  value: Scalar,
  parameters: readonly number[],
): () => number {
  const axes = tensors[0]!.layout.map(({ name }) => name)
  const result = reduceExpression(kind, value, tensors, axes, parameters)
  return () => {
    const number = result.item()
    result.dispose()
    return number
  }
}
