import { float, input } from '../../kernels/index.js'
import { allOrNothing } from '../scope.js'
import { record, withTape } from '../tape.js'
import { type AnyTensor, hasAxis, type Tensor } from '../tensor.js'
import { contract, contractGradient } from './contraction.js'
import { mapMany } from './elementwise.js'
import { reduceExpression } from './reduction.js'

// The products of attention's plain path. What is masked has weight 0, and can't be seen, whatever it holds:
// a weight of 0 takes nothing of a value that is NaN or infinite. Finite numbers go through the products that
// everybody uses.

/**
 * Σ over an axis of weights × values, where a weight of 0 takes nothing, whatever the value holds.
 *
 * @throws ShapeError where sizes disagree
 */
export function weightedSum(weights: Tensor, values: Tensor, over: string): Tensor {
  return allOrNothing(() => {
    const result = withTape(undefined, () =>
      allFinite(values) ? contract(weights, values, [over]) : carefully(weights, values, [over]),
    )
    return record('weightedSum', [weights, values], result)
  })
}

/**
 * q·k, the sum over an axis: a product like any other, but for its gradient, where a gradient of 0 takes
 * nothing of query or key, as that of a masked score does.
 *
 * @throws ShapeError where sizes disagree
 */
export function maskedProducts(query: Tensor, key: Tensor, over: string): Tensor {
  return allOrNothing(() => {
    const result = withTape(undefined, () => contract(query, key, [over]))
    return record('maskedProducts', [query, key], result)
  })
}

/** The gradients of weights and values. Not recorded: for gradients. */
export function weightedSumGradients(
  weights: AnyTensor,
  values: AnyTensor,
  gradient: Tensor,
  wanted: (input: AnyTensor) => boolean,
): (Tensor | undefined)[] {
  return [
    wanted(weights) ? weightsGradient(weights, values, gradient) : undefined,
    wanted(values) ? productGradient(gradient, weights, values, weights) : undefined,
  ]
}

/** The gradients of query and key. Not recorded: for gradients. */
export function maskedProductsGradients(
  query: AnyTensor,
  key: AnyTensor,
  gradient: Tensor,
  wanted: (input: AnyTensor) => boolean,
): (Tensor | undefined)[] {
  return [
    wanted(query) ? productGradient(gradient, key, query, gradient) : undefined,
    wanted(key) ? productGradient(gradient, query, key, gradient) : undefined,
  ]
}

/** Of a weight of 0 the gradient is 0 where the value, or what it gave, is not finite. */
function weightsGradient(weights: AnyTensor, values: AnyTensor, gradient: Tensor): Tensor {
  const plain = contractGradient(gradient, values, weights)
  if (allFinite(plain)) return plain
  const [weight, found] = [input(0), input(1)]
  const kept = weight.ne(0).or(found.abs().lt(Infinity)).select(found, float(0))
  const [result] = mapMany('weightedSum', [kept], [weights, plain])
  plain.dispose()
  return result!
}

/**
 * The gradient of `own`: gradient × other, summed over the axes that it lacks; one of both are the weights.
 */
function productGradient(gradient: Tensor, other: AnyTensor, own: AnyTensor, weights: AnyTensor): Tensor {
  const values = weights === gradient ? other : gradient
  if (allFinite(values)) return contractGradient(gradient, other, own)
  const over = [...gradient.layout, ...other.layout]
    .map(({ name }) => name)
    .filter((name) => !hasAxis(own, name))
  return carefully(weights, values, [...new Set(over)])
}

function carefully(weights: AnyTensor, values: AnyTensor, over: readonly string[]): Tensor {
  const product = input(0)
    .ne(0)
    .select(input(0).mul(input(1)), float(0))
  return reduceExpression('sum', product, [weights, values], over)
}

/** Whether no element is NaN or infinite. */
function allFinite(x: AnyTensor): boolean {
  const spoiled = input(0).abs().lt(Infinity).select(float(0), float(1))
  const names = x.layout.map(({ name }) => name)
  const count = reduceExpression('sum', spoiled, [x], names)
  const none = count.item() === 0
  count.dispose()
  return none
}
