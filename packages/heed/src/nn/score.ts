/** Scores, ready-made: each is a `Score` for `attention(query, key, value, { score })`, or gives one. */
import { checkPositive, checkWhole, DtypeError, kindOf, ShapeError, UsageError } from '../base/index.js'
import { Expression, integer, refuseOr } from '../kernels/index.js'
import {
  adjustable,
  type BatchAxes,
  capture,
  type Captured,
  checkTensor,
  cosineSimilarity,
  hasAxis,
  type Integer,
  type Score,
  type Tensor,
} from '../tensor/index.js'

/** q·k / √width as it is (Vaswani et al. 2017, equation 1): the default. */
export const scaledDot: Score = (score) => score

/**
 * The cosine of the angle between query and key, in −1 … 1, divided by a temperature (Henry et al. 2020,
 * query-key normalization; Liu et al. 2022, Swin Transformer V2). The temperature is a number, or one for
 * each head, which may be learned.
 *
 * @throws UsageError for a temperature that is no number above 0
 */
export function cosine(temperature: number | Tensor<'head'> = 1): Score {
  const learned = typeof temperature === 'object' ? byHead('cosine', 'temperature', temperature) : undefined
  if (learned === undefined) checkPositive('cosine', 'temperature', temperature as number)
  const divided: Score = (score, { head }) =>
    score
      .max(-1)
      .min(1)
      .div(learned?.at({ head }) ?? adjustable(temperature as number))
  return Object.assign(divided, { similarity: cosineSimilarity })
}

/**
 * cap × tanh(score / cap): keeps scores within ±cap (Gemma 2, 2024, section 2).
 *
 * @throws UsageError for a cap that is no number above 0
 */
export function softCap(cap: number): Score {
  checkPositive('softCap', 'cap', cap)
  return (score) => {
    const most = adjustable(cap)
    return score.div(most).tanh().mul(most)
  }
}

/**
 * score − slope[head] × |query − key| (Press et al. 2022, "Train Short, Test Long").
 *
 * @throws DtypeError or ShapeError unless slopes are f32 by head
 */
export function alibi(slopes: Tensor<'head'>): Score {
  const slope = byHead('alibi', 'slopes', slopes)
  return (score, { head, query, key }) => score.sub(slope.at({ head }).mul(query.sub(key).abs()))
}

/**
 * score + table[bucket(key − query), head] (Raffel et al. 2020, T5, section 2.1). Near distances have buckets
 * of their own. Far ones share buckets of logarithmic width, up to `maximumDistance`. T5 itself uses it with
 * scale 1.
 *
 * @throws UsageError for a table of fewer than 4 buckets (2 where it is not bidirectional)
 */
export function t5Bias(
  table: Tensor<'bucket' | 'head'>,
  options: { readonly bidirectional: boolean; readonly maximumDistance?: number },
): Score {
  const read = floats('t5Bias', 'table', table, ['bucket', 'head'])
  checkBuckets('t5Bias', table.size('bucket'), options)
  return (score, { head, query, key }) =>
    score.add(
      read.at({
        bucket: t5Bucket(key.sub(query), { buckets: table.size('bucket'), ...options }),
        head,
      }),
    )
}

/**
 * The bucket of T5's table for key position − query position.
 *
 * @throws UsageError for fewer than 4 buckets (2 where it is not bidirectional), or more than 1,024
 */
export function t5Bucket(
  relative: Integer,
  options: { readonly bidirectional: boolean; readonly buckets: number; readonly maximumDistance?: number },
): Integer {
  checkBuckets('t5Bucket', options?.buckets, options)
  const { bidirectional, buckets, maximumDistance = 128 } = options
  const side = bidirectional ? buckets >> 1 : buckets
  const distance = bidirectional ? relative.abs() : relative.neg().max(0)
  const exact = side >> 1
  let bucket = distance.min(exact)
  for (let b = exact + 1; b < side; b++) {
    // The least distance whose bucket is b: exact (maximum / exact)^((b − exact) / (side − exact)), rounded
    // up.
    const bound = Math.ceil(exact * (maximumDistance / exact) ** ((b - exact) / (side - exact)) - 1e-9)
    bucket = bucket.add(distance.ge(bound).select(integer(1), 0))
  }
  return bidirectional ? bucket.add(relative.gt(0).select(integer(side), 0)) : bucket
}

