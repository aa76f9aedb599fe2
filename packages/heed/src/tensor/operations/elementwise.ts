import { DtypeError } from '../../base/index.js'
import {
  type Activation,
  activations,
  type Expression,
  float,
  input,
  parameter,
  planMap,
} from '../../kernels/index.js'
import { execute } from '../execute.js'
import { broadcastShape, emptyArranged, physicalOrder, sameDevice, stridesFor } from '../layout.js'
import { record } from '../tape.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { elementOf } from './copy.js'

/** A number inside an elementwise function: the element of one of its tensors, or what is computed from it. */
export type Scalar = Expression<'float'>
type Boolean_ = Expression<'boolean'>

/** What autograd needs to know of an elementwise operation. */
export interface MapAttributes {
  readonly expression: Scalar
  readonly parameters: readonly number[]
}

/** The union of the axes of a tuple of tensors. */
export type AxesOf<T extends readonly Tensor<never>[] | readonly AnyTensor[]> = T[number] extends infer E
  ? E extends Tensor<infer A>
    ? A
    : never
  : never

/**
 * Elementwise: `map((x, y) => x.mul(y.exp()), a, b)` computes the function at each position, in one pass whatever it is.
 * Axes that a tensor lacks are broadcast by name; the result has the axes of all. The function is traced once; its gradient
 * is derived from it. Integer tensors are read as floats.
 */
export function map<const T extends readonly AnyTensor[]>(
  f: (...elements: { -readonly [K in keyof T]: Scalar }) => Scalar | Boolean_,
  ...tensors: T
): Tensor<AxesOf<T>> {
  const elements = tensors.map((_, slot) => input(slot))
  const traced = f(...(elements as { -readonly [K in keyof T]: Scalar }))
  const expression = traced.kind === 'boolean' ? (traced as Boolean_).select(float(1), 0) : (traced as Scalar)
  return mapExpression('map', expression, tensors) as never
}

/** `map` for an expression that is already traced; `parameters` are the numbers that its `parameter(i)` stand for. */
export function mapExpression(
  operation: string,
  expression: Scalar,
  tensors: readonly AnyTensor[],
  parameters: readonly number[] = [],
): Tensor {
  const [output] = mapMany(operation, [expression], tensors, parameters)
  return record('map', tensors, output!, { expression, parameters } satisfies MapAttributes)
}

/** Several results over the same positions in one pass. Not recorded: for gradients. */
export function mapMany(
  operation: string,
  expressions: readonly Scalar[],
  tensors: readonly AnyTensor[],
  parameters: readonly number[] = [],
): Tensor[] {
  const device = sameDevice(operation, tensors)
  const shape = broadcastShape(operation, tensors)
  const names = Object.keys(shape)
  // The result lies in memory as the tensor that has the most of its axes does.
  const leading = tensors.reduce((best, tensor) =>
    tensor.layout.length > best.layout.length ? tensor : best,
  )
  const order = leading.layout.length === names.length ? physicalOrder(leading) : names
  const outputs = expressions.map(() => emptyArranged(device, 'f32', shape, order))
  execute(device, () =>
    planMap({
      space: { names: order, sizes: order.map((name) => shape[name]!) },
      inputs: tensors.map((tensor) => ({
        address: tensor.address,
        element: elementOf(tensor.dtype),
        strides: stridesFor(tensor, order),
      })),
      outputs: outputs.map((output, i) => ({
        operand: { address: output.address, element: 'f32', strides: stridesFor(output, order) },
        expression: expressions[i]!,
      })),
      parameters,
    }),
  )
  return outputs
}

type Other<B extends string> = Tensor<B> | number

/** Functions that are traced once, by operation: the same expression each time is found again at once. */
const traced = new Map<string, Scalar>()
function tracedOnce(name: string, trace: () => Scalar): Scalar {
  let expression = traced.get(name)
  if (expression === undefined) traced.set(name, (expression = trace()))
  return expression
}

function binary<A extends string, B extends string>(
  operation: string,
  a: Tensor<A>,
  b: Other<B>,
  f: (x: Scalar, y: Scalar) => Scalar,
): Tensor<A | B> {
  const result =
    typeof b === 'number'
      ? mapExpression(
          operation,
          tracedOnce(`${operation} number`, () => f(input(0), parameter(0))),
          [a],
          [b],
        )
      : mapExpression(
          operation,
          tracedOnce(operation, () => f(input(0), input(1))),
          [a, b],
        )
  return result as never
}

export function add<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('add', a, b, (x, y) => x.add(y))
}
export function sub<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('sub', a, b, (x, y) => x.sub(y))
}
export function mul<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('mul', a, b, (x, y) => x.mul(y))
}
export function div<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('div', a, b, (x, y) => x.div(y))
}

function unary<A extends string>(operation: string, x: Tensor<A>, f: (x: Scalar) => Scalar): Tensor<A> {
  if (x.dtype !== 'f32')
    throw new DtypeError({
      operation,
      expected: 'an f32 tensor',
      found: x.describe(),
      hint: "convert it with cast(x, 'f32')",
    })
  return mapExpression(
    operation,
    tracedOnce(operation, () => f(input(0))),
    [x],
  ) as never
}

export function exp<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('exp', x, (v) => v.exp())
}
export function log<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('log', x, (v) => v.log())
}
export function sqrt<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('sqrt', x, (v) => v.sqrt())
}
export function square<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('square', x, (v) => v.mul(v))
}
export function tanh<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('tanh', x, (v) => v.tanh())
}
export function sin<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('sin', x, (v) => v.sin())
}
export function cos<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('cos', x, (v) => v.cos())
}
export function abs<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('abs', x, (v) => v.abs())
}
/** 1 / (1 + e^−x), as (1 + tanh(x / 2)) / 2: no overflow on either side. */
export function sigmoid<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('sigmoid', x, activations.sigmoid)
}
/** ln(1 + e^x), without overflow. */
export function softplus<A extends string>(x: Tensor<A>): Tensor<A> {
  // The larger of x and 0 is (x + |x|) / 2: written so, the derivative at 0 is ½ as it should be.
  return unary('softplus', x, (v) => v.add(v.abs()).mul(0.5).add(v.abs().neg().exp().add(1).log()))
}
export function relu<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('relu', x, activations.relu)
}
export function gelu<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('gelu', x, activations.gelu)
}
export function silu<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('silu', x, activations.silu)
}

export { type Activation, activations } from '../../kernels/index.js'

/** The activation of that name, elementwise. */
export function activate<A extends string>(x: Tensor<A>, activation: Activation): Tensor<A> {
  return unary(activation, x, activations[activation])
}
