import { type Emitter, type Expression, type IntegerTerm, nodesOf, spread } from '../expression/index.js'
import type { Builder, Int, ParameterType, Pointer, Variable, Vector } from '../language/index.js'
import type { LaunchValues } from '../launch.js'
import type { AttentionDefinition } from './definition.js'
import { type AttentionDerivative, comesFromScore } from './derivative.js'
import { along, elementOffset, type Lanes, type Terms } from './leaves.js'
import type { CapturePlace } from './places.js'

/** The gradients of captured tensors as kernel parameters: an address each, and strides of its own. */
export type GradientParameters = {
  readonly [gradient: `gradient${number}`]: 'f32*'
  readonly [stride: `gradient${number}stride${number}`]: 'i32'
}

export function gradientParameters(
  definition: AttentionDefinition,
  slots: readonly number[],
): GradientParameters {
  const types: Record<string, ParameterType> = {}
  for (const slot of slots) {
    types[`gradient${slot}`] = 'f32*'
    for (let axis = 0; axis < definition.captures[slot]!.rank; axis++)
      types[`gradient${slot}stride${axis}`] = 'i32'
  }
  return types as GradientParameters
}

export function gradientValues(
  slots: readonly number[],
  gradients: readonly (CapturePlace | undefined)[],
): LaunchValues<GradientParameters> {
  const values: Record<string, number> = {}
  for (const slot of slots) {
    const { address, strides } = gradients[slot]!
    values[`gradient${slot}`] = address
    strides.forEach((stride, axis) => (values[`gradient${slot}stride${axis}`] = stride))
  }
  return values
}

type Access = AttentionDerivative['captures'][number]

interface RowSum {
  readonly sum: Variable<'vector'>
  readonly pointer: Pointer<'f32'>
  readonly center: Vector | undefined
}

/** Adds the gradients of what score and filter read from captured tensors to the tensors' gradients. */
export class CaptureScatter {
  readonly terms: Terms
  readonly definition: AttentionDefinition
  readonly accesses: readonly Access[]
  /** Room for the lanes of a vector of floats and, after it, of one of integers. */
  readonly lanes: Pointer<'f32'>

  constructor(
    terms: Terms,
    definition: AttentionDefinition,
    derivative: AttentionDerivative,
    slots: readonly number[],
    lanes: Pointer<'f32'>,
  ) {
    this.terms = terms
    this.definition = definition
    this.accesses = accessesOf(derivative, slots)
    this.lanes = lanes
  }

  /** One query row: what is the same for all its keys is summed before it is added. */
  beginRow(k: Builder, emitter: Emitter, centers?: Centers): ScatterRow {
    return new ScatterRow(k, this, emitter, centers)
  }
}

function accessesOf(derivative: AttentionDerivative, slots: readonly number[]): readonly Access[] {
  return derivative.captures.filter(({ node }) => slots.includes(node.value as number))
}

/**
 * Whether a row of the filter adds to one element what all of its keys give, as it does to a temperature. The
 * gradients of a row's scores sum to 0, so any number may be taken off what they are multiplied with. With
 * its mean over the row's weights taken off, nothing is left that would cancel, and rounding does not show.
 */
export function hasCenters(
  definition: AttentionDefinition,
  derivative: AttentionDerivative,
  slots: readonly number[],
): boolean {
  // A sink has a share of that sum, but no key.
  return (
    !definition.sink &&
    accessesOf(derivative, slots).some((access) => isByRow(access) && comesFromScore(access.gradient))
  )
}

function isByRow({ node }: Access): boolean {
  return !nodesOf(node.operands).some(({ operation, value }) => operation === 'index' && value === 'key')
}

/** Where the means of one row stand: one for each access, `step` apart. */
export interface Centers {
  readonly at: Pointer<'f32'>
  readonly step: number
  /** First they are summed up, from gradients whose seeds are the weights; then taken off. */
  readonly pass: 'sum' | 'use'
}

class ScatterRow {
  readonly k: Builder
  readonly scatter: CaptureScatter
  readonly #pass: Centers['pass'] | undefined
  readonly #sums = new Map<Access, RowSum>()

  constructor(k: Builder, scatter: CaptureScatter, emitter: Emitter, centers: Centers | undefined) {
    this.k = k
    this.scatter = scatter
    this.#pass = centers?.pass
    scatter.accesses.forEach((access, i) => {
      if (!isByRow(access)) return
      const { node } = access
      const center = centers?.at.at(i * centers.step)
      this.#sums.set(access, {
        sum: k.variable(k.vector(0)),
        pointer:
          centers?.pass === 'sum'
            ? center!
            : this.#pointer(node).at(this.#offset(node, this.#indices(node, emitter)) as Int),
        center: center && centers?.pass === 'use' ? k.loadBroadcast(center) : undefined,
      })
    })
  }

  /** A vector of keys; `keep` clears what is masked. `seed`: the gradients of their scores. */
  add(emitter: Emitter, keys: Lanes, length: Int, keep: (value: Vector) => Vector, seed?: Vector): void {
    const { k, scatter } = this
    for (const access of scatter.accesses) {
      const { node, gradient } = access
      const row = this.#sums.get(access)
      if (row === undefined && this.#pass === 'sum') continue
      const given = spread(emitter.emit(gradient)) as Vector
      const centered = row?.center === undefined ? given : given.sub(seed!.mul(row.center))
      const value = keep(centered)
      if (row !== undefined) {
        row.sum.set(row.sum.get().add(value))
        continue
      }
      const indices = this.#indices(node, emitter)
      if (along('key', scatter.definition, node, indices)) {
        const at = this.#pointer(node).at(this.#offset(node, [...indices.slice(0, -1), keys.first]) as Int)
        k.store(at, k.load(at, keys.mask).add(value), keys.mask)
        continue
      }
      const offsets = scatter.lanes.at(32).as('i32')
      k.store(scatter.lanes, value)
      k.store(offsets, spread(this.#offset(node, indices)) as never)
      const count = keys.mask === undefined ? k.int(k.lanes) : length.sub(keys.first).min(k.lanes)
      k.loop(0, count, 1, (lane) => {
        const at = this.#pointer(node).at(k.loadScalar(offsets.at(lane)))
        k.store(at, k.loadScalar(at).add(k.loadScalar(scatter.lanes.at(lane))))
      })
    }
  }

  end(): void {
    for (const { sum, pointer } of this.#sums.values())
      this.k.store(pointer, this.k.loadScalar(pointer).add(sum.get().sum()))
  }

  #indices(node: Expression, emitter: Emitter): IntegerTerm[] {
    return node.operands.map((operand) => emitter.emit(operand as Expression<'integer'>))
  }
  #pointer(node: Expression): Pointer<'f32'> {
    return this.scatter.terms[`gradient${node.value}`] as Pointer<'f32'>
  }
  #offset(node: Expression, indices: readonly IntegerTerm[]): IntegerTerm {
    return elementOffset(this.scatter.terms, `gradient${node.value}`, node.value as number, node, indices)
  }
}
