/** Scores, ready-made: each is a `Score` for `attention(query, key, value, { score })`, or gives one. */
import { checkPositive, checkWhole } from '../base/index.js'
import { integer } from '../kernels/index.js'
import {
  adjustable,
  capture,
  type Integer,
  type PositionAxis,
  type Score,
  type Tensor,
} from '../tensor/index.js'

/** q·k / √width as it is (Vaswani et al. 2017, equation 1): the default. */
export const scaledDot: Score = (score) => score

/**
 * The cosine of the angle between query and key, in −1 … 1, divided by a temperature (Henry et al. 2020, query-key normalization;
 * Liu et al. 2022, Swin Transformer V2). Temperature: a number, or one for each head, which may be learned.
 *
 * @throws UsageError for a temperature that is no number above 0
 */
export function cosine(temperature: number | Tensor<'head'> = 1): Score {
  if (typeof temperature === 'number') checkPositive('cosine', 'temperature', temperature)
  const divided: Score = (score, { head }) =>
    score
      .max(-1)
      .min(1)
      .div(typeof temperature === 'number' ? adjustable(temperature) : capture(temperature).at({ head }))
  return Object.assign(divided, { similarity: 'cosine' as const })
}

/** cap × tanh(score / cap): keeps scores within ±cap (Gemma 2, 2024, section 2). Throws UsageError for a cap that is no number above 0. */
export function softCap(cap: number): Score {
  checkPositive('softCap', 'cap', cap)
  return (score) => {
    const most = adjustable(cap)
    return score.div(most).tanh().mul(most)
  }
}

/** score − slope[head] × |query − key| (Press et al. 2022, "Train Short, Test Long"). */
export function alibi(slopes: Tensor<'head'>): Score {
  return (score, { head, query, key }) => score.sub(capture(slopes).at({ head }).mul(query.sub(key).abs()))
}

/**
 * score + table[bucket(key − query), head] (Raffel et al. 2020, T5, section 2.1): near distances have buckets of their own, far ones
 * share buckets of logarithmic width up to `maximumDistance`. T5 itself uses it with scale 1.
 *
 * @throws UsageError for a table of fewer than 4 buckets (2 where it is not bidirectional)
 */
export function t5Bias(
  table: Tensor<'bucket' | 'head'>,
  options: { readonly bidirectional: boolean; readonly maximumDistance?: number },
): Score {
  checkWhole('t5Bias', 'buckets', table.size('bucket'), options.bidirectional ? 4 : 2)
  return (score, { head, query, key }) =>
    score.add(
      capture(table).at({
        bucket: t5Bucket(key.sub(query), { buckets: table.size('bucket'), ...options }),
        head,
      }),
    )
}

/** The bucket of T5's table for key position − query position. */
export function t5Bucket(
  relative: Integer,
  {
    bidirectional,
    buckets,
    maximumDistance = 128,
  }: { readonly bidirectional: boolean; readonly buckets: number; readonly maximumDistance?: number },
): Integer {
  const side = bidirectional ? buckets >> 1 : buckets
  const distance = bidirectional ? relative.abs() : relative.neg().max(0)
  const exact = side >> 1
  let bucket = distance.min(exact)
  for (let b = exact + 1; b < side; b++) {
    // The least distance whose bucket is b: exact (maximum / exact)^((b − exact) / (side − exact)), rounded up.
    const bound = Math.ceil(exact * (maximumDistance / exact) ** ((b - exact) / (side - exact)) - 1e-9)
    bucket = bucket.add(distance.ge(bound).select(integer(1), 0))
  }
  return bidirectional ? bucket.add(relative.gt(0).select(integer(side), 0)) : bucket
}

/** score + bias, an f32 tensor with any of the axes batch, head, query and key; it may be learned. */
export function bias<A extends PositionAxis>(added: Tensor<A>): Score {
  return (score, at) => score.add(capture(added as unknown as Tensor<PositionAxis>).along(at))
}

/** One score after the other: `inOrder(alibi(slopes), softCap(50))` caps what ALiBi gives. */
export function inOrder(...scores: readonly Score[]): Score {
  const all: Score = (score, at) => scores.reduce((value, next) => next(value, at), score)
  return scores.some(({ similarity }) => similarity === 'cosine')
    ? Object.assign(all, { similarity: 'cosine' as const })
    : all
}
