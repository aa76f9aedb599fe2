import { DtypeError, ShapeError, sizeOf } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { planQuantizedProduct, type QuantizedProductRequest } from '../../kernels/index.js'
import { arranged, sameDevice } from '../layout.js'
import {
  alone,
  layoutNumber,
  outputOf,
  type Prepared,
  prepare,
  preparedFor,
  runWithOthers,
} from '../prepared.js'
import type { AnyQuantizedWeights, QuantizedWeights } from '../quantized-weights.js'
import { allOrNothing } from '../scope.js'
import { record, tracked } from '../tape.js'
import { type AnyTensor, axisOf, hasAxis, type Tensor } from '../tensor.js'
import { checkAddend, type DotOptions, finishProduct } from './contraction.js'
import { arrange } from './copy.js'

/**
 * `dot` with quantized weights: the product summed over their `over` axes, then scale, bias, activation and
 * residual. Its gradient goes to `x`, bias and residual; see `quantizedGradient`.
 *
 * @throws ShapeError if `x` lacks one of these axes, or has one of the weights' others; or sizes differ
 * @throws DtypeError unless x, bias and residual are f32
 */
export function dotQuantized<
  A extends string,
  W extends string,
  S extends Exclude<A, W> | Exclude<W, A> = never,
  R extends Exclude<A, W> | Exclude<W, A> = never,
>(
  x: Tensor<A>,
  weights: QuantizedWeights<W>,
  options: DotOptions<S, R> = {},
): Tensor<Exclude<A, W> | Exclude<W, A>> {
  return contractQuantized(x, weights, options as never) as never
}

/** `dotQuantized` where the axes are known only at run time. */
export function contractQuantized(
  x: AnyTensor,
  weights: AnyQuantizedWeights,
  options: DotOptions = {},
): Tensor {
  return allOrNothing(() => {
    const { scale, bias, activation, residual } = options
    const addends = [bias, residual].filter((tensor) => tensor !== undefined)
    const device = sameDevice('dot', [x, weights, ...addends])
    // The gradient of an activation needs what went into it: then the product ends there.
    if (activation !== undefined && tracked([x, ...addends]))
      return alone(() =>
        finishProduct(contractQuantized(x, weights, { scale, bias }), { activation, residual }),
      )
    const last = lastPlans.get(weights)
    if (last !== undefined && isSame(last, x, options))
      return runPlan(last.prepared, device, x, weights, options)
    const key = `quantized ${layoutNumber(x)}${x.dtype} ${textOf(weights)} ${scale ?? ''} ${
      bias ? layoutNumber(bias) + bias.dtype : ''
    } ${activation ?? ''} ${residual ? layoutNumber(residual) + residual.dtype : ''}`
    let prepared = preparedFor(device, key)
    if (prepared === undefined) {
      const plan = planFor(x, weights, options)
      if (plan === 'x') return alone(() => withRows(x, weights, options))
      if (plan === 'addends') return alone(() => finishProduct(contractQuantized(x, weights, {}), options))
      prepared = prepare(device, key, [plan.output], 5, ([a, address, c, first, second], allocate) =>
        planQuantizedProduct(
          {
            ...plan.request,
            weights: { ...weights.packed, address: address! },
            a: a!,
            c: c!,
            ...(plan.bias && { bias: { ...plan.bias, address: first! } }),
            ...(plan.residual && { residual: { ...plan.residual, address: second! } }),
          },
          allocate,
        ),
      )
    }
    lastPlans.set(weights, {
      prepared,
      x: x.layout,
      bias: bias?.layout,
      residual: residual?.layout,
      scale,
      activation,
    })
    return runPlan(prepared, device, x, weights, options)
  })
}

/** What a gradient needs to know of a product with quantized weights. */
export interface DotQuantizedAttributes {
  readonly weights: AnyQuantizedWeights
  readonly scale: number | undefined
}

function runPlan(
  prepared: Prepared,
  device: Device,
  x: AnyTensor,
  weights: AnyQuantizedWeights,
  { scale, bias, residual }: DotOptions,
): Tensor {
  const inputs = [x, weights, bias, residual].filter((tensor) => tensor !== undefined)
  const output = outputOf(device, prepared, 0)
  runWithOthers(
    device,
    prepared,
    [x.address, weights.address, output.address, bias?.address ?? 0, residual?.address ?? 0],
    inputs,
    [output],
  )
  const attributes: DotQuantizedAttributes = { weights, scale }
  return record(
    'dotQuantized',
    [x, bias, residual].filter((tensor) => tensor !== undefined),
    output,
    attributes,
  )
}

/**
 * The plan that weights were last multiplied by, and what for: while writing, each step asks for what the
 * last one did, and to find it by its key would take as long as the rest of a small product's call.
 */
interface LastPlan {
  readonly prepared: Prepared
  readonly x: AnyTensor['layout']
  readonly bias: AnyTensor['layout'] | undefined
  readonly residual: AnyTensor['layout'] | undefined
  readonly scale: number | undefined
  readonly activation: DotOptions['activation']
}
const lastPlans = new WeakMap<AnyQuantizedWeights, LastPlan>()

function isSame(last: LastPlan, x: AnyTensor, { scale, bias, activation, residual }: DotOptions): boolean {
  return (
    last.x === x.layout &&
    x.dtype === 'f32' &&
    last.bias === bias?.layout &&
    (bias === undefined || bias.dtype === 'f32') &&
    last.residual === residual?.layout &&
    (residual === undefined || residual.dtype === 'f32') &&
    last.scale === scale &&
    last.activation === activation
  )
}