/** So many buckets are told apart by as many comparisons. */
const mostBuckets = 1024

function checkBuckets(
  operation: string,
  buckets: number,
  options: { readonly bidirectional: boolean; readonly maximumDistance?: number },
): void {
  const bidirectional: unknown = options?.bidirectional
  if (typeof bidirectional !== 'boolean') {
    throw new UsageError({
      operation,
      expected: 'options that say whether the table is bidirectional',
      found: kindOf(bidirectional),
      hint: 'write { bidirectional: true } for an encoder, false for a decoder',
    })
  }
  checkWhole(operation, 'buckets', buckets, bidirectional ? 4 : 2)
  if (buckets > mostBuckets) {
    throw new UsageError({
      operation,
      expected: `at most ${mostBuckets} buckets`,
      found: String(buckets),
      hint: 'far distances share a bucket: T5 has 32',
    })
  }
  if (options.maximumDistance !== undefined)
    checkWhole(operation, 'maximumDistance', options.maximumDistance, 1)
}

/**
 * score + bias, an f32 tensor with any of the axes head, query and key and of the attention's batch axes; it
 * may be learned. Axes of size 1 are the same for all.
 *
 * @throws DtypeError for another tensor
 */
export function bias<A extends string>(added: Tensor<A>): Score<BatchAxes<A>> {
  const read = floats('bias', 'added', added)
  return (score, at) => score.add(read.along(at))
}

/** An f32 tensor made readable, or an error in the words of the score that it was given to. */
function floats<A extends string>(
  operation: string,
  name: string,
  tensor: Tensor<A>,
  axes?: readonly A[],
): Captured<A> {
  checkTensor(operation, name, tensor)
  if (tensor.dtype !== 'f32') {
    throw new DtypeError({
      operation,
      expected: `${name} as an f32 tensor`,
      found: tensor.describe(),
      hint: "convert it with cast(x, 'f32')",
    })
  }
  if (
    axes !== undefined &&
    !(tensor.layout.length === axes.length && axes.every((axis) => hasAxis(tensor, axis)))
  ) {
    throw new ShapeError({
      operation,
      expected: `${name} with the axes ${axes.join(', ')}`,
      found: tensor.describe(),
      hint: 'rename its axes, or write a score of your own',
    })
  }
  return capture(tensor)
}

function byHead(operation: string, name: string, tensor: Tensor<'head'>): Captured<'head'> {
  return floats(operation, name, tensor, ['head'])
}

/** One score after the other: `inOrder(alibi(slopes), softCap(50))` caps what ALiBi gives. */
export function inOrder<A extends string = never>(...scores: readonly Score<A>[]): Score<A> {
  for (const score of scores) {
    if (typeof score === 'function') continue
    throw new UsageError({
      operation: 'inOrder',
      expected: 'scores, which are functions',
      found: kindOf(score),
      hint: 'give alibi(slopes), softCap(50), or a function of your own',
    })
  }
  const all: Score<A> = (score, at) =>
    scores.reduce((value, next) => {
      refuseOr('inOrder', next)
      const found: unknown = next(value, at)
      if (found instanceof Expression && found.kind === 'float') return found as typeof value
      throw new UsageError({
        operation: 'inOrder',
        expected: 'scores that return a number expression',
        found: found instanceof Expression ? `one that returns a ${found.kind}` : kindOf(found),
        hint: 'use the methods of the score: score.mul(2)',
      })
    }, score)
  const similarity = scores.find((score) => score.similarity !== undefined)?.similarity
  return similarity === undefined ? all : Object.assign(all, { similarity })
}
