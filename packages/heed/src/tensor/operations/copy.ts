import type { Dtype } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { input, planCopy } from '../../kernels/index.js'
import { values, writeInto, zeros } from '../create.js'
import {
  arranged,
  emptyArranged,
  isRowMajor,
  operandOf,
  physicalOrder,
  shapeOf,
  stridesFor,
} from '../layout.js'
import { mapInto } from '../map-into.js'
import { outputOf, planKeyOf, prepare, type Prepared, preparedFor, runPrepared } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, axisOf, checkOrder, type Tensor } from '../tensor.js'
import { sliceView, viewOver } from '../view.js'

export function isFloat(dtype: Dtype): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
}

/**
 * The same elements laid out row-major in `order`; the tensor itself (as a view) where they lie so already.
 */
export function arrange(tensor: AnyTensor, order: readonly string[]): Tensor {
  if (isRowMajor(tensor, order)) return record('arrange', [tensor], viewOver(tensor, tensor.layout))
  return copy(tensor, tensor.dtype, order)
}

/**
 * A copy of its own, row-major in `order`, converted to `dtype` (f32 or i32; integers are truncated towards
 * 0).
 *
 * @throws ShapeError unless `order` names each axis once
 * @throws DtypeError for a number that the dtype does not hold
 */
export function copy(
  tensor: AnyTensor,
  dtype: Dtype = tensor.dtype,
  order: readonly string[] = tensor.layout.map(({ name }) => name),
): Tensor {
  return allOrNothing(() => {
    checkOrder('copy', tensor, order)
    const { device } = tensor
    if (dtype !== 'f32' && (dtype !== 'i32' || isFloat(tensor.dtype)))
      return copyOnHost(tensor, emptyArranged(device, dtype, shapeOf(tensor), order), order)
    let key = planKeyOf(`copy ${dtype}`, [tensor])
    for (const name of order) key += ` ${tensor.layout.findIndex((axis) => axis.name === name)}`
    const prepared = preparedFor(device, key) ?? prepareCopy(device, key, tensor, dtype, order)
    const result = outputOf(device, prepared, 0)
    runPrepared(device, prepared, [tensor.address, result.address])
    return record('copy', [tensor], result)
  })
}

function prepareCopy(
  device: Device,
  key: string,
  tensor: AnyTensor,
  dtype: 'f32' | 'i32',
  order: readonly string[],
): Prepared {
  const shape = shapeOf(tensor)
  const output = arranged(dtype, shape, order)
  return prepare(device, key, [output], 2, (values) =>
    planCopy({
      space: { names: order, sizes: order.map((name) => shape[name]!) },
      input: { ...operandOf(tensor, order), address: values[0]! },
      output: { address: values[1]!, element: dtype, strides: stridesFor(output, order) },
      floatBytes: device.floatBytes,
    }),
  )
}

/**
 * Narrow dtypes, which are stored and not computed with, are written here, and integers that were floats,
 * which may not fit.
 */
function copyOnHost(tensor: AnyTensor, result: Tensor, order: readonly string[]): Tensor {
  const numbers = values(tensor, order)
  const cut = isFloat(tensor.dtype) && !isFloat(result.dtype)
  writeInto(result, cut ? numbers.map(Math.trunc) : numbers, 'cast', order)
  return record('copy', [tensor], result)
}

/** Zeros shaped like `whole`, with `part` put at positions start … of one axis: the gradient of a slice. */
export function placeInto(part: AnyTensor, whole: AnyTensor, axis: string, start: number): Tensor {
  return allOrNothing(() => {
    const result = zeros(shapeOf(whole), { device: whole.device })
    addInto(part, result, axis, start)
    return result
  })
}

const total = input(0).add(input(1))

/**
 * Adds `part` to positions start … of one axis of `sum`, in place: for a tensor that nobody else has seen
 * yet.
 */
export function addInto(part: AnyTensor, sum: Tensor, axis: string, start: number): void {
  return allOrNothing(() => {
    const window = sliceView(sum, axis, start, start + axisOf('slice', part, axis).size)
    mapInto('slice', [total], [part, window], [window])
    window.dispose()
  })
}

/**
 * The same elements with axes in the order, and lying in memory in the order, of another tensor with the same
 * axes.
 */
export function arrangeLike(tensor: AnyTensor, model: AnyTensor): Tensor {
  return allOrNothing(() => {
    const arranged = arrange(tensor, physicalOrder(model))
    const result = viewOver(
      arranged,
      model.layout.map(({ name }) => axisOf('arrange', arranged, name)),
      arranged.offset,
    )
    arranged.dispose()
    return record('arrange', [tensor], result)
  })
}
