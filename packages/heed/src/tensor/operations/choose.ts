import { StateError, type Dtype } from '../../base/index.js'
import type { Tensor } from '../tensor.js'

/** The same numbers stored as another dtype. */
export function cast<A extends string>(x: Tensor<A>, dtype: Dtype): Tensor<A> {
  throw notYet('cast', x, dtype)
}

/** The position of the largest element along an axis, as i32. */
export function argmax<A extends string, F extends A>(x: Tensor<A>, axis: F): Tensor<Exclude<A, F>> {
  throw notYet('argmax', x, axis)
}

function notYet(operation: string, ..._given: unknown[]): StateError {
  return new StateError({ operation, expected: 'an operation', found: 'not yet one', hint: 'wait' })
}
