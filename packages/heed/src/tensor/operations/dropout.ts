import { StateError, type RandomKey } from '../../base/index.js'
import type { Tensor } from '../tensor.js'

/** Zeros in place of a share `rate` of the elements, the others divided by 1 − rate. */
export function dropout<A extends string>(x: Tensor<A>, rate: number, key: RandomKey): Tensor<A> {
  throw notYet('dropout', x, rate, key)
}

function notYet(operation: string, ..._given: unknown[]): StateError {
  return new StateError({ operation, expected: 'an operation', found: 'not yet one', hint: 'wait' })
}
