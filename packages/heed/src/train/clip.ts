import { leavesOf, mapTree } from '../base/index.js'
import { input } from '../kernels/index.js'
import { isTensor, mul, reduceExpression, scope, type Tensor } from '../tensor/index.js'

/**
 * The L2 norm over all f32 tensors of a tree together, on the host: one pass over each tensor. Not finite if any element is not
 * (or where the sum of squares leaves the range of f32). A tensor at several paths counts once.
 */
export function globalNorm(tree: unknown): number {
  return scope(() => {
    const tensors = [...new Set(leavesOf<Tensor>(tree, isTensor).values())].filter(
      ({ dtype }) => dtype === 'f32',
    )
    // All reductions first, then the reads: sums of squares of single tensors, added in f64.
    const squares = tensors.map((tensor) =>
      reduceExpression(
        'sum',
        input(0).mul(input(0)),
        [tensor],
        tensor.layout.map(({ name }) => name),
      ),
    )
    return Math.sqrt(squares.reduce((total, square) => total + square.item(), 0))
  })
}

/** What the gradients are multiplied by so that their norm is at most `maximum`: min(1, maximum / (norm + 1e-6)) (Pascanu et al. 2013). */
export function clipFactor(norm: number, maximum: number): number {
  return Math.min(1, maximum / (norm + 1e-6))
}

/** The gradient scaled so that its global norm is at most `maximum`, with the norm before. (Trainer fuses the factor into the optimizer's pass.) */
export function clipByGlobalNorm<M>(gradient: M, maximum: number): { gradient: M; norm: number } {
  const norm = globalNorm(gradient)
  const factor = clipFactor(norm, maximum)
  const clipped = new Map<Tensor, Tensor>()
  return {
    norm,
    gradient: mapTree(gradient, isTensor, (leaf: Tensor) => {
      if (leaf.dtype !== 'f32') return leaf
      let scaled = clipped.get(leaf)
      if (scaled === undefined) clipped.set(leaf, (scaled = mul(leaf, factor)))
      return scaled
    }),
  }
}
