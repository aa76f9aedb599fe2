export type Summary = { median: number; min: number; max: number }

export function summaryOf(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    min: sorted[0]!,
    max: sorted[sorted.length - 1]!,
  }
}

/**
 * The items in an order that `seed` gives: the same for the same seed (Fisher and Yates; steps of a linear
 * congruential generator).
 */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const order = [...items]
  let state = (seed + 1) * 0x9e3779b1
  for (let last = order.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const other = Math.floor((state / 2 ** 32) * (last + 1))
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}
