/**
 * How sure a score is, by drawing its items again (Efron 1979): the score of many sets of as many items, each
 * drawn with replacement from the items that there are. The interval is between percentiles of these scores.
 */
import { checkNames, checkNumbers, checkWhole, integerAt, randomKey, UsageError } from '../../base/index.js'
import { meanOf } from './correlation.js'

/** How intervals are found. */
export interface BootstrapOptions {
  /** How many sets are drawn. Default 1,000. */
  readonly samples?: number | undefined
  /** Within the interval lies this share of their scores. Default 0.95. */
  readonly confidence?: number | undefined
  /** Default 0. The same seed draws the same sets. */
  readonly seed?: number | undefined
}

/** A score with its interval. */
export interface ScoreInterval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** The difference of two scores over the same items. */
export interface PairedInterval extends ScoreInterval {
  /** Twice the share of sets in which the difference has the other sign, or is 0; at most 1. */
  readonly p: number
}

/**
 * A score's interval. Sets in which the score is NaN are left out; where that of all items is, so are the
 * interval's ends.
 *
 * @param count how many items there are
 * @param score of the items with these numbers, which may come several times
 * @throws UsageError where there are no items, or for options that make no sense
 */
export function bootstrap(
  count: number,
  score: (items: Uint32Array) => number,
  options: BootstrapOptions = {},
): ScoreInterval {
  const items = Uint32Array.from({ length: count }, (_, i) => i)
  return intervalOf(score(items), drawn(count, score, options), options)
}

/**
 * The interval of a mean of numbers, one for each item. NaN among them makes all of it NaN.
 *
 * @throws UsageError as `bootstrap` does, and for something else than numbers
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions = {}): ScoreInterval {
  checkNumbers('bootstrapMean', 'values', values)
  return { ...bootstrap(values.length, (items) => meanAt(values, items), options), value: meanOf(values) }
}

/**
 * The interval of a difference: the score of `a` less that of `b`, of the same items each time (Koehn 2004).
 *
 * @param a the score of the items with these numbers, of the first system
 * @param b of the second
 */
export function pairedBootstrap(
  count: number,
  a: (items: Uint32Array) => number,
  b: (items: Uint32Array) => number,
  options: BootstrapOptions = {},
): PairedInterval {
  const difference = (items: Uint32Array): number => a(items) - b(items)
  const value = difference(Uint32Array.from({ length: count }, (_, i) => i))
  const scores = drawn(count, difference, options)
  return pairedIntervalOf(value, scores, options)
}

/** The mean of the numbers at these places. */
export function meanAt(values: ArrayLike<number>, items: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < items.length; i++) sum += values[items[i]!]!
  return sum / items.length
}

/** Scores of the drawn sets. */
function drawn(
  count: number,
  score: (items: Uint32Array) => number,
  options: BootstrapOptions,
): Float64Array {
  const known: Record<keyof BootstrapOptions, true> = { samples: true, confidence: true, seed: true }
  checkNames('bootstrap', options, Object.keys(known))
  const { samples = 1000, seed = 0 } = options
  checkWhole('bootstrap', 'samples', samples, 1)
  checkWhole('bootstrap', 'count', count, 1)
  const items = new Uint32Array(count)
  return Float64Array.from({ length: samples }, (_, sample) => {
    drawItems(items, seed, sample)
    return score(items)
  })
}

/** Fills a list with numbers of items, each below its length and drawn with replacement. */
export function drawItems(items: Uint32Array, seed: number, sample: number): void {
  const key = randomKey(seed, 'bootstrap', sample)
  for (let i = 0; i < items.length; i++) items[i] = integerAt(key, i, items.length)
}

/** The interval of a score, from the scores of the drawn sets. Those that are NaN are left out. */
export function intervalOf(
  value: number,
  scores: Float64Array,
  { confidence = 0.95 }: BootstrapOptions,
): ScoreInterval {
  if (!(confidence > 0 && confidence < 1))
    throw new UsageError({
      operation: 'bootstrap',
      expected: 'a confidence between 0 and 1',
      found: String(confidence),
      hint: 'use 0.95',
    })
  if (Number.isNaN(value)) return { value, low: NaN, high: NaN }
  const sorted = scores.filter((score) => !Number.isNaN(score)).sort()
  return {
    value,
    low: percentile(sorted, (1 - confidence) / 2),
    high: percentile(sorted, (1 + confidence) / 2),
  }
}

/** The interval of a difference, from those of the drawn sets. */
export function pairedIntervalOf(
  value: number,
  differences: Float64Array,
  options: BootstrapOptions,
): PairedInterval {
  const other = differences.filter((one) => Math.sign(one) !== Math.sign(value) || one === 0).length
  const p = Number.isNaN(value) ? NaN : Math.min(1, (2 * other) / differences.length)
  return { ...intervalOf(value, differences, options), p }
}

/** The number below which this share lies; between two, in proportion. NaN of none. */
function percentile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const low = sorted[Math.floor(place)] ?? NaN
  const high = sorted[Math.ceil(place)] ?? NaN
  return low + (place - Math.floor(place)) * (high - low)
}
