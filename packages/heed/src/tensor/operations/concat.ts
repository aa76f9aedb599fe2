import { StateError } from '../../base/index.js'
import type { Tensor } from '../tensor.js'

/** Several tensors one after the other along an axis that they have. */
export function concat<A extends string>(tensors: readonly Tensor<A>[], axis: NoInfer<A>): Tensor<A> {
  throw notYet('concat', tensors, axis)
}

/** Several tensors of one shape side by side along a new axis, which comes first. */
export function stack<A extends string, N extends string>(
  tensors: readonly Tensor<A>[],
  axis: N,
): Tensor<A | N> {
  throw notYet('stack', tensors, axis)
}

function notYet(operation: string, ..._given: unknown[]): StateError {
  return new StateError({ operation, expected: 'an operation', found: 'not yet one', hint: 'wait' })
}
