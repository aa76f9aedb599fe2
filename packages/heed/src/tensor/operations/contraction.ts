import { checkNames, checkNumber, DtypeError, ShapeError, UsageError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import {
  type HalvesProduct,
  type MatmulAxis,
  type MatmulRequest,
  matmulPackedB,
  planMatmul,
  planPackB,
} from '../../kernels/index.js'
import { arranged, physicalOrder, sameDevice } from '../layout.js'
import { roundedProduct } from '../rounded-products.js'
import {
  alone,
  layoutNumber,
  outputOf,
  prepare,
  type Prepared,
  preparedFor,
  runPrepared,
  runWithOthers,
} from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record, tracked } from '../tape.js'
import { type AnyTensor, hasAxis, type Tensor, axisNames } from '../tensor.js'
import { viewOver } from '../view.js'
import { activate, type Activation, add, mul, checkActivation } from './elementwise.js'
import { sum } from './reduction.js'

export interface DotAttributes {
  readonly over: readonly string[]
  readonly scale: number | undefined
}

/**
 * The product of two tensors, summed over the axes in `over` (one axis, or a list). Axes that only one of
 * them has stand in the result. Other axes that both have are matched position by position.
 *
 *     dot(query, key, 'width')    batch head query width, batch head key width → batch head query key
 *
 * @throws ShapeError if an axis of `over` is missing in either, or an axis of both has two sizes
 * @throws DtypeError unless all are f32
 * @throws UsageError without axes
 */
export function dot<
  A extends string,
  B extends string,
  const O extends NoInfer<A & B>,
  S extends Exclude<A | B, O> = never,
  R extends Exclude<A | B, O> = never,
>(
  a: Tensor<A>,
  b: Tensor<B>,
  over: O | readonly O[],
  options: DotOptions<S, R> = {},
): Tensor<Exclude<A | B, O>> {
  checkNames('dot', options, optionNames)
  const { bias, activation, residual } = options
  if ((over as unknown) === undefined)
    throw new UsageError({
      operation: 'dot',
      expected: 'the axes to sum over',
      found: 'none named',
      hint: "name them: dot(a, b, 'width'); [] sums over none",
    })
  const axes = axisNames('dot', over)
  if (activation !== undefined) checkActivation('dot', activation)
  if (options.scale !== undefined) checkNumber('dot', 'scale', options.scale)
  // The gradient of an activation needs what went into it: then the product ends there.
  if (activation !== undefined && tracked(bias === undefined ? [a, b] : [a, b, bias])) {
    return alone(() =>
      allOrNothing(() => {
        const before = contract(a, b, axes, {
          ...options,
          activation: undefined,
          residual: undefined,
        } as never)
        const active = activate(before, activation)
        return residual === undefined ? active : add(active, residual)
      }),
    ) as never
  }
  return contract(a, b, axes, options as never) as never
}

/** What follows the sum, in this order: × scale, + bias, activation, + residual. */
export interface DotOptions<S extends string = string, R extends string = string> {
  readonly scale?: number | undefined
  /** Any of the result's axes. */
  readonly bias?: Tensor<S> | undefined
  readonly activation?: Activation | undefined
  /** Any of the result's axes. */
  readonly residual?: Tensor<R> | undefined
  /**
   * Where `b` is a weight: each row of the result then has the same bits however many rows there are. Takes a
   * second copy of `b` once it is used a second time. Has no effect on a `b` that is trained.
   */
  readonly steady?: boolean | undefined
}

const optionNames = [
  'scale',
  'bias',
  'activation',
  'residual',
  'steady',
] as const satisfies (keyof DotOptions)[]

/**
 * `dot` where the axes are known only at run time. An activation is not differentiated here. Within
 * `together` it may run at the end.
 */
