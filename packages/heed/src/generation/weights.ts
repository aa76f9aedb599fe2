/** How likely tokens are beside the likeliest, and which are the likeliest. */

/** What a token's weight follows from: exp((logit − largest) / temperature). */
export interface Weigh {
  readonly logits: ArrayLike<number>
  readonly largest: number
  readonly temperature: number
}

export function logWeightOf({ largest, temperature }: Weigh, logit: number): number {
  // The difference of equal infinities is NaN, where the limit is 0.
  return logit === largest ? 0 : (logit - largest) / temperature
}

/** 1 for the largest, also where it is infinite, and 0 for −infinity. */
export function weightOf(weigh: Weigh, logit: number): number {
  return Math.exp(logWeightOf(weigh, logit))
}

/** Powers of two from 1 to 2, and those of whole exponents from 0 down. */
const parts = 1024
const fractions = Float64Array.from({ length: parts }, (_, i) => 2 ** (i / parts))
const powers = Float64Array.from({ length: 1024 }, (_, i) => 2 ** -i)

/**
 * The sum of all weights. exp is 2 to some 1024th, from a table, and the rest by its series: to 13 digits,
 * and in less than the time that Math.exp takes, which in a large vocabulary is most of choosing a token.
 */
export function sumOfWeights(weigh: Weigh): number {
  const { logits, largest, temperature } = weigh
  const scale = parts / Math.LN2 / temperature
  let sum = 0
  if (!Number.isFinite(scale) || !Number.isFinite(largest)) {
    for (let id = 0; id < logits.length; id++) sum += weightOf(weigh, logits[id]!)
    return sum
  }
  const unit = Math.LN2 / parts
  for (let id = 0; id < logits.length; id++) {
    const place = (logits[id]! - largest) * scale
    if (!(place > -1023 * parts)) continue
    const step = Math.floor(place)
    const rest = (place - step) * unit
    const series = 1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6 + rest / 24)))
    sum += fractions[step & (parts - 1)]! * powers[-(step >> 10)]! * series
  }
  return sum
}

/**
 * The `count` places of the largest numbers, the largest first, of equals the lower place: a heap of the best
 * so far, whose root is the worst of them.
 */
export function largestIds(numbers: ArrayLike<number>, count: number): Int32Array {
  const size = Math.min(count, numbers.length)
  const heap = new Int32Array(size)
  if (size === 0) return heap
  const isWorse = (a: number, b: number): boolean => {
    const difference = numbers[a]! - numbers[b]!
    return difference < 0 || (!(difference > 0) && a > b)
  }
  const sink = (id: number, from: number): void => {
    let at = from
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isWorse(heap[child + 1]!, heap[child]!)) child++
      if (!isWorse(heap[child]!, id)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = id
  }
  for (let id = 0; id < size; id++) heap[id] = id
  for (let at = (size >> 1) - 1; at >= 0; at--) sink(heap[at]!, at)
  let least = numbers[heap[0]!]!
  for (let id = size; id < numbers.length; id++) {
    if (!(numbers[id]! > least)) continue
    sink(id, 0)
    least = numbers[heap[0]!]!
  }
  // The difference of equal infinities is NaN, which is no order either: the place decides.
  return heap.sort((a, b) => numbers[b]! - numbers[a]! || a - b)
}
