import { DtypeError, ShapeError } from '../../base/index.js'
import type { RowsOperand } from '../../kernels/index.js'
import { emptyArranged, physicalOrder, shapeOf } from '../layout.js'
import { tracked } from '../tape.js'
import { type AnyTensor, axisOf, type Tensor, isTensor, notTensor } from '../tensor.js'
import { arrange } from './copy.js'

/**
 * A tensor as row kernels take it: rows of adjacent elements, evenly apart, in a known order of the other
 * axes.
 */
export interface RowTensor {
  readonly tensor: Tensor
  /** The axes from the outermost to the one that rows run along. */
  readonly order: readonly string[]
  readonly rows: number
  readonly width: number
  readonly operand: RowsOperand
  /** Frees the copy, if one had to be made and no gradient needs it. */
  readonly release: () => void
}

/**
 * The tensor with rows along `axis`; a copy (which the tape sees) where they do not lie so. The other axes
 * come in the order in which they lie in memory, or as in `order`.
 */
export function rowTensor(
  operation: string,
  x: AnyTensor,
  axis: string,
  order?: readonly string[],
): RowTensor {
  if (!isTensor(x)) throw notTensor(operation, x)
  if (x.dtype !== 'f32')
    throw new DtypeError({
      operation,
      expected: 'an f32 tensor',
      found: (x as Tensor).describe(),
      hint: "convert it with cast(x, 'f32')",
    })
  const { size: width } = axisOf(operation, x, axis)
  const wanted = order ?? [...physicalOrder(x).filter((name) => name !== axis), axis]
  const direct = rowsInOrder(x, wanted)
  const tensor = direct === undefined ? arrange(x, wanted) : (x as Tensor)
  return {
    tensor,
    order: wanted,
    rows: width === 0 ? 0 : x.elements / width,
    width,
    operand: direct ?? { address: tensor.address, stride: width },
    release: () => {
      if (direct === undefined && !tracked([tensor])) tensor.dispose()
    },
  }
}

/**
 * How rows along the last axis of `order` can be addressed, the others counted in that order; undefined where
 * one stride does not do.
 */
function rowsInOrder(x: AnyTensor, order: readonly string[]): RowsOperand | undefined {
  const axes = order.map((name) => x.layout.find((axis) => axis.name === name)!)
  const row = axes.pop()!
  if (row.size > 1 && row.stride !== 1) return undefined
  const outer = axes.filter(({ size }) => size !== 1)
  for (let i = 0; i + 1 < outer.length; i++)
    if (outer[i]!.stride !== outer[i + 1]!.stride * outer[i + 1]!.size) return undefined
  return { address: x.address, stride: outer[outer.length - 1]?.stride ?? row.size }
}

/** A new tensor with the axes of `x`, its rows in the order of `rows`, and how row kernels write it. */
export function emptyRows(
  x: AnyTensor,
  { order, width }: RowTensor,
): { tensor: Tensor; operand: RowsOperand } {
  const tensor = emptyArranged(x.device, 'f32', shapeOf(x), order)
  return { tensor, operand: { address: tensor.address, stride: width } }
}

/** The address of a tensor along `axis` alone, as long as `x` is, its elements adjacent. */
export function alongAxis(
  operation: string,
  name: string,
  parameter: AnyTensor | undefined,
  x: AnyTensor,
  axis: string,
): { readonly tensor: Tensor; readonly release: () => void } | undefined {
  if (parameter === undefined) return undefined
  const { size } = axisOf(operation, x, axis)
  const own = parameter.layout[0]
  if (parameter.layout.length !== 1 || own!.name !== axis || own!.size !== size) {
    throw new ShapeError({
      operation,
      axis,
      expected: `${name} along '${axis}' alone, of size ${size}`,
      found: (parameter as Tensor).describe(),
      hint: 'give it the size of the axis that is normalized',
    })
  }
  const { tensor, release } = rowTensor(operation, parameter, axis)
  return { tensor, release }
}