export function contract(
  a: AnyTensor,
  b: AnyTensor,
  over: readonly string[],
  options: DotOptions = {},
): Tensor {
  return allOrNothing(() => {
    const { scale, bias, activation, residual } = options
    const steady = options.steady === true && !tracked([b])
    const addends = [bias, residual].filter((tensor) => tensor !== undefined)
    const inputs = [a, b, ...addends]
    const device = sameDevice('dot', inputs)
    const known = `dot ${layoutNumber(a)}${a.dtype} ${layoutNumber(b)}${b.dtype} ${over.join()} ${scale ?? ''} ${
      bias ? layoutNumber(bias) + bias.dtype : ''
    } ${activation ?? ''} ${residual ? layoutNumber(residual) + residual.dtype : ''}${steady ? ' steady' : ''}${
      roundedProduct() === undefined ? '' : ' bf16'
    }`
    let prepared = preparedFor(device, known)
    if (prepared === undefined) {
      checkOperands(a, b, over, addends)
      // Without axes of its own on one side and nothing to sum it is no matrix product.
      if (over.length === 0) return finishProduct(mul(a as Tensor, b as Tensor), options)
      prepared = prepareProduct(device, known, a, b, over, { ...options, steady }, false)
    }
    const values = [a.address, b.address, 0, bias?.address ?? 0, residual?.address ?? 0]
    const packing = prepared.note as Packing | undefined
    if (packing !== undefined && !tracked([b])) {
      const kept = b.storage.packed(packing.keyAt(b.offset), packing.bytes, (address) =>
        runPrepared(device, packing.pack, [0, b.address, address]),
      )
      if (kept !== undefined) {
        const key = `${known} packed`
        prepared =
          preparedFor(device, key) ?? prepareProduct(device, key, a, b, over, { ...options, steady }, true)
        values.push(kept)
      }
    }
    const output = outputOf(device, prepared, 0)
    values[2] = output.address
    runWithOthers(device, prepared, values, inputs, [output])
    return record('dot', inputs, output, { over, scale } satisfies DotAttributes)
  })
}

function checkOperands(
  a: AnyTensor,
  b: AnyTensor,
  over: readonly string[],
  addends: readonly AnyTensor[],
): void {
  for (const tensor of [a, b, ...addends]) {
    if (tensor.dtype !== 'f32')
      throw new DtypeError({
        operation: 'dot',
        expected: 'f32 tensors',
        found: describe(tensor),
        hint: "convert it with cast(x, 'f32')",
      })
  }
  for (const tensor of [a, b]) {
    for (const axis of over) {
      if (!hasAxis(tensor, axis)) {
        throw new ShapeError({
          operation: 'dot',
          axis,
          expected: `axis '${axis}' in both tensors`,
          found: `${describe(a)} and ${describe(b)}`,
          hint: 'sum over axes that both have; sum() takes those of one',
        })
      }
    }
  }
  for (const { name, size } of b.layout) {
    const other = a.layout.find((axis) => axis.name === name)
    if (over.length > 0 && other && other.size !== size)
      throw new ShapeError({
        operation: 'dot',
        axis: name,
        expected: `axis '${name}' of size ${other.size}`,
        found: String(size),
        hint: 'rename the axis if it means something else',
      })
  }
}

/** How the second operand is kept packed, where that is of use. */
interface Packing {
  readonly bytes: number
  readonly pack: Prepared
  keyAt(offset: number): string
}

/**
 * Plans a product; the values: addresses of a, b, the result, bias, residual, and of the packed b if
 * `packed`.
 */
