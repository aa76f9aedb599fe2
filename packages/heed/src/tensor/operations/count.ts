import type { AnyTensor } from '../tensor.js'

/** Over how much a scalar is the mean; what nobody asks about any more is forgotten. */
const counts = new WeakMap<AnyTensor, number>()

/** Notes over how much `mean` was taken: how many elements, or the sum of their weights. */
export function countedOver<T extends AnyTensor>(mean: T, count: number): T {
  counts.set(mean, count)
  return mean
}

/**
 * Over how many elements a scalar is the mean: targets that count, or the sum of their weights. It is known
 * of what `mean`, `crossEntropy` and the other losses give without axes, and of what is computed from that
 * elementwise. It is undefined elsewhere, and where two counts meet. Two means of parts, each times its
 * count, make the mean of the whole.
 */
export function countOf(mean: AnyTensor): number | undefined {
  return counts.get(mean)
}

/** A scalar computed from others counts as they do, where they agree. */
export function passCountOn(result: AnyTensor, from: readonly AnyTensor[]): void {
  let count: number | undefined
  for (const input of from) {
    const own = counts.get(input)
    if (own === undefined) continue
    if (count !== undefined && own !== count) return
    count = own
  }
  if (count !== undefined) counts.set(result, count)
}
