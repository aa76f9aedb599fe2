import type { Dtype } from '../../base/index.js'
import { type ElementType, input, planMap } from '../../kernels/index.js'
import { values, writeInto } from '../create.js'
import { execute } from '../execute.js'
import { emptyArranged, isRowMajor, stridesFor } from '../layout.js'
import { record } from '../tape.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { viewOf } from '../view.js'

/** The dtype as kernels name it. */
export function elementOf(dtype: Dtype): ElementType { return dtype as ElementType }

/** The same elements laid out row-major in `order`; the tensor itself (as a view) where they lie so already. */
export function arrange(tensor: AnyTensor, order: readonly string[]): Tensor {
  if (isRowMajor(tensor, order)) return record('arrange', [tensor], viewOf(tensor, tensor.layout))
  return copy(tensor, tensor.dtype, order)
}

/** A copy of its own, row-major in `order`, converted to `dtype` (f32 or i32; integers are truncated towards 0). */
export function copy(tensor: AnyTensor, dtype: Dtype = tensor.dtype, order: readonly string[] = tensor.layout.map(({ name }) => name)): Tensor {
  const { device } = tensor
  const shape = Object.fromEntries(tensor.layout.map(({ name, size }) => [name, size]))
  const result = emptyArranged(device, dtype, shape, order)
  if (dtype === 'f32' || dtype === 'i32') {
    const sizes = order.map((name) => shape[name]!)
    execute(device, () => planMap({
      space: { names: order, sizes },
      inputs: [{ address: tensor.address, element: elementOf(tensor.dtype), strides: stridesFor(tensor, order) }],
      outputs: [{ operand: { address: result.address, element: elementOf(dtype), strides: stridesFor(result, order) }, expression: input(0) }],
    }))
    return record('copy', [tensor], result)
  }
  return copyOnHost(tensor, result, order)
}

/** Narrow dtypes are written here, element by element: they are stored, not computed with. */
function copyOnHost(tensor: AnyTensor, result: Tensor, order: readonly string[]): Tensor {
  writeInto(result, values(tensor, order))
  return record('copy', [tensor], result)
}
