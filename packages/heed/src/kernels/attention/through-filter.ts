import { type Emitter, spread } from '../expression/index.js'
import type { Builder, Mask, Vector } from '../language/index.js'
import type { AttentionDerivative } from './derivative.js'
import { filteredSlot, weightSlot } from './filter.js'

/** Normalized weights with the function on the filter in between, and back. */
export interface ThroughFilter {
  /** What values are mixed with. */
  readonly filtered: Vector
  /** Gradient of the normalized weights. */
  readonly gradient: Vector
  /** Knows both inputs of the function's derivative. */
  readonly emitter: Emitter
}

/**
 * From normalized weights and the gradients of what values are mixed with. Of a weight of 0 the gradient is 0
 * where the value, or what it gave, is not finite. Without a function both are what they were.
 */
export function throughFilter(
  k: Builder,
  { filter, weight: ofWeight }: AttentionDerivative,
  emitter: Emitter,
  weight: Vector,
  given: () => Vector,
  keep: (value: Vector) => Vector,
): ThroughFilter {
  if (filter === undefined) return { filtered: weight, gradient: given(), emitter }
  let upstream: Vector | undefined = undefined
  const inner = emitter.within({
    input: (slot) => (slot === weightSlot ? weight : slot === filteredSlot ? upstream : undefined),
  })
  const filtered = keep(spread(inner.emit(filter)) as Vector)
  const found = given()
  upstream = filtered.ne(0).or(found.abs().lt(Infinity)).select(found, k.vector(0))
  const gradient = ofWeight === undefined ? k.vector(0) : (spread(inner.emit(ofWeight)) as Vector)
  return { filtered, gradient, emitter: inner }
}

/**
 * Which keys have a weight at all: with a function on the filter, which may make something of 0, those whose
 * score is −infinity have none either.
 */
export function visible(
  { filter }: AttentionDerivative,
  allowed: Mask | undefined,
  score: Vector,
): Mask | undefined {
  if (filter === undefined) return allowed
  const some = score.ne(-Infinity)
  return allowed?.and(some) ?? some
}
