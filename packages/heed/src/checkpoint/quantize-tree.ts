import { mapTree, type Shape } from '../base/index.js'
import { type BlockFormat, blockFormats, blockSize, type WeightFormat } from '../kernels/index.js'
import { type FileTensor, type FileTensors, GgufTensor } from '../formats/index.js'
import { isLowRank, type Quantized, type QuantizeOptions } from '../nn/index.js'
import {
  type BlockBytes,
  isTensor,
  quantize,
  quantizedFrom,
  type QuantizedWeights,
  type Tensor,
} from '../tensor/index.js'
import { type Binding, type Bindings, BindingTable } from './binding.js'
import { rowsInHalves } from './load-tree.js'
import { isModelWeight, type ModelWeight } from './save-tree.js'

/** The format of a quantized model's tables, and whether its f32 matrices are freed. */
export interface QuantizeTreeOptions extends QuantizeOptions {
  /**
   * Of the embedding and of the output: what `int4` does to them shows most in the logits. Default: `int8`
   * for `int4`, else the same.
   */
  readonly table?: WeightFormat
}

/**
 * A model for inference with its matrices in fewer bits; see `quantize` for what each format does. Which
 * matrices, and over which axes products sum, stands in the architecture's bindings. Norms, biases and
 * positions stay as they are, and are shared with the model, and so are changes of low rank. Embeddings are
 * looked up in the quantized table.
 */
export function quantizeTree<M>(
  model: M,
  bindings: Bindings,
  format: WeightFormat,
  { table = tableFormat(format), freeing = false }: QuantizeTreeOptions = {},
): Quantized<M> {
  const leaves = new BindingTable(bindings)
  const done = new Map<Tensor, QuantizedWeights>()
  const made = (leaf: Tensor, binding: Binding): QuantizedWeights => {
    const known = done.get(leaf)
    if (known !== undefined) return known
    const own = quantized(leaf, binding, format, table)
    if (freeing) leaf.dispose()
    done.set(leaf, own)
    return own
  }
  return mapTree<M, ModelWeight>(model, isModelWeight, (weight, path) => {
    const binding = leaves.at(path)
    if (binding?.over === undefined) return weight
    if (isTensor(weight)) return made(weight, binding)
    if (!isLowRank(weight) || !isTensor(weight.base)) return weight
    return { ...weight, base: made(weight.base, binding) }
  }) as Quantized<M>
}

/** What a model's tables are rounded to, where its other matrices have this format. */
export function tableFormat(format: WeightFormat): WeightFormat {
  return format === 'int4' ? 'int8' : format
}

/** A weight rounded as its place asks for. */
export function quantized(
  weight: Tensor,
  { over, axes }: Binding,
  format: WeightFormat,
  table: WeightFormat = tableFormat(format),
): QuantizedWeights {
  return quantize(weight, over!, axes.includes('vocabulary') ? table : format)
}

/**
 * A weight as its file has it, where products take that: GGUF's blocks, f16 and bf16, whose rows are what
 * products sum over. Else undefined.
 */
export function asStored(
  stored: FileTensor,
  { axes, over, ggufPairs }: Binding,
  shape: Shape,
  format: FileTensors['format'],
): QuantizedWeights | undefined {
  const type = blockFormats.find((one) => one === stored.dtype.toUpperCase())
  const [rows, row] = axes
  if (type === undefined || over === undefined || row === undefined || row !== over.join(' '))
    return undefined
  if (stored.shape.at(-1)! % blockSize(type).weights !== 0) return undefined
  const names = [...rows!.split(' '), ...over]
  const ordered: Shape = Object.fromEntries(names.map((name) => [name, shape[name]!]))
  return quantizedFrom(type, inParts(stored, type), ordered, over, {
    rows: ggufPairs === true && format === 'gguf' ? rowsInHalves(shape) : undefined,
  })
}

/** The bytes of a weight; of a GGUF file as they are asked for, so that they aren't held twice. */
function inParts(stored: FileTensor, type: BlockFormat): Uint8Array | BlockBytes {
  if (!(stored instanceof GgufTensor)) return stored.bytes()
  const { weights, bytes } = blockSize(type)
  const numberAt = (byte: number): number => (byte / bytes) * weights
  return {
    length: stored.byteLength,
    slice: (begin: number, end: number) => stored.blocks(numberAt(begin), numberAt(end)),
  }
}
