import { leavesOf } from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'

/** The tensors of a tree that have gradients, each once. */
export function parametersOf(tree: unknown): Tensor[] {
  return [...new Set(leavesOf<Tensor>(tree, isTensor).values())].filter(({ dtype }) => dtype === 'f32')
}
