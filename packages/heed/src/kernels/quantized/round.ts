import type { IntVector, Vector } from '../language/index.js'

export { nearestBf16 as toHalf } from '../language/index.js'

/** The float that the bf16 in the lower half of each lane stands for. */
export function fromHalf(halves: IntVector): Vector {
  return halves.shl(16).fromBits()
}

/** Smaller numbers than this have no reciprocal that is a float: they count as 0. */
export const leastScale: number = 2 ** -100
