import type { AttentionSizes, CapturePlace, Place } from '../../kernels/index.js'
import { physicalOrder } from '../layout.js'
import { storedBytes } from '../storage.js'
import type { AnyTensor, Axis, Tensor } from '../tensor.js'
import { type AttentionAxes, strideIn, type Walk } from './attention-axes.js'
import type { PreparedAttention } from './attention-prepared.js'
import { arrange, copy } from './copy.js'

/** What an attention ran on. */
export interface AttentionOperands {
  /** The same for operands of the same layouts, and the same score and mask. */
  readonly planKey: string
  readonly prepared: PreparedAttention
  readonly axes: AttentionAxes
  readonly way: Walk
  /** Adjacent along the width. */
  readonly query: AnyTensor
  readonly key: AnyTensor
  readonly value: AnyTensor
  /** Contiguous. */
  readonly sink: AnyTensor | undefined
  readonly captured: readonly AnyTensor[]
  readonly parameters: readonly number[]
}

export function sizesFor({ heads, kvHeads, queries, keys }: AttentionAxes, { batch }: Walk): AttentionSizes {
  return { batch, heads, kvHeads, queries, keys }
}

/** Bytes to the first element of this round of the loops. */
export function offsetAt(
  layout: readonly Axis[],
  bytes: number,
  { loops }: Walk,
  round: readonly number[],
): number {
  let offset = 0
  for (let i = 0; i < loops.length; i++) offset += round[i]! * strideIn(layout, loops[i]!.name)
  return offset * bytes
}

/** Byte address of a tensor's first element in this round of the loops. */
export function addressAt(tensor: AnyTensor, way: Walk, round: readonly number[]): number {
  return tensor.address + offsetAt(tensor.layout, storedBytes(tensor.device, tensor.dtype), way, round)
}

export function placeAt(layout: readonly Axis[], address: number, row: string, { inner }: Walk): Place {
  const last = inner[inner.length - 1]
  return {
    address,
    batch: last === undefined ? 0 : strideIn(layout, last.name),
    head: strideIn(layout, 'head'),
    row: strideIn(layout, row),
  }
}

export function placeOf(tensor: AnyTensor, row: string, way: Walk, round: readonly number[]): Place {
  return placeAt(tensor.layout, addressAt(tensor, way, round), row, way)
}

export function capturePlace(tensor: AnyTensor, order: readonly string[]): CapturePlace {
  const axes = order.map((name) => tensor.layout.find((axis) => axis.name === name)!)
  return {
    address: tensor.address,
    strides: axes.map(({ stride }) => stride),
    sizes: axes.map(({ size }) => size),
  }
}

/** Whether the numbers of one row lie one after the other. */
export function isAdjacent(tensor: AnyTensor): boolean {
  const { size, stride } = tensor.layout.find(({ name }) => name === 'width')!
  return size === 1 || stride === 1
}

/** The tensor, or a copy, of f32, whose rows the kernels can read. */
export function adjacent<T extends AnyTensor>(tensor: T): T | Tensor {
  if (isAdjacent(tensor)) return tensor
  const order = [...physicalOrder(tensor).filter((name) => name !== 'width'), 'width']
  return tensor.dtype === 'f32' ? arrange(tensor, order) : copy(tensor, 'f32', order)
}
