import { activations, float, input } from '../../kernels/index.js'
import { allOrNothing } from '../scope.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { mapExpression, type Scalar } from './elementwise.js'
import { at } from './movement.js'

/**
 * What a GRU's new gate sees of the previous state where the reset gate comes before the projection (Cho et
 * al. 2014, equation 8): reset × hidden, elementwise and in one pass.
 *
 * @param input the gates' shares of the input, `gate` of size 3 (reset, update, new)
 * @param recurrent the shares of the previous state, `gate` of size 2 (reset, update)
 * @throws ShapeError if axes or sizes do not fit
 */
export function gruReset<A extends string>(
  input: Tensor<A | 'gate'>,
  recurrent: Tensor<A | 'gate'>,
  hidden: Tensor<A>,
): Tensor<A> {
  return allOrNothing(() => {
    return mapExpression('gruReset', (reset ??= traceReset()), [
      gateOf(input, 0),
      gateOf(recurrent, 0),
      hidden,
    ]) as never
  })
}

/**
 * The second half of a GRU's step whose reset gate comes before the projection; `gruReset` is the first. It
 * gives (1 − update) tanh(input + fresh) + update × hidden. This is equation 7 of Cho et al. 2014, with the
 * roles of update and 1 − update as PyTorch, cuDNN and ONNX have them.
 *
 * @param fresh the projection of what `gruReset` gave
 * @param active i32 or f32, any of the axes of the state: where it is 0, the sequence has ended and keeps its
 * state
 * @throws ShapeError if axes or sizes do not fit
 */
export function gruUpdate<A extends string, S extends A = never>(
  input: Tensor<A | 'gate'>,
  recurrent: Tensor<A | 'gate'>,
  fresh: Tensor<A>,
  hidden: Tensor<A>,
  active?: Tensor<S>,
): Tensor<A> {
  return allOrNothing(() => {
    const given = [gateOf(input, 1), gateOf(recurrent, 1), gateOf(input, 2), fresh, hidden]
    const result =
      active === undefined
        ? mapExpression('gruUpdate', (endless ??= traceUpdate(false)), given)
        : mapExpression('gruUpdate', (ending ??= traceUpdate(true)), [...given, active])
    return result as never
  })
}

// Traced when first asked for.
let reset: Scalar | undefined
let endless: Scalar | undefined
let ending: Scalar | undefined

function traceReset(): Scalar {
  return activations.sigmoid(input(0).add(input(1))).mul(input(2))
}

function traceUpdate(mayEnd: boolean): Scalar {
  const update = activations.sigmoid(input(0).add(input(1)))
  const fresh = input(2).add(input(3)).tanh()
  const previous = input(4)
  const hidden = float(1).sub(update).mul(fresh).add(update.mul(previous))
  return mayEnd ? input(5).ne(0).select(hidden, previous) : hidden
}

function gateOf(shares: AnyTensor, gate: number): AnyTensor {
  return at(shares as Tensor<'gate'>, 'gate', gate)
}
