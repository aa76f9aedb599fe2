/**
 * The order of a sequence. Here are tables that are added to the embeddings (sinusoidal, learned), and the
 * numbers behind biases of the score (ALiBi's slopes, T5's and DeBERTa's buckets), which nn/score.ts uses.
 * Rotary positions are in rotary.ts.
 */
import { checkWhole, ShapeError, UsageError } from '../base/index.js'
import { tap } from '../observe/index.js'
import { axisOf, gather, slice, type Tensor, tensor } from '../tensor/index.js'
import type { Sequence } from './sequence.js'

/** A vector for each position, computed (sinusoidal) or learned. */
export type PositionTable = Tensor<'position' | 'width'>

/** Where positions stand: from `start` on, one after the other; or each its own number (i32). */
export type PositionNumbers = number | Tensor<'position'> | Tensor<'batch' | 'position'>

/**
 * Adds to each embedding the vector of its position. Name: `position`, what is added.
 *
 * @param positions a number for each position of `x`, i32, where they are no run: what is padded at its left,
 * or packed
 * @throws UsageError for positions that are not in the table
 */
export function addPositions(x: Sequence, table: PositionTable, positions: PositionNumbers = 0): Sequence {
  const rows =
    typeof positions === 'number'
      ? positionsFrom(table, positions, axisOf('position', x, 'position').size)
      : (gather(table, inTable(table, positions), 'position') as PositionTable)
  return x.add(tap('position', rows))
}

/** One more than the largest position. */
export function positionsEnd(positions: Exclude<PositionNumbers, number>): number {
  return positions.values().reduce((end, position) => Math.max(end, position + 1), 0)
}

function inTable(table: PositionTable, positions: Exclude<PositionNumbers, number>): Tensor<'position'> {
  const { size } = axisOf('position', table, 'position')
  const wrong = [...positions.values()].find((position) => !(position >= 0 && position < size))
  if (wrong !== undefined)
    throw new UsageError({
      operation: 'position',
      expected: `positions from 0 to ${size - 1}, the end of the table`,
      found: String(wrong),
      hint: 'cut the text, or make a longer table',
    })
  return positions as Tensor<'position'>
}

/** The rows of `count` positions from `start` on, of a table by `position`. */
export function positionsFrom<A extends string>(
  table: Tensor<A | 'position'>,
  start: number,
  count: number,
): Tensor<A | 'position'> {
  const length = axisOf('position', table, 'position').size
  checkWhole('position', 'start', start)
  if (start + count > length)
    throw new UsageError({
      operation: 'position',
      expected: `positions below ${length}, the length of the table`,
      found: `positions up to ${start + count - 1}`,
      hint: 'cut the text, or make a longer table',
    })
  return start === 0 && count === length ? table : slice(table, 'position', start, start + count)
}

/**
 * How the columns of `sinusoidalTable` are arranged, and which angles they have. The defaults are those of
 * Vaswani et al. 2017.
 */
export interface SinusoidalOptions {
  /**
   * 'interleaved': sines at even places, cosines at odd ones (Vaswani et al. 2017, section 3.5). 'halves':
   * all sines, then all cosines (Marian). Default 'interleaved'.
   */
  readonly arrangement?: 'interleaved' | 'halves'
  /**
   * The angle of pair i at position p. 'paper': p / 10000^(2i / width). 'endpoint': p / 10000^(i / (width / 2
   * − 1)), which ends at 1 / 10000 (tensor2tensor, fairseq, M2M100). Default 'paper'.
   */
  readonly frequencies?: 'paper' | 'endpoint'
}

/**
 * Sinusoidal positions 0 … length − 1: angles in f64, rounded once.
 *
 * @throws ShapeError for an odd width
 */
