import { FormatError, mapTree } from '../base/index.js'
import type { SafetensorsTensor } from '../formats/index.js'
import { emptyArranged, isTensor, physicalOrder, type Tensor, tensor, writeInto } from '../tensor/index.js'

/**
 * A tree like `template` with the numbers of a file: the same paths, axes and places in memory, so that what
 * is computed with it is the same to the last bit. Tied tensors stay tied. The template's own tensors are
 * left alone.
 *
 * @throws FormatError where a path is missing in either, or a size or dtype differs
 */
export function fillTree<M>(template: M, stored: ReadonlyMap<string, SafetensorsTensor>, file: string): M {
  const made = new Map<Tensor, Tensor>()
  const used = new Set<string>()
  const refuse = (expected: string, found: string): never => {
    for (const one of made.values()) one.dispose()
    throw new FormatError({
      operation: 'restoreCheckpoint',
      expected,
      found,
      hint: 'the checkpoint belongs to another model or optimizer; make them with its configuration',
      file,
    })
  }
  const filled = mapTree(template, isTensor, (leaf: Tensor, path) => {
    const known = made.get(leaf)
    if (known !== undefined) return known
    const found = stored.get(path)
    if (found === undefined) return refuse(`a tensor '${path}'`, 'none')
    used.add(path)
    const sizes = leaf.layout.map(({ size }) => size)
    if (found.shape.join() !== sizes.join())
      return refuse(`'${path}' of sizes [${sizes.join(', ')}]`, `[${found.shape.join(', ')}]`)
    const dtype = leaf.dtype === 'f32' && leaf.device.floatBytes === 8 ? 'f64' : leaf.dtype
    if (found.dtype !== dtype) return refuse(`'${path}' in ${dtype}`, found.dtype)
    const filledLeaf = likeWith(leaf, found.data as ArrayLike<number>)
    made.set(leaf, filledLeaf)
    return filledLeaf
  })
  for (const path of stored.keys()) if (!used.has(path)) refuse('no further tensor', `'${path}'`)
  return filled
}

/** A tensor with the axes of another, arranged in memory as results of `mapMany` over it are. */
function likeWith(leaf: Tensor, numbers: ArrayLike<number>): Tensor {
  const { device, dtype, shape } = leaf
  const order = physicalOrder(leaf)
  const result = emptyArranged(device, dtype, shape, order)
  const long = (names: readonly string[]): string => names.filter((name) => leaf.size(name) !== 1).join()
  if (long(order) === long(leaf.axes)) {
    writeInto(result, numbers)
  } else {
    const rowMajor = tensor(numbers, shape, { device, dtype })
    writeInto(result, rowMajor.values(order))
    rowMajor.dispose()
  }
  return result
}
