import {
  Emitter,
  type Environment,
  type Expression,
  type IntegerTerm,
  type Intervals,
  isVector,
} from '../expression/index.js'
import type { Builder, Int, IntVector, Mask, ParameterType, Pointer, Term } from '../language/index.js'
import type { LaunchValues } from '../launch.js'
import type { AttentionDefinition } from './definition.js'
import type { CapturePlace } from './places.js'

/** The parameters of a kernel by name, whatever their number. */
export type Terms = Readonly<Record<string, Term<'i32'> | Term<'f32'> | Pointer>>

/** The kernel parameters that carry a definition's own parameters and captured tensors. */
export type LeafParameters = {
  readonly [parameter: `parameter${number}`]: 'f32' | 'i32'
  readonly [capture: `capture${number}`]: 'f32*' | 'i32*'
  readonly [stride: `capture${number}stride${number}`]: 'i32'
  readonly [size: `capture${number}size${number}`]: 'i32'
}

export function leafParameters(definition: AttentionDefinition): LeafParameters {
  const types: Record<string, ParameterType> = {}
  definition.parameters.forEach((kind, i) => {
    types[`parameter${i}`] = kind === 'float' ? 'f32' : 'i32'
  })
  definition.captures.forEach(({ kind, rank }, slot) => {
    types[`capture${slot}`] = kind === 'float' ? 'f32*' : 'i32*'
    for (let axis = 0; axis < rank; axis++) {
      types[`capture${slot}stride${axis}`] = 'i32'
      types[`capture${slot}size${axis}`] = 'i32'
    }
  })
  return types as LeafParameters
}

export function leafValues(
  parameters: readonly number[],
  captures: readonly CapturePlace[],
): LaunchValues<LeafParameters> {
  const values: Record<string, number> = {}
  parameters.forEach((value, i) => (values[`parameter${i}`] = value))
  captures.forEach(({ address, strides, sizes }, slot) => {
    values[`capture${slot}`] = address
    strides.forEach((stride, axis) => {
      values[`capture${slot}stride${axis}`] = stride
      values[`capture${slot}size${axis}`] = sizes[axis]!
    })
  })
  return values
}

/** A vector of keys, or of query rows: a lane each, from `first` on. */
export interface Lanes {
  readonly axis: 'key' | 'queryRow'
  readonly first: Int
  /** The lanes that are any, where not all are. */
  readonly mask: Mask | undefined
}

/** Axes whose bare index lies within the tensors that have them; others are clamped. */
const trusted: ReadonlySet<string> = new Set(['batch', 'head', 'queryRow', 'key'])

/** What score and mask read, apart from positions. Vectors need `lanes`. */
export function leafEnvironment(
  k: Builder,
  terms: Terms,
  definition: AttentionDefinition,
  lanes?: Lanes,
): Environment {
  return {
    parameter: (slot) => terms[`parameter${slot}`] as Term<'f32'> | undefined,
    capture: (node, indices) => {
      const slot = node.value as number
      const pointer = terms[`capture${slot}`] as Pointer<'f32' | 'i32'>
      const offset = elementOffset(terms, `capture${slot}`, slot, node, indices)
      if (!isVector(offset)) return k.loadScalar(pointer.at(offset as Int)) as Term<'f32'>
      if (lanes !== undefined && along(lanes.axis, definition, node, indices)) {
        const base = elementOffset(terms, `capture${slot}`, slot, node, [
          ...indices.slice(0, -1),
          lanes.first,
        ]) as Int
        return k.load(pointer.at(base), lanes.mask) as Term<'vector'>
      }
      return k.gather(pointer, offset as IntVector, lanes?.mask) as Term<'vector'>
    },
  }
}

/** An emitter for one head of one batch, which has written all that does not depend on query and key. */
export function headEmitter(
  k: Builder,
  terms: Terms,
  definition: AttentionDefinition,
  roots: readonly Expression[],
  batch: Int,
  head: Int,
): Emitter {
  const emitter = new Emitter(k, {
    ...leafEnvironment(k, terms, definition),
    index: (axis) => (axis === 'batch' ? batch : axis === 'head' ? head : undefined),
  })
  emitter.hoist(roots)
  return emitter
}

/**
 * Elements from the start of a captured tensor (or of its gradient, which has strides of its own) to the one
 * at `indices`.
 */
export function elementOffset(
  terms: Terms,
  strides: string,
  slot: number,
  node: Expression,
  indices: readonly IntegerTerm[],
): IntegerTerm {
  let offset: IntegerTerm | undefined
  indices.forEach((index, axis) => {
    const operand = node.operands[axis]!
    const last = (terms[`capture${slot}size${axis}`] as Int).sub(1)
    const bare = operand.operation === 'index' && trusted.has(operand.value as string)
    const within = bare ? index : (index as Int).max(0).min(last)
    const step = (within as Int).mul(terms[`${strides}stride${axis}`] as Int)
    offset =
      offset === undefined ? step : isVector(step) ? step.add(offset as Int) : (offset as Int).add(step)
  })
  return offset ?? (terms[`capture${slot}`] as Pointer).builder.int(0)
}

/** Whether the elements for a vector of keys, or of query rows, lie one after the other. */
export function along(
  axis: Lanes['axis'],
  definition: AttentionDefinition,
  node: Expression,
  indices: readonly IntegerTerm[],
): boolean {
  const last = node.operands[node.operands.length - 1]
  const contiguous = definition.captures[node.value as number]!.contiguous
  return (
    contiguous &&
    last?.operation === 'index' &&
    last.value === axis &&
    indices.slice(0, -1).every((index) => !isVector(index))
  )
}

/** What bounds of a mask need beside the positions. */
export function leafIntervals(k: Builder, terms: Terms): Pick<Intervals, 'parameter' | 'capture'> {
  return {
    parameter: (slot) => terms[`parameter${slot}`] as Int,
    capture: (node, indices) => {
      const slot = node.value as number
      return k.loadScalar(
        (terms[`capture${slot}`] as Pointer<'i32'>).at(
          elementOffset(terms, `capture${slot}`, slot, node, indices) as Int,
        ),
      )
    },
  }
}
