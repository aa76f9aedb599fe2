import { ShapeError, validateShape, type Dtype, type Shape } from '../base/index.js'
import type { Device } from '../device/index.js'
import type { ElementType, StridedOperand } from '../kernels/index.js'
import { Storage } from './storage.js'
import { type AnyTensor, type Axis, notTensor, Tensor } from './tensor.js'

/**
 * A new tensor whose axes are in the order of `shape`, and whose elements lie row-major in `physical` order.
 */
export function emptyArranged(
  device: Device,
  dtype: Dtype,
  shape: Shape,
  physical: readonly string[] = Object.keys(shape),
): Tensor {
  const { elements, layout } = arranged(dtype, shape, physical)
  return new Tensor(new Storage(device, dtype, elements), layout)
}

/** What such a tensor is made of. */
export function arranged(
  dtype: Dtype,
  shape: Shape,
  physical: readonly string[] = Object.keys(shape),
): { readonly dtype: Dtype; readonly elements: number; readonly layout: readonly Axis[] } {
  validateShape('tensor', shape)
  const names = Object.keys(shape)
  const strides: Record<string, number> = {}
  let stride = 1
  for (let i = physical.length - 1; i >= 0; i--) {
    strides[physical[i]!] = stride
    stride *= shape[physical[i]!]!
  }
  const layout = names.map((name): Axis => ({ name, size: shape[name]!, stride: strides[name]! }))
  return { dtype, elements: stride, layout }
}

/**
 * Axis names from the outermost in memory to the innermost; axes of size 1 and broadcast ones keep their
 * place in front.
 */
export function physicalOrder(tensor: AnyTensor): string[] {
  const { layout } = tensor
  const names = layout.map(({ name }) => name)
  if (layout.every((axis, i) => i === 0 || rank(layout[i - 1]!) >= rank(axis))) return names
  return layout
    .map((axis, place) => ({ ...axis, place }))
    .sort((a, b) => rank(b) - rank(a) || a.place - b.place)
    .map(({ name }) => name)
}
function rank({ size, stride }: Axis): number {
  return size === 1 || stride === 0 ? Infinity : stride
}

/** Whether the elements lie row-major in this order without gaps. */
export function isRowMajor(tensor: AnyTensor, order: readonly string[]): boolean {
  let expected = 1
  for (let i = order.length - 1; i >= 0; i--) {
    const axis = tensor.layout.find(({ name }) => name === order[i])!
    if (axis.size !== 1 && axis.stride !== expected) return false
    expected *= axis.size
  }
  return true
}

/** The union of the axes of several tensors, in order of appearance, with sizes that agree. */
export function broadcastShape(operation: string, tensors: readonly AnyTensor[]): Record<string, number> {
  const shape: Record<string, number> = {}
  for (const { layout } of tensors) {
    for (const { name, size } of layout) {
      const known = shape[name]
      if (known === undefined) shape[name] = size
      else if (known !== size) {
        throw new ShapeError({
          operation,
          axis: name,
          expected: `axis '${name}' of size ${known}`,
          found: String(size),
          hint: 'rename the axis if it means something else, or slice it',
        })
      }
    }
  }
  return shape
}

/** Strides of a tensor along the axes of a larger shape: 0 where it lacks one. */
export function stridesFor({ layout }: Pick<AnyTensor, 'layout'>, axes: readonly string[]): number[] {
  return axes.map((name, i) => {
    const same = layout[i]
    if (same !== undefined && same.name === name) return same.stride
    for (const axis of layout) if (axis.name === name) return axis.stride
    return 0
  })
}

/** Axis names with their sizes. */
export function shapeOf({ layout }: AnyTensor): Record<string, number> {
  return Object.fromEntries(layout.map(({ name, size }) => [name, size]))
}

/** The dtype as kernels name it. */
export function elementOf(dtype: Dtype): ElementType {
  return dtype as ElementType
}

/**
 * A tensor as elementwise kernels take it, its axes in this order: 0 is the stride along those that it lacks.
 */
export function operandOf(tensor: AnyTensor, order: readonly string[]): StridedOperand {
  return {
    address: tensor.address,
    element: elementOf(tensor.dtype),
    strides: stridesFor(tensor, order),
  }
}

/** The device of all of these. Throws ShapeError where they have several. */
export function sameDevice(operation: string, tensors: readonly { readonly device: Device }[]): Device {
  const device = (tensors[0] as { readonly device: Device } | null)?.device
  for (const tensor of tensors as readonly ({ readonly device?: Device } | null)[]) {
    if (tensor?.device !== device || device === undefined) {
      if (tensor?.device === undefined) throw notTensor(operation, tensor)
      if (device === undefined) throw notTensor(operation, tensors[0])
      throw new ShapeError({
        operation,
        expected: `tensors of one device (${device.name})`,
        found: `one of ${tensor.device.name}`,
        hint: 'make all of them with the same device, or copy one: tensor(x.values(), x.shape, { dtype: x.dtype, device })',
      })
    }
  }
  return device!
}
