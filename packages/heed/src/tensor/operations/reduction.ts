import { ShapeError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { input, planReduce, type ReduceKind } from '../../kernels/index.js'
import { arranged, broadcastShape, operandOf, physicalOrder, sameDevice, stridesFor } from '../layout.js'
import {
  expressionNumber,
  outputOf,
  planKeyOf,
  prepare,
  type Prepared,
  preparedFor,
  runPrepared,
} from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, axisOf, type Tensor, axisNames, isTensor, notTensor } from '../tensor.js'
import { countedOver } from './count.js'
import { mul, type Scalar } from './elementwise.js'

export interface ReduceAttributes {
  readonly kind: ReduceKind
  readonly axes: readonly string[]
}

/**
 * The sum over some axes, or over all. Sums are of f32 numbers, in a fixed order; 0 over an empty axis.
 *
 * @throws ShapeError if an axis is missing
 */
export function sum<A extends string>(x: Tensor<A>): Tensor<never>
export function sum<A extends string, const O extends A>(
  x: Tensor<A>,
  over: O | readonly O[],
): Tensor<Exclude<A, O>>
export function sum(x: AnyTensor, over?: string | readonly string[]): never {
  return reduce('sum', x, over) as never
}

/**
 * The mean over some axes, or over all; 0 over an empty axis.
 *
 * @throws ShapeError if an axis is missing
 */
export function mean<A extends string>(x: Tensor<A>): Tensor<never>
export function mean<A extends string, const O extends A>(
  x: Tensor<A>,
  over: O | readonly O[],
): Tensor<Exclude<A, O>>
export function mean(x: AnyTensor, over?: string | readonly string[]): never {
  return allOrNothing(() => {
    const total = reduce('sum', x, over)
    const result = mul(total, total.elements / Math.max(1, x.elements))
    return (result.layout.length === 0 ? countedOver(result, x.elements) : result) as never
  })
}

/**
 * The largest over some axes, or over all; its gradient is shared evenly by equals.
 *
 * @throws ShapeError if an axis is missing or empty
 */
export function max<A extends string>(x: Tensor<A>): Tensor<never>
export function max<A extends string, const O extends A>(
  x: Tensor<A>,
  over: O | readonly O[],
): Tensor<Exclude<A, O>>
export function max(x: AnyTensor, over?: string | readonly string[]): never {
  return reduce('max', x, over) as never
}

/**
 * The least over some axes, or over all; its gradient is shared evenly by equals.
 *
 * @throws ShapeError if an axis is missing or empty
 */
export function min<A extends string>(x: Tensor<A>): Tensor<never>
export function min<A extends string, const O extends A>(
  x: Tensor<A>,
  over: O | readonly O[],
): Tensor<Exclude<A, O>>
export function min(x: AnyTensor, over?: string | readonly string[]): never {
  return reduce('min', x, over) as never
}

function reduce(kind: ReduceKind, x: AnyTensor, over: string | readonly string[] | undefined): Tensor {
  if (!isTensor(x)) throw notTensor(kind, x)
  const axes = over === undefined ? x.layout.map(({ name }) => name) : axisNames(kind, over)
  for (const axis of axes) {
    const { size } = axisOf(kind, x, axis)
    if (size === 0 && kind !== 'sum')
      throw new ShapeError({
        operation: kind,
        axis,
        expected: 'at least one position',
        found: '0',
        hint: `an empty axis has no ${kind}`,
      })
  }
  return record('reduce', [x], reduceExpression(kind, input(0), [x], axes), {
    kind,
    axes,
  } satisfies ReduceAttributes)
}

/**
 * Reduces an expression of several tensors, fused: nothing of their full size is written. Not recorded: for
 * gradients.
 */
export function reduceExpression(
  kind: ReduceKind,
  expression: Scalar,
  tensors: readonly AnyTensor[],
  over: readonly string[],
  parameters: readonly number[] = [],
): Tensor {
  return allOrNothing(() => {
    const device = sameDevice(kind, tensors)
    let key = planKeyOf(`reduce ${kind} ${expressionNumber([expression])}`, tensors)
    // Of each axis of each tensor, whether it is reduced.
    for (const { layout } of tensors) for (const { name } of layout) key += over.includes(name) ? '-' : '+'
    const prepared =
      preparedFor(device, key) ??
      prepareReduction(device, key, kind, expression, tensors, over, parameters.length)
    const output = outputOf(device, prepared, 0)
    const values: number[] = [output.address]
    for (const { address } of tensors) values.push(address)
    values.push(...parameters)
    runPrepared(device, prepared, values)
    return output
  })
}

function prepareReduction(
  device: Device,
  key: string,
  kind: ReduceKind,
  expression: Scalar,
  tensors: readonly AnyTensor[],
  over: readonly string[],
  parameters: number,
): Prepared {
  const shape = broadcastShape(kind, tensors)
  const leading = tensors.reduce((best, tensor) =>
    tensor.layout.length > best.layout.length ? tensor : best,
  )
  const rest = Object.keys(shape).filter((name) => !leading.layout.some((axis) => axis.name === name))
  const order = [...rest, ...physicalOrder(leading)]
  const kept = Object.keys(shape).filter((name) => !over.includes(name))
  const output = arranged(
    'f32',
    Object.fromEntries(kept.map((name) => [name, shape[name]!])),
    order.filter((name) => !over.includes(name)),
  )
  const count = 1 + tensors.length
  return prepare(device, key, [output], count + parameters, (values, allocate) =>
    planReduce({
      kind,
      expression,
      space: { names: order, sizes: order.map((name) => shape[name]!) },
      reduced: new Set(over),
      parameters: values.slice(count, count + parameters),
      allocate,
      floatBytes: device.floatBytes,
      inputs: tensors.map((tensor, i) => ({ ...operandOf(tensor, order), address: values[1 + i]! })),
      output: { address: values[0]!, element: 'f32', strides: stridesFor(output, order) },
    }),
  )
}
