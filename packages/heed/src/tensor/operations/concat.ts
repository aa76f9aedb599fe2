import { DtypeError, ShapeError, UsageError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { input, type Launch, planMap } from '../../kernels/index.js'
import { empty, values, writeInto } from '../create.js'
import { arranged, physicalOrder, sameDevice, stridesFor } from '../layout.js'
import { outputOf, planKeyOf, prepare, type Prepared, preparedFor, runPrepared } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, axisOf, hasAxis, type Tensor, isTensor, notTensor } from '../tensor.js'
import { expand } from './movement.js'

export interface ConcatAttributes {
  readonly axis: string
}

/**
 * Several tensors one after the other along an axis that they all have; their other axes agree in size, in
 * any order. A copy.
 *
 * @throws UsageError if there are none
 * @throws ShapeError if their axes differ
 * @throws DtypeError if their dtypes differ
 */
export function concat<A extends string>(tensors: readonly Tensor<A>[], axis: NoInfer<A>): Tensor<A> {
  return allOrNothing(() => {
    if (!Array.isArray(tensors)) throw notTensor('concat', tensors, 'a list of tensors')
    const [first] = tensors
    if (first === undefined) {
      throw new UsageError({
        operation: 'concat',
        expected: 'at least one tensor',
        found: 'none',
        hint: 'an empty result has no shape: make it with zeros()',
      })
    }
    const device = sameDevice('concat', tensors)
    axisOf('concat', first, axis)
    for (const other of tensors) checkAlike(first, other, axis)
    const total = tensors.reduce((size, tensor) => size + tensor.size(axis), 0)
    const shape = { ...first.shape, [axis]: total }
    if (first.dtype !== 'f32') return concatOnHost(tensors, axis, total)

    const key = planKeyOf(`concat ${tensors.length} ${axis}`, tensors)
    const prepared = preparedFor(device, key) ?? prepareConcat(device, key, tensors, axis, shape)
    const output = outputOf(device, prepared, 0)
    const values = [output.address]
    for (const { address } of tensors) values.push(address)
    runPrepared(device, prepared, values)
    return record('concat', tensors, output, { axis } satisfies ConcatAttributes) as never
  })
}

function prepareConcat<A extends string>(
  device: Device,
  key: string,
  tensors: readonly Tensor<A>[],
  axis: A,
  shape: Readonly<Record<string, number>>,
): Prepared {
  const order = physicalOrder(tensors[0]!)
  const output = arranged('f32', shape, order)
  const outputStrides = stridesFor(output, order)
  const along = output.layout.find(({ name }) => name === axis)!.stride
  return prepare(device, key, [output], 1 + tensors.length, (values) => {
    const launches: Launch[] = []
    let start = 0
    tensors.forEach((tensor, i) => {
      launches.push(
        ...planMap({
          space: { names: order, sizes: order.map((name) => tensor.size(name as A)) },
          inputs: [{ address: values[1 + i]!, element: 'f32', strides: stridesFor(tensor, order) }],
          outputs: [
            {
              operand: {
                address: values[0]! + start * along * device.floatBytes,
                element: 'f32',
                strides: outputStrides,
              },
              expression: input(0),
            },
          ],
        }),
      )
      start += tensor.size(axis)
    })
    return launches
  })
}

/**
 * Several tensors of the same axes and sizes as positions 0, 1, … of a new axis. A copy. Throws what `concat`
 * throws.
 */
export function stack<A extends string, N extends string>(
  tensors: readonly Tensor<A>[],
  axis: N,
): Tensor<A | N> {
  return allOrNothing(() => {
    if (!Array.isArray(tensors)) throw notTensor('stack', tensors, 'a list of tensors')
    for (const tensor of tensors) {
      if (!isTensor(tensor)) throw notTensor('stack', tensor)
      if (hasAxis(tensor, axis)) {
        throw new ShapeError({
          operation: 'stack',
          axis,
          expected: 'an axis that is new',
          found: tensor.describe(),
          hint: 'concat() joins along an axis that the tensors have',
        })
      }
    }
    return concat(
      tensors.map((tensor) => expand(tensor, { [axis]: 1 })) as Tensor<string>[],
      axis,
    ) as Tensor<string> as never
  })
}

/** Integers and narrow floats are put together here: they are stored, not computed with. */
function concatOnHost<A extends string>(tensors: readonly Tensor<A>[], axis: A, total: number): Tensor<A> {
  const [first] = tensors as [Tensor<A>]
  const order = [axis, ...first.axes.filter((name) => name !== axis)]
  const shape = Object.fromEntries(order.map((name) => [name, name === axis ? total : first.size(name)]))
  const result = empty(shape, { dtype: first.dtype, device: first.device })
  const numbers = first.dtype === 'i32' ? new Int32Array(result.elements) : new Float32Array(result.elements)
  let start = 0
  for (const tensor of tensors) {
    numbers.set(values(tensor, order), start)
    start += tensor.elements
  }
  writeInto(result, numbers)
  return record('concat', tensors, result, { axis } satisfies ConcatAttributes) as never
}

function checkAlike(first: AnyTensor, other: AnyTensor, axis: string): void {
  for (const { name, size } of first.layout) {
    const found = axisOf('concat', other, name)
    if (name === axis || found.size === size) continue
    throw new ShapeError({
      operation: 'concat',
      axis: name,
      expected: `axis '${name}' of size ${size}, as the first tensor has`,
      found: String(found.size),
      hint: `only '${axis}' may differ in size`,
    })
  }
  for (const { name } of other.layout) axisOf('concat', first, name)
  if (other.dtype !== first.dtype) {
    throw new DtypeError({
      operation: 'concat',
      expected: `tensors of one dtype (${first.dtype})`,
      found: other.dtype,
      hint: 'convert them with cast()',
    })
  }
}
