import { leavesOf, mapTree } from '../base/index.js'
import { isTensor, mul, scope, type Tensor } from '../tensor/index.js'
import { normOf } from './norm.js'
import { DivergenceError } from './training-error.js'

/**
 * The L2 norm over all f32 tensors of a tree together, on the host: one pass over each tensor, further ones
 * where its squares leave the range of f32. Not finite if any element is not. A tensor at several paths
 * counts once.
 */
export function globalNorm(tree: unknown): number {
  return scope(() => {
    const tensors = [...new Set(leavesOf<Tensor>(tree, isTensor).values())].filter(
      ({ dtype }) => dtype === 'f32',
    )
    // All reductions first, then the reads: norms of single tensors, added in f64.
    const norms = tensors.map((tensor) => normOf([tensor]))
    return Math.sqrt(norms.reduce((total, norm) => total + norm() ** 2, 0))
  })
}

/**
 * What the gradients are multiplied by so that their norm is at most `maximum`: min(1, maximum / (norm +
 * 1e-6)) (Pascanu et al. 2013).
 *
 * @throws DivergenceError for a norm that is not finite: no factor would make such a gradient one to step
 * along
 */
export function clipFactor(norm: number, maximum: number): number {
  if (!Number.isFinite(norm))
    throw new DivergenceError({
      operation: 'clipFactor',
      expected: 'a finite gradient',
      found: `a norm of ${norm}`,
      hint: 'look at globalNorm(gradient) first, and leave out the step where it is not finite',
      step: NaN,
      loss: NaN,
      gradientNorm: norm,
    })
  return Math.min(1, maximum / (norm + 1e-6))
}

/**
 * The gradient scaled so that its global norm is at most `maximum`, with the norm before. (Trainer fuses the
 * factor into the optimizer's pass.)
 *
 * @throws DivergenceError for a norm that is not finite: nothing is zeroed or spoilt in silence
 */
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