function prepareProduct(
  device: Device,
  key: string,
  a: AnyTensor,
  b: AnyTensor,
  over: readonly string[],
  { scale, bias, activation, residual, steady = false }: DotOptions,
  packed: boolean,
): Prepared {
  const inA = new Map(a.layout.map((axis) => [axis.name, axis]))
  const inB = new Map(b.layout.map((axis) => [axis.name, axis]))
  const batch = a.layout.filter(({ name }) => inB.has(name) && !over.includes(name))
  const m = a.layout.filter(({ name }) => !inB.has(name))
  const n = b.layout.filter(({ name }) => !inA.has(name))
  const shape = Object.fromEntries([...batch, ...m, ...n].map(({ name, size }) => [name, size]))
  for (const addend of [bias, residual]) if (addend !== undefined) checkAddend(addend, shape)
  const output = arranged('f32', shape)
  const inC = new Map(output.layout.map((axis) => [axis.name, axis]))
  const axis = (name: string): MatmulAxis => ({
    size: (inA.get(name) ?? inB.get(name))!.size,
    a: inA.get(name)?.stride ?? 0,
    b: inB.get(name)?.stride ?? 0,
    c: inC.get(name)?.stride ?? 0,
    bias: bias === undefined ? 0 : strideAlong(bias, name),
    residual: residual === undefined ? 0 : strideAlong(residual, name),
  })
  const request = (values: readonly number[]): MatmulRequest => ({
    machine: device.target.machine,
    a: values[0]!,
    b: values[1]!,
    c: values[2]!,
    batch: batch.map(({ name }) => axis(name)),
    m: m.map(({ name }) => axis(name)),
    n: n.map(({ name }) => axis(name)),
    k: over.map(axis),
    steady,
    ...(scale !== undefined && { scale }),
    ...(bias !== undefined && { bias: values[3]! }),
    ...(activation !== undefined && { activation }),
    ...(residual !== undefined && { residual: values[4]! }),
  })
  const halves = (values: readonly number[]): HalvesProduct | undefined => roundedProduct()?.(request(values))
  const nothing = [0, 0, 0, 0, 0]
  const rounded = halves(nothing)
  const form = packed ? undefined : rounded ? rounded.ahead : matmulPackedB(request(nothing))
  const packing: Packing | undefined = form && {
    bytes: form.bytes,
    pack: prepare(
      device,
      `${key} pack`,
      [],
      3,
      (values) =>
        halves(values)?.ahead?.pack(values[1]!, values[2]!) ?? planPackB(request(values), values[2]!),
    ),
    keyAt: (offset) => (offset === 0 ? form.key : `${offset}:${form.key}`),
  }
  return prepare(
    device,
    key,
    [output],
    packed ? 6 : 5,
    (values, allocate) =>
      halves(values)?.plan(allocate, packed ? values[5]! : undefined) ??
      planMatmul({ ...request(values), allocate, ...(packed && { packedB: values[5]! }) }),
    packing,
  )
}

function strideAlong(tensor: AnyTensor, name: string): number {
  return tensor.layout.find((axis) => axis.name === name)?.stride ?? 0
}

/** An addend has some of the result's axes, each of the result's size. */
export function checkAddend(addend: AnyTensor, shape: Readonly<Record<string, number>>): void {
  for (const { name, size } of addend.layout) {
    if (shape[name] === size) continue
    throw new ShapeError({
      operation: 'dot',
      axis: name,
      expected:
        shape[name] === undefined
          ? `a bias or residual with axes of the result (${Object.keys(shape).join(', ')})`
          : `a bias or residual with axis '${name}' of size ${shape[name]}`,
      found: describe(addend),
      hint: 'rename or slice it',
    })
  }
}

/** What follows the sum, by itself. */
export function finishProduct(product: Tensor, { scale, bias, activation, residual }: DotOptions): Tensor {
  let result = scale === undefined ? product : mul(product, scale)
  if (bias !== undefined) result = add(result, bias)
  if (activation !== undefined) result = activate(result, activation)
  return residual === undefined ? result : add(result, residual)
}

/**
 * The gradient of one side of a product: `gradient` × scale, summed with the other side over the axes that
 * this side lacks.
 */
export function contractGradient(gradient: Tensor, other: AnyTensor, own: AnyTensor, scale?: number): Tensor {
  const mine = new Set(own.layout.map(({ name }) => name))
  const shared = gradient.layout
    .filter(({ name }) => !mine.has(name) && hasAxis(other, name))
    .map(({ name }) => name)
  const unmatched = gradient.layout
    .filter(({ name }) => !mine.has(name) && !hasAxis(other, name))
    .map(({ name }) => name)
  // In the order that the side has in memory, as long as one product can give it: whoever adds gradients up
  // need not rearrange them.
  const [outermost] = physicalOrder(own)
  const product =
    outermost === undefined || hasAxis(gradient, outermost)
      ? contract(gradient, other, shared, { scale })
      : contract(other, gradient, shared, { scale })
  return unmatched.length === 0 ? product : (sum(product, unmatched as never) as Tensor)
}

/** The gradient of a bias or residual: `gradient` summed over the axes that it lacks. A tensor of its own. */
export function addendGradient(gradient: Tensor, addend: AnyTensor): Tensor {
  const over = gradient.axes.filter((name) => !hasAxis(addend, name))
  return over.length === 0 ? viewOver(gradient, gradient.layout) : (sum(gradient, over as never) as Tensor)
}

function describe({ dtype, layout }: AnyTensor): string {
  return `${dtype} ${layout.map(({ name, size }) => `${name} ${size}`).join(', ') || 'scalar'}`
}