export function sinusoidalTable(
  length: number,
  width: number,
  { arrangement = 'interleaved', frequencies = 'paper' }: SinusoidalOptions = {},
): PositionTable {
  checkWhole('sinusoidalTable', 'length', length)
  checkWhole('sinusoidalTable', 'width', width)
  const pairs = width / 2
  if (!Number.isInteger(pairs) || (frequencies === 'endpoint' && pairs < 2))
    throw new ShapeError({
      operation: 'sinusoidalTable',
      axis: 'width',
      expected: frequencies === 'endpoint' ? 'an even width of at least 4' : 'an even width',
      found: String(width),
      hint: 'sines and cosines come in pairs',
    })
  const frequency = Float64Array.from({ length: pairs }, (_, i) =>
    frequencies === 'paper' ? 10000 ** ((-2 * i) / width) : 10000 ** (-i / (pairs - 1)),
  )
  const table = new Float64Array(length * width)
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < pairs; i++) {
      const angle = position * frequency[i]!
      const [sine, cosine] = arrangement === 'interleaved' ? [2 * i, 2 * i + 1] : [i, pairs + i]
      table[position * width + sine] = Math.sin(angle)
      table[position * width + cosine] = Math.cos(angle)
    }
  }
  return tensor(table, { position: length, width })
}

/**
 * The slope of each head (Press et al. 2022, "Train Short, Test Long", section 3). Where the number of heads
 * is a power of two, head i = 1 … heads has the slope 2^(−8 i / heads). Otherwise the first heads have the
 * slopes of the next smaller power, and the others every other slope of the next larger one.
 *
 * @throws UsageError unless there is at least one head
 */
export function alibiSlopes(heads: number): Tensor<'head'> {
  checkWhole('alibiSlopes', 'heads', heads, 1)
  return tensor(slopesOf(heads), { head: heads })
}

function slopesOf(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads))
  const slopes = Array.from({ length: power }, (_, i) => 2 ** ((-8 * (i + 1)) / power))
  if (power === heads) return slopes
  return [...slopes, ...slopesOf(2 * power).filter((_, i) => i % 2 === 0)].slice(0, heads)
}

/**
 * How T5 sorts the distance of a query and a key into buckets (Raffel et al. 2020, section 2.1). The table of
 * `t5Bias` needs one row for each bucket.
 */
export interface T5BucketOptions {
  /** Whether keys after the query have buckets of their own (encoders), or share the first (decoders). */
  readonly bidirectional: boolean
  /** Default 32. */
  readonly buckets?: number
  /** Distances from here on share the last bucket; default 128. */
  readonly maximumDistance?: number
}

/**
 * T5's bucket of a distance, key position − query position (Raffel et al. 2020, section 2.1): half of the
 * buckets for one distance each, the others ever wider. `t5Bucket` in nn/score.ts is the same inside a
 * kernel.
 *
 * @throws UsageError for too few buckets
 */
export function t5BucketOf(
  distance: number,
  { bidirectional, buckets = 32, maximumDistance = 128 }: T5BucketOptions,
): number {
  checkWhole('t5BucketOf', 'buckets', buckets, bidirectional ? 4 : 2)
  const side = bidirectional ? buckets >> 1 : buckets
  const offset = bidirectional && distance > 0 ? side : 0
  const away = bidirectional ? Math.abs(distance) : Math.max(0, -distance)
  const exact = side >> 1
  if (away < exact) return offset + away
  const far = (Math.log(away / exact) / Math.log(maximumDistance / exact)) * (side - exact)
  return offset + Math.min(side - 1, exact + Math.trunc(far))
}

/**
 * DeBERTa's bucket of a distance, query position − key position (He et al. 2021, DeBERTa v2): up to half of
 * the buckets the distance itself, beyond it the logarithm, with the distance's sign.
 *
 * @throws UsageError unless buckets is at least 4 and the maximum distance above half of it
 */
export function debertaBucketOf(
  distance: number,
  { buckets, maximumDistance }: { readonly buckets: number; readonly maximumDistance: number },
): number {
  checkWhole('debertaBucketOf', 'buckets', buckets, 4)
  const middle = buckets >> 1
  checkWhole('debertaBucketOf', 'maximumDistance', maximumDistance, middle + 2)
  const away = Math.abs(distance)
  if (away <= middle) return distance
  const far = (Math.log(away / middle) / Math.log((maximumDistance - 1) / middle)) * (middle - 1)
  return Math.sign(distance) * (Math.ceil(far) + middle)
}
