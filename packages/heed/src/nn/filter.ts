/**
 * What may happen to the filter, ready-made: each is a `FilterFunction` for
 * `attention(query, key, value, { filter })`, or gives one.
 */
import {
  checkKey,
  inWords,
  kindOf,
  pairFirst,
  pairSecond,
  pairStep,
  type RandomKey,
  UsageError,
} from '../base/index.js'
import { integer, randomWord, refuseOr } from '../kernels/index.js'
import {
  adjustable,
  type AnyTensor,
  type Condition,
  type FilterFunction,
  type Integer,
  type Positions,
} from '../tensor/index.js'

/**
 * Dropout of attention filters (Vaswani et al. 2017, section 5.4, as BERT and GPT-2 have it): each weight is
 * 0 with probability `rate`, else divided by 1 − rate. The weight of a query row and a key is kept where
 * `pairBitsAt(key, place) >>> 8` is at least rate × 2²⁴. So the same key gives the same choice on every
 * target, for any number of threads, and when a filter is computed again for its gradient.
 *
 * @param batch the batch axes of the attention, with their sizes, where they are others than `batch`
 * @throws UsageError if the rate is not from 0 up to, but without, 1
 */
export function dropWeights(
  rate: number,
  key: RandomKey,
  batch: Readonly<Record<string, number>> = { batch: 1 },
): FilterFunction {
  checkKey('dropWeights', key)
  if (!(typeof rate === 'number' && rate >= 0 && rate < 1)) {
    throw new UsageError({
      operation: 'dropWeights',
      expected: 'a rate of at least 0, below 1',
      found: inWords(rate),
      hint: 'it is the share of weights that are dropped, such as 0.1',
    })
  }
  if (rate === 0) return (weight) => weight
  return (weight, at) => isKept(rate, key, at, batch).select(weight.mul(adjustable(1 / (1 - rate))), 0)
}

/** What base's `pairBitsAt` says of this query and key, as an expression. */
function isKept(
  rate: number,
  [low, high]: RandomKey,
  at: Positions,
  batch: Readonly<Record<string, number>>,
): Condition {
  const everywhere = at as Positions<string>
  const names = Object.keys(batch)
  const example = names.reduce<Integer | undefined>(
    (number, name) =>
      number === undefined ? everywhere[name]! : number.mul(batch[name]!).add(everywhere[name]!),
    undefined,
  )
  const words = [low, high].map((word) => adjustable(word | 0, 'integer')) as [Integer, Integer]
  const counter = [at.queryRow, at.head, example ?? integer(0), integer(4)] as const
  const ofRow = (word: 0 | 1): Integer => randomWord(words, counter, word)
  let x = at.key.mul(pairStep).add(ofRow(0))
  x = x.xor(x.ushr(16)).mul(pairFirst)
  x = x.xor(x.ushr(15)).xor(ofRow(1)).mul(pairSecond)
  return x
    .xor(x.ushr(16))
    .ushr(8)
    .ge(adjustable(Math.ceil(rate * 2 ** 24), 'integer'))
}

/** One function on the filter after the other. */
export function filtersInOrder<A extends string = never>(
  ...filters: readonly FilterFunction<A>[]
): FilterFunction<A> {
  for (const filter of filters) {
    if (typeof filter === 'function') continue
    throw new UsageError({
      operation: 'filtersInOrder',
      expected: 'functions on the filter',
      found: kindOf(filter),
      hint: 'give dropWeights(0.1, key), or a function of your own',
    })
  }
  return (weight, at) =>
    filters.reduce((value, next) => {
      refuseOr('filtersInOrder', next)
      return next(value, at)
    }, weight)
}

const own: ReadonlySet<string> = new Set(['head', 'query', 'key', 'width'])

/** The batch axes of an attention's tensors, with their sizes. */
export function batchSizes(...tensors: readonly AnyTensor[]): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const { layout } of tensors)
    for (const { name, size } of layout) if (!own.has(name)) sizes[name] = Math.max(size, sizes[name] ?? 1)
  return sizes
}
