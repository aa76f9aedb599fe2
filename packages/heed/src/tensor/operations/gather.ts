import { StateError } from '../../base/index.js'
import type { Tensor } from '../tensor.js'

/** Rows of a table by number: the embedding look-up. */
export function gather<A extends string, V extends A, I extends string>(
  table: Tensor<A>,
  ids: Tensor<I>,
  axis: V,
): Tensor<Exclude<A, V> | I> {
  throw notYet('gather', table, ids, axis)
}

function notYet(operation: string, ..._given: unknown[]): StateError {
  return new StateError({ operation, expected: 'an operation', found: 'not yet one', hint: 'wait' })
}
