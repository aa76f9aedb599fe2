import { DtypeError, ShapeError } from '../../base/index.js'
import { arranged, physicalOrder, shapeOf } from '../layout.js'
import { tracked } from '../tape.js'
import { type AnyTensor, type Axis, axisOf, isTensor, notTensor, type Tensor } from '../tensor.js'
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
  /** Elements between neighbouring rows. */
  readonly stride: number
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
  const { order: wanted, width, stride } = order === undefined ? rowsOf(operation, x, axis) : rowsIn(x, order)
  const tensor = stride === undefined ? arrange(x, wanted) : (x as Tensor)
  return {
    tensor,
    order: wanted,
    rows: width === 0 ? 0 : x.elements / width,
    width,
    stride: stride ?? width,
    release: () => {
      if (stride === undefined && !tracked([tensor])) tensor.dispose()
    },
  }
}

/** How rows lie in a layout. */
interface RowForm {
  readonly order: readonly string[]
  readonly width: number
  /** Elements between neighbouring rows; undefined where one stride does not do. */
  readonly stride: number | undefined
}

/** Of a layout, by the axis that rows run along. */
const forms = new WeakMap<readonly Axis[], Map<string, RowForm>>()

function rowsOf(operation: string, x: AnyTensor, axis: string): RowForm {
  let known = forms.get(x.layout)
  if (known === undefined) forms.set(x.layout, (known = new Map<string, RowForm>()))
  let form = known.get(axis)
  if (form === undefined) {
    axisOf(operation, x, axis)
    form = rowsIn(x, [...physicalOrder(x).filter((name) => name !== axis), axis])
    known.set(axis, form)
  }
  return form
}

/** Rows along the last axis of `order`, the others counted in that order. */
function rowsIn(x: AnyTensor, order: readonly string[]): RowForm {
  const axes = order.map((name) => x.layout.find((axis) => axis.name === name)!)
  const { size: width, stride } = axes.pop()!
  const outer = axes.filter(({ size }) => size !== 1)
  const even = outer.every(
    (axis, i) => i + 1 === outer.length || axis.stride === outer[i + 1]!.stride * outer[i + 1]!.size,
  )
  const direct = even && (width <= 1 || stride === 1)
  return { order, width, stride: direct ? (outer[outer.length - 1]?.stride ?? width) : undefined }
}

/** What a result with the same axes is made of, its rows in the same order and without gaps. */
export function rowsLike({ tensor, order }: RowTensor): ReturnType<typeof arranged> {
  return arranged('f32', shapeOf(tensor), order)
}

/** A tensor along `axis` alone, as long as `x` is, its elements adjacent. */
export function alongAxis(
  operation: string,
  name: string,
  parameter: AnyTensor | undefined,
  x: AnyTensor,
  axis: string,
): RowTensor | undefined {
  if (parameter === undefined) return undefined
  if (!isTensor(parameter)) throw notTensor(operation, parameter)
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
  return rowTensor(operation, parameter, axis)
}
