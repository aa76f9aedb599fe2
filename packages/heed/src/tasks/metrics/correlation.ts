/** How two lists of numbers go together. */
import { UsageError } from '../../base/index.js'

type Numbers = ArrayLike<number>

/**
 * Pearson's correlation, −1 to 1, in f64: covariance over the product of the deviations. NaN where one of the
 * lists does not vary, or has fewer than two numbers.
 *
 * @throws UsageError for lists of different lengths
 */
export function pearson(a: Numbers, b: Numbers): number {
  const count = a.length
  if (b.length !== count)
    throw new UsageError({
      operation: 'pearson',
      expected: `two lists of ${count} numbers`,
      found: `one of ${b.length}`,
      hint: 'give a number of each list for each item',
    })
  const [meanA, meanB] = [meanOf(a), meanOf(b)]
  let [products, squaresA, squaresB] = [0, 0, 0]
  for (let i = 0; i < count; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB]
    products += x * y
    squaresA += x * x
    squaresB += y * y
  }
  // The root of the product of two small sums would be 0 before either is.
  const found = products / (Math.sqrt(squaresA) * Math.sqrt(squaresB))
  return Number.isNaN(found) ? NaN : Math.max(-1, Math.min(1, found))
}

/**
 * Spearman's rank correlation (1904), −1 to 1: Pearson's of the ranks, where equal numbers share the mean of
 * their ranks. NaN where one of the lists does not vary.
 *
 * @throws UsageError for lists of different lengths
 */
export function spearman(a: Numbers, b: Numbers): number {
  return pearson(ranksOf(a), ranksOf(b))
}

/** The rank of each number, the smallest 1; equal ones share the mean of their ranks. */
export function ranksOf(values: Numbers): Float64Array {
  const count = values.length
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((i, j) => values[i]! - values[j]!)
  const ranks = new Float64Array(count)
  for (let start = 0, end = 0; start < count; start = end) {
    while (end < count && values[order[end]!] === values[order[start]!]) end++
    // A number that equals nothing, NaN, has a place of its own.
    if (end === start) end++
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + end + 1) / 2
  }
  return ranks
}

/** The mean; NaN of nothing. */
export function meanOf(values: Numbers): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}
