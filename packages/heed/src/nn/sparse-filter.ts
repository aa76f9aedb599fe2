import { checkWhole } from '../base/index.js'
import { type AnyTensor, copy, map, softmax, sum, tensor, type Tensor } from '../tensor/index.js'

/**
 * From scores to a filter, in place of softmax over the keys. It sees whole rows, so that attention goes step
 * by step with it, and holds the filter.
 */
export type Normalize = <A extends string>(scores: Tensor<A | 'key'>) => Tensor<A | 'key'>

/**
 * Softmax over the `count` largest scores of each row, and 0 elsewhere (Zhao et al. 2019, "Explicit Sparse
 * Transformer", section 3). Scores that equal the last of these stay, too.
 *
 * @throws UsageError unless the count is 1 or more
 */
export function topKeys(count: number): Normalize {
  checkWhole('topKeys', 'count', count, 1)
  return <A extends string>(scores: Tensor<A | 'key'>) => {
    const all = scores as AnyTensor as Tensor
    const least = perRow(all, (row) => row.sort()[Math.max(0, row.length - count)] ?? 0)
    const kept = map((score, bound) => score.lt(bound).select(-Infinity, score), all, least) as Tensor
    return softmax(kept, 'key') as never
  }
}

/**
 * α-entmax with α = 1.5 (Peters, Niculae and Martins 2019, "Sparse Sequence-to-Sequence Models", equation 7
 * and algorithm 2): max(score / 2 − τ, 0)², with the τ of each row for which they sum to 1. Small scores get
 * exactly 0. τ comes from sorted rows, in f64; a step of Newton's method from there, which changes nothing
 * but rounding, carries its gradient.
 */
export const entmax15: Normalize = <A extends string>(scores: Tensor<A | 'key'>) => {
  const all = scores as AnyTensor as Tensor
  const start = perRow(all, threshold)
  const over = map((score, tau) => score.mul(0.5).sub(tau).max(0), all, start) as Tensor
  const total = sum(over.mul(over), 'key') as Tensor
  const slope = sum(over, 'key') as Tensor
  const tau = map(
    (tau, total, slope) => {
      const none = slope.eq(0)
      return none.select(tau, tau.add(total.sub(1).div(none.select(1, slope).mul(2))))
    },
    start,
    total,
    slope,
  ) as Tensor
  return map((score, tau) => score.mul(0.5).sub(tau).max(0).square(), all, tau) as never
}

/** The τ of algorithm 2: the last for which all that is counted lies above it. */
function threshold(row: Float64Array): number {
  const sorted = row.sort().reverse()
  let [total, squares, tau] = [0, 0, 0]
  for (let i = 0; i < sorted.length; i++) {
    const half = sorted[i]! / 2
    if (half === -Infinity) break
    const count = i + 1
    total += half
    squares += half * half
    const mean = total / count
    const spread = squares - mean * total
    const next = mean - Math.sqrt(Math.max(0, (1 - spread) / count))
    if (next > half) break
    tau = next
  }
  return tau
}

/** A number for each row of scores, by the axes without the keys; no gradient goes through it. */
function perRow(scores: Tensor, of: (row: Float64Array) => number): Tensor {
  const rest = scores.axes.filter((name) => name !== 'key')
  const keys = scores.size('key')
  const numbers = copy(scores, 'f32', [...rest, 'key']).values()
  const shape = Object.fromEntries(rest.map((name) => [name, scores.size(name)]))
  const rows = Object.values(shape).reduce((product, size) => product * size, 1)
  const found = new Float64Array(rows)
  for (let row = 0; row < rows; row++)
    found[row] = of(Float64Array.from({ length: keys }, (_, i) => numbers[row * keys + i]!))
  return tensor(found, shape, { device: scores.device }) as Tensor
}
