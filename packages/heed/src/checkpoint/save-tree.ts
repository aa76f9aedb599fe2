/** A tree of weights as the tensors of a checkpoint, by an architecture's bindings. */
import { f32ArrayToBf16, f32ArrayToF16, leavesOf, type Shape, StateError } from '../base/index.js'
import type { StoredTensor } from '../formats/index.js'
import { isLowRank, type LowRank, plainWeight } from '../nn/index.js'
import { isTensor, QuantizedWeights, type Tensor } from '../tensor/index.js'
import { type Binding, type Bindings, BindingTable } from './binding.js'
import {
  DescribedTensor,
  fileShape,
  isWanted,
  placeOfPart,
  turnedRows,
  type WantedLeaf,
} from './load-tree.js'
import type { WeightDtype } from './weights.js'

/** A leaf of a model that runs: as it is trained, or quantized. */
export type ModelLeaf = Tensor | QuantizedWeights

export const isModelLeaf = (value: unknown): value is ModelLeaf =>
  isTensor(value) || value instanceof QuantizedWeights

/** A weight of a model as a whole: a leaf, or three of them where it has a change of low rank. */
export type ModelWeight = ModelLeaf | LowRank

export const isModelWeight = (value: unknown): value is ModelWeight => isModelLeaf(value) || isLowRank(value)

/** The sizes of a weight, with a change of low rank or without. */
export function shapeOfWeight(weight: ModelWeight): Shape {
  return isLowRank(weight) ? weight.base.shape : weight.shape
}

/** A tensor that is to be written, made when it is asked for. */
export interface TreeTensor extends StoredTensor {
  /** One of the leaves that it is made of. */
  readonly binding: Binding
  /** The numbers in f32, row-major. */
  toFloat32(): Float32Array
}

/** How a tree is written. */
export interface TreeTensorOptions {
  /** Whose names and layout: the hub's (default), or GGUF's. */
  readonly format?: 'safetensors' | 'gguf' | undefined
  /** What the numbers are stored as; default f32. */
  readonly dtype?: WeightDtype | undefined
  /** Reads the leaf at a path, where the tree only describes its leaves; it is freed once it is written. */
  readonly read?: ((path: string) => Tensor) | undefined
}

/**
 * The tensors of a checkpoint that a tree is written as, in the tree's order. A leaf that stands at several
 * paths is written once. Quantized weights, and those with a change of low rank, are written as what they
 * stand for.
 *
 * @throws StateError for a leaf that the bindings have no place for
 */
export function treeTensors(
  model: unknown,
  bindings: Bindings,
  { format = 'safetensors', dtype = 'f32', read }: TreeTensorOptions = {},
): Map<string, TreeTensor> {
  const table = new BindingTable(bindings, format)
  const seen = new Set<unknown>()
  const leaves = new Map<string, Placed[]>()
  for (const [path, leaf] of leavesOf<ModelWeight | WantedLeaf>(model, isLeaf)) {
    if (seen.has(leaf)) continue
    seen.add(leaf)
    const binding = table.at(path)
    const name = format === 'gguf' ? binding?.gguf : binding?.file
    if (binding === undefined || name === undefined)
      throw new StateError({
        operation: 'save weights',
        expected: `a place for '${path}' in ${format}`,
        found: 'none',
        hint: 'the architecture does not say where it stands there',
      })
    leaves.set(name, [
      ...(leaves.get(name) ?? []),
      {
        shape: leaf instanceof DescribedTensor ? leaf.shape : shapeOfWeight(leaf),
        binding,
        leaf: leafOf(leaf, path, read),
      },
    ])
  }
  return new Map(
    [...leaves].map(([name, parts]) => {
      const { shape, binding } = parts[0]!
      const toFloat32 = (): Float32Array => joined(parts, format)
      return [
        name,
        {
          dtype,
          binding,
          shape: fileShape(binding, shape),
          toFloat32,
          get data() {
            const numbers = toFloat32()
            if (dtype === 'f32') return numbers
            return dtype === 'f16' ? f32ArrayToF16(numbers) : f32ArrayToBf16(numbers)
          },
        },
      ]
    }),
  )
}

/** A leaf with its place. */
interface Placed {
  readonly shape: Shape
  readonly binding: Binding
  /** The leaf itself, and whether it was made for the moment. */
  readonly leaf: () => { readonly leaf: ModelWeight; readonly isOwn: boolean }
}

const isLeaf = (value: unknown): value is ModelWeight | WantedLeaf => isModelWeight(value) || isWanted(value)

function leafOf(
  leaf: ModelWeight | WantedLeaf,
  path: string,
  read: TreeTensorOptions['read'],
): Placed['leaf'] {
  if (!(leaf instanceof DescribedTensor)) return () => ({ leaf, isOwn: false })
  if (read !== undefined) return () => ({ leaf: read(path), isOwn: true })
  throw new StateError({
    operation: 'save weights',
    expected: `a tensor at '${path}'`,
    found: 'a description of one',
    hint: 'say how it is read',
  })
}

/** The numbers of a file's tensor, out of the leaves that are its parts. */
function joined(parts: readonly Placed[], format: 'safetensors' | 'gguf'): Float32Array {
  const numbers = parts.map(({ leaf, binding, shape }) => {
    const plain = numbersOf(leaf(), binding)
    if (format === 'gguf' && binding.ggufOnePlus === true) return plain.map((one) => one + 1)
    return format === 'gguf' && binding.ggufPairs === true ? turnedRows(plain, shape, 'pairs') : plain
  })
  const { shape, binding } = parts[0]!
  if (binding.part === undefined) return numbers[0]!
  const whole = new Float32Array(fileShape(binding, shape).reduce((size, one) => size * one, 1))
  parts.forEach((own, i) => {
    placeOfPart(own.binding, own.shape, whole.length, (from, to, length) =>
      whole.set(numbers[i]!.subarray(to, to + length), from),
    )
  })
  return whole
}

function numbersOf({ leaf, isOwn }: ReturnType<Placed['leaf']>, { axes }: Binding): Float32Array {
  const names = axes.flatMap((one) => one.split(' ')).filter((one) => one !== 'part')
  const plain = plainWeight(leaf)
  const values = plain.values(names)
  if (plain !== leaf || isOwn) plain.dispose()
  return values instanceof Float32Array ? values : Float32Array.from(values)
}
