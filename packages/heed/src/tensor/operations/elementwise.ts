import { DtypeError, kindOf, UsageError, checkFunction, inWords, nearest } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import {
  type Activation,
  activations,
  Expression,
  float,
  input,
  liftConstants,
  parameter,
  planMap,
  traced,
} from '../../kernels/index.js'
import { arranged, broadcastShape, operandOf, physicalOrder, sameDevice } from '../layout.js'
import {
  expressionNumber,
  layoutNumber,
  outputOf,
  prepare,
  type Prepared,
  preparedFor,
  runPrepared,
} from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, isTensor, notTensor, type Tensor } from '../tensor.js'
import { passCountOn } from './count.js'

/**
 * A number inside an elementwise function: the element of one of its tensors, or what is computed from it.
 */
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
 * Elementwise: `map((x, y) => x.mul(y.exp()), a, b)` computes the function at each position, in one pass
 * whatever it is. Axes that a tensor lacks are broadcast by name; the result has the axes of all. The
 * function is traced, not called for each number; its gradient is derived from it. Other numbers in it make
 * no other kernel. Tensors of other dtypes are read as f32; the result is f32, 1 and 0 where the function
 * gives a condition.
 *
 * @throws ShapeError if an axis has two sizes
 * @throws UsageError if there is no tensor, or the function gives something else than an expression
 */
export function map<const T extends readonly AnyTensor[]>(
  f: (...elements: { -readonly [K in keyof T]: Scalar }) => Scalar | Boolean_,
  ...tensors: T
): Tensor<AxesOf<T>> {
  const elements = tensors.map((_, slot) => input(slot))
  if (tensors.length === 0) {
    throw new UsageError({
      operation: 'map',
      expected: 'at least one tensor',
      found: 'none',
      hint: 'full() makes a tensor of one number',
    })
  }
  checkFunction('map', 'the first', f)
  const result: unknown = traced(
    'map',
    f,
    () => f(...(elements as { -readonly [K in keyof T]: Scalar })),
    (given) => (given instanceof Expression ? [given] : []),
  )
  const { expression, parameters } = liftConstants(asNumber(result))
  return mapExpression('map', expression, tensors, parameters) as never
}

/** What a traced function gave, as a number: 1 or 0 for a condition. */
function asNumber(result: unknown): Scalar {
  if (result instanceof Expression) {
    const found: Expression = result
    if (found.kind === 'float') return found as Scalar
    if (found.kind === 'boolean') return (found as Boolean_).select(float(1), 0)
  }
  throw new UsageError({
    operation: 'map',
    expected: 'a function that returns an expression of floats, or a condition',
    found: result instanceof Expression ? 'one of whole numbers' : kindOf(result),
    hint: 'write it with the methods of what it is given: x.mul(2), x.gt(0).select(x, 0)',
  })
}

/**
 * `map` for an expression that is already traced; `parameters` are the numbers that its `parameter(i)` stand
 * for.
 */
export function mapExpression(
  operation: string,
  expression: Scalar,
  tensors: readonly AnyTensor[],
  parameters: readonly number[] = [],
): Tensor {
  const [output] = mapMany(operation, [expression], tensors, parameters)
  if (output!.layout.length === 0) passCountOn(output!, tensors)
  return record('map', tensors, output!, { expression, parameters } satisfies MapAttributes)
}

/** Several results over the same positions in one pass. Not recorded: for gradients. */
export function mapMany(
  operation: string,
  expressions: readonly Scalar[],
  tensors: readonly AnyTensor[],
  parameters: readonly number[] = [],
): Tensor[] {
  return allOrNothing(() => {
    const device = sameDevice(operation, tensors)
    let key = `map ${expressionNumber(expressions)}`
    for (const tensor of tensors) key += ` ${layoutNumber(tensor)}${tensor.dtype}`
    const prepared =
      preparedFor(device, key) ?? prepareMap(operation, device, key, expressions, tensors, parameters.length)
    const outputs = expressions.map((_, i) => outputOf(device, prepared, i))
    const values: number[] = []
    for (const tensor of tensors) values.push(tensor.address)
    for (const output of outputs) values.push(output.address)
    values.push(...parameters)
    runPrepared(device, prepared, values)
    return outputs
  })
}

function prepareMap(
  operation: string,
  device: Device,
  key: string,
  expressions: readonly Scalar[],
  tensors: readonly AnyTensor[],
  parameters: number,
): Prepared {
  const shape = broadcastShape(operation, tensors)
  const names = Object.keys(shape)
  // The result lies in memory as the tensor that has the most of its axes does.
  const leading = tensors.reduce((best, tensor) =>
    tensor.layout.length > best.layout.length ? tensor : best,
  )
  const order = leading.layout.length === names.length ? physicalOrder(leading) : names
  const output = arranged('f32', shape, order)
  const count = tensors.length + expressions.length
  return prepare(
    device,
    key,
    expressions.map(() => output),
    count + parameters,
    (values) =>
      planMap({
        space: { names: order, sizes: order.map((name) => shape[name]!) },
        inputs: tensors.map((tensor, i) => ({ ...operandOf(tensor, order), address: values[i]! })),
        outputs: expressions.map((expression, i) => ({
          operand: {
            address: values[tensors.length + i]!,
            element: 'f32',
            strides: order.map((name) => output.layout.find((axis) => axis.name === name)!.stride),
          },
          expression,
        })),
        parameters: values.slice(count),
        fresh: true,
      }),
  )
}

