import { type Gradient, valueAndGrad } from '../autograd/index.js'
import { leavesOf, mapTree } from '../base/index.js'
import { input, parameter } from '../kernels/index.js'
import { dispose, isTensor, mapMany, scope, type Tensor } from '../tensor/index.js'
import type { Data } from './data.js'
import { Means, measure, type Measured } from './metrics.js'
import type { Loss, LossContext } from './options.js'
import { zerosLike } from './optimizer.js'

/** The gradient of one step over several batches. */
export interface StepGradient<M> {
  /** A sum; times `scale` it is the gradient of the mean over all that counts in the batches. */
  readonly gradient: Gradient<M>
  readonly scale: number
  readonly means: Means
}

/** Which batches a step takes. */
export interface StepBatches<B> {
  readonly data: Data<B>
  /** The number of the first. */
  readonly first: number
  readonly count: number
  readonly contextOf: (batch: number) => LossContext
}

/**
 * The gradient of the mean loss over several batches, each weighing what it counts, so that it does not
 * matter how they are cut. Weights are taken relative to the first batch's: sums stay in the range of f32,
 * and batches that weigh the same are just added.
 */
export function accumulateGradients<M, B>(
  loss: Loss<M, B>,
  model: M,
  { data, first, count, contextOf }: StepBatches<B>,
): StepGradient<M> {
  const means = new Means()
  let sum: { readonly gradient: Gradient<M>; readonly weight: number } | undefined
  for (let i = 0; i < count; i++) {
    scope(() => {
      const batch = data.batch(first + i)
      let measured: Measured | undefined
      const both = valueAndGrad((own: M) => {
        measured = measure(loss(own, batch, contextOf(i)), data, batch, first + i)
        return measured.loss
      })
      const { value, gradient } = both(model)
      const { weight } = measured!
      means.add(measured!, value.item())
      if (weight === 0) return dispose(gradient)
      sum =
        sum === undefined
          ? { gradient, weight }
          : { gradient: addGradients(model, sum.gradient, gradient, weight / sum.weight), weight: sum.weight }
      return sum.gradient
    })
  }
  const gradient =
    sum?.gradient ??
    // Nothing counted: there is no change, whatever the losses were.
    (mapTree(model, isTensor, (leaf: Tensor) =>
      leaf.dtype === 'f32' ? zerosLike(leaf) : leaf,
    ) as Gradient<M>)
  return { gradient, scale: sum === undefined ? 0 : sum.weight / means.weight, means }
}

/** sum + factor × gradient, of two gradients of one model; both are freed. */
export function addGradients<M>(
  model: M,
  sum: Gradient<M>,
  gradient: Gradient<M>,
  factor: number = 1,
): Gradient<M> {
  const weights = leavesOf<Tensor>(model, isTensor)
  const others = leavesOf<Tensor>(gradient, isTensor)
  const made = new Map<Tensor, Tensor>()
  return mapTree(sum, isTensor, (leaf: Tensor, path) => {
    const known = made.get(leaf)
    if (known !== undefined) return known
    const other = others.get(path)!
    // The gradients of integers are zeros, and stay so.
    const total =
      weights.get(path)!.dtype === 'f32' ? mapMany('accumulate', [added], [leaf, other], [factor])[0]! : leaf
    made.set(leaf, total)
    if (total !== leaf) leaf.dispose()
    other.dispose()
    return total
  })
}

const added = input(0).add(parameter(0).mul(input(1)))