/** By way of a copy of x whose rows are runs of memory. */
function withRows(x: AnyTensor, weights: AnyQuantizedWeights, options: DotOptions): Tensor {
  const others = x.layout.map(({ name }) => name).filter((name) => !weights.over.includes(name))
  const laid = arrange(x, [...others, ...weights.over])
  try {
    return contractQuantized(laid, weights, options)
  } finally {
    laid.dispose()
  }
}

/** What a plan depends on. */
const texts = new WeakMap<AnyQuantizedWeights, string>()
function textOf(weights: AnyQuantizedWeights): string {
  let text = texts.get(weights)
  if (text === undefined) texts.set(weights, (text = weights.describe()))
  return text
}

interface Strides {
  readonly row: number
  readonly column: number
}

/**
 * The product as the kernels see it, without addresses; or what has to be copied, or added by itself, first.
 */
function planFor(
  x: AnyTensor,
  weights: AnyQuantizedWeights,
  { scale, bias, activation, residual }: DotOptions,
):
  | 'x'
  | 'addends'
  | {
      readonly request: Pick<QuantizedProductRequest, 'aRow' | 'm' | 'cRow' | 'scale' | 'activation'>
      readonly output: ReturnType<typeof arranged>
      readonly bias?: Strides
      readonly residual?: Strides
    } {
  checkOperands(x, weights, [bias, residual])
  const m = x.layout.filter(({ name }) => !weights.over.includes(name))
  const rows = m.map(({ name }) => name)
  const shape = Object.fromEntries(m.map(({ name, size }) => [name, size]))
  for (const name of weights.columnAxes) shape[name] = weights.shape[name]!
  for (const addend of [bias, residual]) if (addend !== undefined) checkAddend(addend, shape)
  const output = arranged('f32', shape)
  const count = sizeOf(Object.fromEntries(m.map(({ name, size }) => [name, size])))
  const columns = output.elements / (count || 1)
  // Rows evenly apart, and each a run of memory.
  const aRow = count === 0 ? 0 : strideOver(x, shape, rows)
  const depth = weights.over.reduce((product, name) => product * weights.shape[name]!, 1)
  const within = strideOver(x, weights.shape, weights.over)
  if (aRow === undefined || (within !== 1 && depth > 1 && count > 0)) return 'x'
  const stridesOf = (addend: AnyTensor | undefined): Strides | undefined | 'none' => {
    if (addend === undefined) return 'none'
    const [row, column] = [strideOver(addend, shape, rows), strideOver(addend, shape, weights.columnAxes)]
    return row === undefined || column === undefined ? undefined : { row, column }
  }
  const [biasStrides, residualStrides] = [stridesOf(bias), stridesOf(residual)]
  if (biasStrides === undefined || residualStrides === undefined) return 'addends'
  return {
    request: {
      aRow,
      m: count,
      cRow: columns,
      ...(scale !== undefined && { scale }),
      ...(activation !== undefined && { activation }),
    },
    output,
    ...(biasStrides !== 'none' && { bias: biasStrides }),
    ...(residualStrides !== 'none' && { residual: residualStrides }),
  }
}

/**
 * The distance between neighbours along these axes taken as one axis, the outermost first. It is 0 where the
 * tensor has none of them, or where all their positions are one element. It is undefined where there is no
 * such distance.
 */
function strideOver(
  tensor: AnyTensor,
  shape: Readonly<Record<string, number>>,
  names: readonly string[],
): number | undefined {
  let [stride, expected] = [0, undefined as number | undefined]
  for (let i = names.length - 1; i >= 0; i--) {
    const size = shape[names[i]!]!
    if (size === 1) continue
    const own = hasAxis(tensor, names[i]!) ? axisOf('dot', tensor, names[i]!).stride : 0
    if (expected === undefined) stride = own
    else if (own !== expected) return undefined
    expected = own * size
  }
  return stride
}

function checkOperands(
  x: AnyTensor,
  weights: AnyQuantizedWeights,
  addends: readonly (AnyTensor | undefined)[],
): void {
  for (const tensor of [x, ...addends]) {
    if (tensor === undefined || tensor.dtype === 'f32') continue
    throw new DtypeError({
      operation: 'dot',
      expected: 'f32 tensors',
      found: describe(tensor),
      hint: "convert it with cast(x, 'f32')",
    })
  }
  for (const name of weights.over) {
    const found = x.layout.find((axis) => axis.name === name)
    if (found?.size === weights.shape[name]) continue
    throw new ShapeError({
      operation: 'dot',
      axis: name,
      expected: `axis '${name}' of size ${weights.shape[name]}`,
      found: describe(x),
      hint: `the weights were quantized for sums over ${weights.over.join(', ')}`,
    })
  }
  for (const name of weights.columnAxes) {
    if (!hasAxis(x, name)) continue
    throw new ShapeError({
      operation: 'dot',
      axis: name,
      expected: `a tensor without axis '${name}', which the weights have and do not sum over`,
      found: describe(x),
      hint: 'rename it, or dequantize() the weights',
    })
  }
}

function describe({ dtype, layout }: AnyTensor): string {
  return `${dtype} ${layout.map(({ name, size }) => `${name} ${size}`).join(', ') || 'scalar'}`
}
