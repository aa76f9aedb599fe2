import { leavesOf, mapTree } from '../base/index.js'
import { input } from '../kernels/index.js'
import { isTensor, mapMany, type Tensor } from '../tensor/index.js'

/** The sum of two gradients of one model; both are freed. */
export function addGradients<M>(sum: M, gradient: M): M {
  const others = leavesOf<Tensor>(gradient, isTensor)
  const made = new Map<Tensor, Tensor>()
  return mapTree(sum, isTensor, (leaf: Tensor, path) => {
    if (leaf.dtype !== 'f32') return leaf
    const known = made.get(leaf)
    if (known !== undefined) return known
    const other = others.get(path)!
    const [total] = mapMany('accumulate', [input(0).add(input(1))], [leaf, other])
    made.set(leaf, total!)
    leaf.dispose()
    other.dispose()
    return total!
  })
}
