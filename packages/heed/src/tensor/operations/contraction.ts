import { DtypeError, ShapeError } from '../../base/index.js'
import {
  type MatmulAxis,
  type MatmulRequest,
  matmulPackedB,
  planMatmul,
  planPackB,
} from '../../kernels/index.js'
import { execute } from '../execute.js'
import { emptyArranged, sameDevice } from '../layout.js'
import { record, tracked } from '../tape.js'
import { type AnyTensor, hasAxis, type Tensor } from '../tensor.js'
import { viewOver } from '../view.js'
import { activate, type Activation, add, mul } from './elementwise.js'
import { sum } from './reduction.js'

export interface DotAttributes {
  readonly over: readonly string[]
  readonly scale: number | undefined
}

/**
 * The product of two tensors, summed over the axes in `over`: axes that only one has stand in the result, axes that both have and that are not
 * summed over are matched position by position. `dot(query, key, 'width')`: batch head query width, batch head key width → batch head query key.
 * `over` may be a list.
 *
 * @throws ShapeError if an axis of `over` is missing in either, or an axis of both has two sizes
 * @throws DtypeError unless all are f32
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
  const { bias, activation, residual } = options
  const axes: readonly string[] = typeof over === 'string' ? [over] : [...new Set(over)]
  // The gradient of an activation needs what went into it: then the product ends there.
  if (activation !== undefined && tracked(bias === undefined ? [a, b] : [a, b, bias])) {
    const before = contract(a, b, axes, { ...options, activation: undefined, residual: undefined } as never)
    const active = activate(before, activation)
    return (residual === undefined ? active : add(active, residual)) as never
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
}

/** `dot` where the axes are known only at run time. An activation is not differentiated here. */
export function contract(
  a: AnyTensor,
  b: AnyTensor,
  over: readonly string[],
  options: DotOptions = {},
): Tensor {
  const { scale, bias, activation, residual } = options
  const addends = [bias, residual].filter((tensor) => tensor !== undefined)
  const device = sameDevice('dot', [a, b, ...addends])
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
  // Without axes of its own on one side and nothing to sum it is no matrix product.
  if (over.length === 0) return finish(mul(a as Tensor, b as Tensor), options)
  const inA = new Map(a.layout.map((axis) => [axis.name, axis]))
  const inB = new Map(b.layout.map((axis) => [axis.name, axis]))
  for (const { name, size } of b.layout) {
    const other = inA.get(name)
    if (other && other.size !== size)
      throw new ShapeError({
        operation: 'dot',
        axis: name,
        expected: `axis '${name}' of size ${other.size}`,
        found: String(size),
        hint: 'rename the axis if it means something else',
      })
  }
  const batch = a.layout.filter(({ name }) => inB.has(name) && !over.includes(name))
  const m = a.layout.filter(({ name }) => !inB.has(name))
  const n = b.layout.filter(({ name }) => !inA.has(name))
  const shape = Object.fromEntries([...batch, ...m, ...n].map(({ name, size }) => [name, size]))
  for (const addend of addends) checkAddend(addend, shape)
  const output = emptyArranged(device, 'f32', shape)
  const inC = new Map(output.layout.map((axis) => [axis.name, axis]))
  const axis = (name: string): MatmulAxis => {
    const size = (inA.get(name) ?? inB.get(name))!.size
    return {
      size,
      a: inA.get(name)?.stride ?? 0,
      b: inB.get(name)?.stride ?? 0,
      c: inC.get(name)?.stride ?? 0,
      bias: bias === undefined ? 0 : strideAlong(bias, name),
      residual: residual === undefined ? 0 : strideAlong(residual, name),
    }
  }
  const request: MatmulRequest = {
    machine: device.target.machine,
    a: a.address,
    b: b.address,
    c: output.address,
    batch: batch.map(({ name }) => axis(name)),
    m: m.map(({ name }) => axis(name)),
    n: n.map(({ name }) => axis(name)),
    k: over.map(axis),
    ...(scale === undefined ? {} : { scale }),
    ...(bias === undefined ? {} : { bias: bias.address }),
    ...(activation === undefined ? {} : { activation }),
    ...(residual === undefined ? {} : { residual: residual.address }),
  }
  const packedB = tracked([b]) ? undefined : keptPacked(b, request)
  execute(device, (allocate) =>
    planMatmul({ ...request, allocate, ...(packedB !== undefined && { packedB }) }),
  )
  return record('dot', [a, b, ...addends], output, { over, scale } satisfies DotAttributes)
}

/** A copy of the second operand as products read it, kept with the tensor where it is used again; not while it is trained. */
function keptPacked(b: AnyTensor, request: MatmulRequest): number | undefined {
  const form = matmulPackedB(request)
  if (form === undefined) return undefined
  return b.storage.packed(`${b.offset}:${form.key}`, form.bytes, (address) =>
    execute(b.device, () => planPackB(request, address)),
  )
}

function strideAlong(tensor: AnyTensor, name: string): number {
  return tensor.layout.find((axis) => axis.name === name)?.stride ?? 0
}

/** An addend has some of the result's axes, each of the result's size. */
function checkAddend(addend: AnyTensor, shape: Readonly<Record<string, number>>): void {
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

/** The epilogue by itself, where there is no sum that it could follow. */
function finish(product: Tensor, { scale, bias, activation, residual }: DotOptions): Tensor {
  let result = scale === undefined ? product : mul(product, scale)
  if (bias !== undefined) result = add(result, bias)
  if (activation !== undefined) result = activate(result, activation)
  return residual === undefined ? result : add(result, residual)
}

/** The gradient of one side of a product: `gradient` × scale, summed with the other side over the axes that this side lacks. */
export function contractGradient(gradient: Tensor, other: AnyTensor, own: AnyTensor, scale?: number): Tensor {
  const mine = new Set(own.layout.map(({ name }) => name))
  const shared = gradient.layout
    .filter(({ name }) => !mine.has(name) && hasAxis(other, name))
    .map(({ name }) => name)
  const alone = gradient.layout
    .filter(({ name }) => !mine.has(name) && !hasAxis(other, name))
    .map(({ name }) => name)
  const product = contract(gradient, other, shared, { scale })
  return alone.length === 0 ? product : (sum(product, alone as never) as Tensor)
}

/** The gradient of a bias or residual: `gradient` summed over the axes that it lacks. A tensor of its own. */
export function addendGradient(gradient: Tensor, addend: AnyTensor): Tensor {
  const over = gradient.axes.filter((name) => !hasAxis(addend, name))
  return over.length === 0 ? viewOver(gradient, gradient.layout) : (sum(gradient, over as never) as Tensor)
}

function describe({ dtype, layout }: AnyTensor): string {
  return `${dtype} ${layout.map(({ name, size }) => `${name} ${size}`).join(', ') || 'scalar'}`
}
