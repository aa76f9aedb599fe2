import { mapTree, leavesOf, ShapeError, StateError, UsageError } from '../base/index.js'
import {
  type AnyTensor,
  arrangeLike,
  isTensor,
  ones,
  record,
  scope,
  type Tensor,
  tracked,
  withTape,
  zeros,
} from '../tensor/index.js'
import { GradientTape } from './gradient-tape.js'
import { gradients } from './table.js'

const parametersOf = (tree: unknown): Tensor[] =>
  [...new Set(leavesOf<Tensor>(tree, isTensor).values())].filter(({ dtype }) => dtype === 'f32')

/** A scalar loss with the gradient of each f32 tensor of the model, as a tree of the model's own type. */
export interface ValueAndGradient<M> {
  readonly value: Tensor<never>
  readonly gradient: M
}

/**
 * `valueAndGrad(loss)(model, …rest)` runs the loss and gives it with its gradient with respect to every f32 tensor in `model`
 * (zeros where the loss does not depend on one; other dtypes come back as they are). Everything else made on the way is freed.
 *
 * @throws ShapeError if the loss is not a scalar
 * @throws UsageError if it is no tensor, such as the promise of an asynchronous function
 * @throws StateError inside of another gradient that the model has a part in: there are no gradients of gradients
 */
export function valueAndGrad<M, R extends readonly unknown[]>(
  loss: (model: M, ...rest: R) => Tensor<never>,
): (model: M, ...rest: R) => ValueAndGradient<M> {
  return (model, ...rest) =>
    scope(() => {
      const parameters = parametersOf(model)
      if (tracked(parameters)) throw secondOrder()
      const tape = new GradientTape(parameters)
      const value = withTape(tape, () => loss(model, ...rest))
      refuseOther(value)
      if (value.layout.length !== 0) {
        throw new ShapeError({
          operation: 'grad',
          expected: 'a scalar loss',
          found: value.describe(),
          hint: 'reduce it with sum() or mean()',
        })
      }
      const found = tape.backward(
        new Map([[value as AnyTensor, ones({}, { device: value.device }) as never as Tensor]]),
        parameters,
      )
      const byParameter = new Map(
        parameters.map((parameter, i) => [parameter, gradientLike(found[i], parameter)]),
      )
      return { value, gradient: mapTree(model, isTensor, (leaf: Tensor) => byParameter.get(leaf) ?? leaf) }
    })
}

function secondOrder(): StateError {
  return new StateError({
    operation: 'grad',
    expected: 'a model that no other gradient is taken of',
    found: 'a gradient inside of a gradient',
    hint: 'take it outside of the loss; a gradient of a gradient cannot be had',
  })
}

function refuseOther(value: unknown): void {
  if (isTensor(value)) return
  if (value instanceof Promise) value.catch(() => {}) // it is given up
  throw new UsageError({
    operation: 'grad',
    expected: 'a loss that returns a scalar tensor',
    found: value instanceof Promise ? 'a promise' : value === null ? 'null' : typeof value,
    hint: 'return what sum(), mean() or crossEntropy() gives, from a synchronous function',
  })
}

/** A gradient laid out as its parameter is; zeros where nothing depends on it. */
function gradientLike(gradient: Tensor | undefined, parameter: Tensor): Tensor {
  return gradient === undefined
    ? zeros(parameter.shape, { device: parameter.device })
    : arrangeLike(gradient, parameter)
}

/** `grad(loss)(model, …rest)`: the gradient alone. */
export function grad<M, R extends readonly unknown[]>(
  loss: (model: M, ...rest: R) => Tensor<never>,
): (model: M, ...rest: R) => M {
  const both = valueAndGrad(loss)
  return (model, ...rest) => scope(() => both(model, ...rest).gradient)
}

interface Checkpointed {
  readonly run: () => Tensor
  readonly inputs: readonly Tensor[]
}

/**
 * Rematerialization: `checkpoint(block)(model, x)` gives what `block(model, x)` gives, but keeps nothing of its inside
 * for the gradient; the block runs again when the gradient is taken. Memory for time (Chen et al. 2016, "Training Deep Nets with
 * Sublinear Memory Cost"). Everything that wants a gradient must be in the arguments.
 */
export function checkpoint<R extends readonly unknown[], A extends string>(
  block: (...inputs: R) => Tensor<A>,
): (...inputs: R) => Tensor<A> {
  return (...inputs) => {
    const tensors = parametersOf(inputs)
    if (!tracked(tensors)) return block(...inputs)
    const output = withTape(undefined, () => scope(() => block(...inputs)))
    const attributes: Checkpointed = { run: () => block(...inputs) as unknown as Tensor, inputs: tensors }
    return record('checkpoint', tensors, output, attributes)
  }
}

gradients.checkpoint = (entry, gradient) => {
  const { run, inputs } = entry.attributes as Checkpointed
  const tape = new GradientTape(inputs)
  const output = withTape(tape, run)
  return tape.backward(new Map([[output as AnyTensor, gradient]]), inputs)
}
