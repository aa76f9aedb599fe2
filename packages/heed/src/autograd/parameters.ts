import { leavesOf } from '../base/index.js'
import { isQuantizedWeights, isTensor, type QuantizedWeights, type Tensor } from '../tensor/index.js'

const isLeaf = (value: unknown): value is Tensor | QuantizedWeights =>
  isTensor(value) || isQuantizedWeights(value)

/** The tensors of a tree that have gradients, each once. Quantized weights have none. */
export function parametersOf(tree: unknown): Tensor[] {
  const leaves = [...new Set(leavesOf(tree, isLeaf).values())]
  return leaves.filter((leaf) => isTensor(leaf)).filter(({ dtype }) => dtype === 'f32')
}
