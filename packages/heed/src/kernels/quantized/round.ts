import type { IntVector, Vector } from '../language/index.js'

/** The bf16 nearest to each float, ties to even, in the lower half of each lane; NaN stays NaN. */
export function toHalf(value: Vector): IntVector {
  const bits = value.toBits()
  const upper = bits.ushr(16)
  const rounded = bits.add(upper.and(1).add(0x7fff)).ushr(16)
  return value.ne(value).select(upper.or(0x40), rounded)
}

/** The float that the bf16 in the lower half of each lane stands for. */
export function fromHalf(halves: IntVector): Vector {
  return halves.shl(16).fromBits()
}

/** Smaller numbers than this have no reciprocal that is a float: they count as 0. */
export const leastScale: number = 2 ** -100
