import { kindOf, mapTree, ShapeError, StateError, UsageError, checkFunction } from '../base/index.js'
import {
  type AnyTensor,
  arrangeLike,
  currentTape,
  expand,
  isTensor,
  ones,
  scope,
  type Tensor,
  tracked,
  withTape,
  zeros,
} from '../tensor/index.js'
import { GradientTape, secondOrder } from './gradient-tape.js'
import { parametersOf } from './parameters.js'

/**
 * The type of a model's gradient: the model's own type, with tensors where it has tensors. Those of integers
 * have the gradient 0. It is undefined where the model has what no gradient is taken of: numbers, strings,
 * functions, null.
 */
export type Gradient<M> = M extends AnyTensor | undefined
  ? M
  : M extends (...given: never[]) => unknown
    ? undefined
    : M extends object
      ? { readonly [K in keyof M]: Gradient<M[K]> }
      : undefined

/** A scalar loss with the gradient of each tensor of the model, as a tree of the model's own form. */
export interface ValueAndGradient<M> {
  readonly value: Tensor<never>
  readonly gradient: Gradient<M>
}

/**
 * `valueAndGrad(loss)(model, …rest)` runs the loss, and gives its value and its gradient with respect to
 * every tensor in `model`:
 *
 * - f32 tensors have their gradient, or zeros where the loss does not depend on them.
 * - Tensors of other dtypes have f32 zeros, which take no memory.
 * - What is no tensor has the gradient undefined.
 *
 * Everything else that is made on the way is freed.
 *
 * @throws ShapeError if the loss is not a scalar
 * @throws UsageError if it is no tensor, such as the promise of an asynchronous function; if nothing of the
 * model went into it; if the model has no f32 tensor
 * @throws StateError if the loss was freed; inside of another gradient, where anything that that one is taken
 * of has a part: there are no gradients of gradients
 */
export function valueAndGrad<M, R extends readonly unknown[]>(
  loss: (model: M, ...rest: R) => Tensor<never>,
): (model: M, ...rest: R) => ValueAndGradient<M> {
  checkFunction('grad', 'the loss', loss)
  return (model, ...rest) =>
    scope(() => {
      const parameters = parametersOf(model)
      if (parameters.length === 0) throw noParameters()
      if (tracked(parameters)) throw secondOrder()
      const tape = new GradientTape(parameters, currentTape())
      const value = withTape(tape, () => loss(model, ...rest))
      checkLoss(value, tape)
      const found = tape.backward(
        new Map([[value as AnyTensor, ones({}, { device: value.device }) as never as Tensor]]),
        parameters,
      )
      const byLeaf = new Map(parameters.map((parameter, i) => [parameter, gradientLike(found[i], parameter)]))
      return { value, gradient: gradientTree(model, byLeaf) }
    })
}

/** The tree of gradients; `byLeaf` has those of the f32 tensors, and gets those of the others. */
function gradientTree<M>(model: M, byLeaf: Map<Tensor, Tensor>): Gradient<M> {
  return mapTree(model, isEnd, (leaf) => {
    if (!isTensor(leaf)) return undefined
    let gradient = byLeaf.get(leaf)
    if (gradient === undefined) {
      const { shape, device } = leaf as Tensor
      byLeaf.set(leaf, (gradient = expand(zeros({}, { device }), shape) as Tensor))
    }
    return gradient
  }) as Gradient<M>
}

/** A tensor, or what is neither record nor array. */
function isEnd(value: unknown): value is unknown {
  return typeof value !== 'object' || value === null || isTensor(value)
}

function noParameters(): UsageError {
  return new UsageError({
    operation: 'grad',
    expected: 'a model with f32 tensors',
    found: 'none',
    hint: "give the weights as a tensor or a tree of tensors; cast(x, 'f32') makes f32 of others",
  })
}

function checkLoss(value: unknown, tape: GradientTape): asserts value is Tensor<never> {
  if (!isTensor(value)) {
    throw new UsageError({
      operation: 'grad',
      expected: 'a loss that returns a scalar tensor',
      found: kindOf(value),
      hint: 'return what sum(), mean() or crossEntropy() gives, from a synchronous function',
    })
  }
  if (value.freed)
    throw new StateError({
      operation: 'grad',
      expected: 'a loss in use',
      found: 'one that was freed',
      hint: 'return it from the scope that it is made in, and dispose of it afterwards',
    })
  if (value.layout.length !== 0)
    throw new ShapeError({
      operation: 'grad',
      expected: 'a scalar loss',
      found: value.describe(),
      hint: 'reduce it with sum() or mean()',
    })
  if (!tape.reaches(value))
    throw new UsageError({
      operation: 'grad',
      expected: 'a loss that is computed from the model',
      found: 'one that no f32 tensor of the model went into',
      hint:
        'compute it inside of the function, from the model that the function is given (not from one around it); ' +
        'argmax, comparisons and numbers read with item() or values() have no gradient',
    })
}

/** A gradient laid out as its parameter is; zeros where nothing depends on it. */
function gradientLike(gradient: Tensor | undefined, parameter: Tensor): Tensor {
  return gradient === undefined
    ? zeros(parameter.shape, { device: parameter.device })
    : arrangeLike(gradient, parameter)
}

/** `grad(loss)(model, …rest)`: the gradient alone. Throws what `valueAndGrad` throws. */
export function grad<M, R extends readonly unknown[]>(
  loss: (model: M, ...rest: R) => Tensor<never>,
): (model: M, ...rest: R) => Gradient<M> {
  const both = valueAndGrad(loss)
  return (model, ...rest) => scope(() => both(model, ...rest).gradient)
}