type Other<B extends string> = Tensor<B> | number

/** Functions that are traced once, by operation: the same expression each time is found again at once. */
const remembered = new Map<string, Scalar>()
/** The same with a number in place of the second tensor. */
const rememberedWithNumber = new Map<string, Scalar>()
function tracedOnce(name: string, trace: () => Scalar, known: Map<string, Scalar> = remembered): Scalar {
  let expression = known.get(name)
  if (expression === undefined) known.set(name, (expression = trace()))
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
          tracedOnce(operation, () => f(input(0), parameter(0)), rememberedWithNumber),
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

/**
 * a + b, element by element; axes that one side lacks are broadcast by name. The result is f32. Throws
 * ShapeError if an axis has two sizes.
 */
export function add<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('add', a, b, (x, y) => x.add(y))
}
/** a − b; else as `add`. */
export function sub<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('sub', a, b, (x, y) => x.sub(y))
}
/** a × b; else as `add`. */
export function mul<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('mul', a, b, (x, y) => x.mul(y))
}
/** a / b; else as `add`. */
export function div<A extends string, B extends string = never>(a: Tensor<A>, b: Other<B>): Tensor<A | B> {
  return binary('div', a, b, (x, y) => x.div(y))
}

function unary<A extends string>(operation: string, x: Tensor<A>, f: (x: Scalar) => Scalar): Tensor<A> {
  if ((x as AnyTensor | null)?.dtype !== 'f32') {
    if (!isTensor(x)) throw notTensor(operation, x)
    throw new DtypeError({
      operation,
      expected: 'an f32 tensor',
      found: x.describe(),
      hint: "convert it with cast(x, 'f32')",
    })
  }
  return mapExpression(
    operation,
    tracedOnce(operation, () => f(input(0))),
    [x],
  ) as never
}

/**
 * e^x, element by element. This and the functions below take f32 tensors of any axes, and throw DtypeError
 * for others.
 */
export function exp<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('exp', x, (v) => v.exp())
}
/** The natural logarithm; −Infinity at 0, NaN below. */
export function log<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('log', x, (v) => v.log())
}
/** The square root; NaN below 0. */
export function sqrt<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('sqrt', x, (v) => v.sqrt())
}
/** x². */
export function square<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('square', x, (v) => v.mul(v))
}
/** The hyperbolic tangent. */
export function tanh<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('tanh', x, (v) => v.tanh())
}
/** The sine of an angle in radians. */
export function sin<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('sin', x, (v) => v.sin())
}
/** The cosine of an angle in radians. */
export function cos<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('cos', x, (v) => v.cos())
}
/** |x|; its gradient at 0 is 0. */
export function abs<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('abs', x, (v) => v.abs())
}
/** e^x − 1, without the loss of digits around 0. */
export function expm1<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('expm1', x, (v) => v.expm1())
}
/** ln(1 + x), without the loss of digits around 0; −Infinity at −1, NaN below. */
export function log1p<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('log1p', x, (v) => v.log1p())
}
/** 1 / (1 + e^−x): small results keep their digits, as does the gradient σ(x) σ(−x). */
export function sigmoid<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('sigmoid', x, activations.sigmoid)
}
/** ln(1 + e^x), as max(x, 0) + ln(1 + e^−|x|): no overflow, and small results keep their digits. */
export function softplus<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('softplus', x, (v) => v.softplus())
}
/** ln σ(x) = −softplus(−x): −x where σ(x) is no float above 0; the gradient is σ(−x). */
export function logSigmoid<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('logSigmoid', x, (v) => v.logSigmoid())
}
/** max(x, 0); its gradient at 0 is 0. NaN stays. */
export function relu<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('relu', x, activations.relu)
}
/**
 * x Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016); 0 at −∞, and small results keep
 * their digits.
 */
export function gelu<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('gelu', x, activations.gelu)
}
/** x σ(x), also called swish (Elfwing et al. 2018); 0 at −∞. */
export function silu<A extends string>(x: Tensor<A>): Tensor<A> {
  return unary('silu', x, activations.silu)
}

export { type Activation, activations } from '../../kernels/index.js'

/** @throws UsageError for one that there is not */
export function checkActivation(operation: string, activation: unknown): void {
  if (typeof activation === 'string' && Object.hasOwn(activations, activation)) return
  const known = Object.keys(activations)
  const meant = typeof activation === 'string' ? nearest(activation, known) : undefined
  throw new UsageError({
    operation,
    expected: `an activation: ${known.join(', ')}`,
    found: inWords(activation),
    hint: meant === undefined ? 'choose one of these' : `did you mean '${meant}'?`,
  })
}

/** activation(gate) × x, in one pass. */
export function gatedBy<A extends string>(x: Tensor<A>, gate: Tensor<A>, activation: Activation): Tensor<A> {
  checkActivation('map', activation)
  return mapExpression(
    'map',
    tracedOnce(`gated by ${activation}`, () => activations[activation](input(1)).mul(input(0))),
    [x, gate],
  ) as never
}

/** The activation of that name, elementwise. */
export function activate<A extends string>(x: Tensor<A>, activation: Activation): Tensor<A> {
  checkActivation('activate', activation)
  return unary(activation, x, activations[activation])
}
