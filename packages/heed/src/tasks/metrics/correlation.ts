/** How two lists of numbers go together. */
import { checkNumbers, UsageError } from '../../base/index.js'

type Numbers = ArrayLike<number>

/**
 * Pearson's correlation, −1 to 1, in f64: covariance over the product of the deviations. NaN where one of the
 * lists does not vary, has fewer than two numbers, or has one that is NaN.
 *
 * @throws UsageError for lists of different lengths, or of something else than numbers
 */
export function pearson(a: Numbers, b: Numbers): number {
  check('pearson', a, b)
  const count = a.length
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
 * their ranks. NaN where one of the lists does not vary, or has a number that is NaN.
 *
 * @throws UsageError for lists of different lengths, or of something else than numbers
 */
export function spearman(a: Numbers, b: Numbers): number {
  check('spearman', a, b)
  return pearson(ranksOf(a), ranksOf(b))
}

function check(operation: string, a: Numbers, b: Numbers): void {
  checkNumbers(operation, 'the first', a)
  checkNumbers(operation, 'the second', b)
  if (b.length === a.length) return
  throw new UsageError({
    operation,
    expected: `two lists of ${a.length} numbers`,
    found: `one of ${b.length}`,
    hint: 'give a number of each list for each item',
  })
}

/**
 * The rank of each number, the smallest 1; equal ones share the mean of their ranks. Beside NaN nothing has a
 * rank: all are NaN then.
 *
 * @throws UsageError for something else than numbers
 */
export function ranksOf(values: Numbers): Float64Array {
  checkNumbers('ranksOf', 'values', values)
  const count = values.length
  if (Array.prototype.some.call(values, Number.isNaN)) return new Float64Array(count).fill(NaN)
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((i, j) => values[i]! - values[j]!)
  const ranks = new Float64Array(count)
  for (let start = 0, end = 0; start < count; start = end) {
    while (end < count && values[order[end]!] === values[order[start]!]) end++
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
