/** Who may see whom, ready-made: each is a `Mask` for `attention(query, key, value, { mask })`, or gives one. */
import { checkWhole, UsageError } from '../base/index.js'
import {
  adjustable,
  capture,
  type Condition,
  type Mask,
  type PositionAxis,
  type Tensor,
} from '../tensor/index.js'

/** Each position sees itself and what comes before it (Vaswani et al. 2017, section 3.2.3). */
export const causal: Mask = ({ query, key }) => key.le(query)

/** Each position sees itself and the `size` − 1 positions before it (Beltagy et al. 2020, Longformer; Jiang et al. 2023, Mistral 7B). Throws UsageError unless size is 1 or more. */
export function slidingWindow(size: number): Mask {
  checkWhole('slidingWindow', 'size', size, 1)
  return ({ query, key }) => key.le(query).and(query.sub(key).lt(adjustable(size, 'integer')))
}

/** Each position sees those up to `distance` away on both sides (Luong et al. 2015, local attention; Longformer). Throws UsageError for a distance below 0. */
export function local(distance: number): Mask {
  checkWhole('local', 'distance', distance)
  return ({ query, key }) => query.sub(key).abs().le(adjustable(distance, 'integer'))
}

/** Blocks of `size` positions that see only themselves; with `causal` added, the chunked attention of Llama 4. Throws UsageError unless size is 1 or more. */
export function chunked(size: number): Mask {
  checkWhole('chunked', 'size', size, 1)
  return ({ query, key }) => query.divideBy(size).eq(key.divideBy(size))
}

/**
 * Everybody sees the first `length` keys, the rest is causal (Raffel et al. 2020, T5, prefix LM). `length`: a number, or an i32 tensor by batch.
 *
 * @throws UsageError for a length below 0
 */
export function prefix(length: number | Tensor<'batch'>): Mask {
  if (typeof length === 'number') checkWhole('prefix', 'length', length)
  return (at) =>
    causal(at).or(
      at.key.lt(
        typeof length === 'number'
          ? adjustable(length, 'integer')
          : capture(length, 'integer').at({ batch: at.batch }),
      ),
    )
}

/** The first `count` keys: with a sliding window by `anyOf`, the attention sinks of Xiao et al. 2023 (StreamingLLM). Throws UsageError for a count below 0. */
export function firstKeys(count: number): Mask {
  checkWhole('firstKeys', 'count', count)
  return ({ key }) => key.lt(adjustable(count, 'integer'))
}

/**
 * Only positions of the same document see each other, for sequences packed into one. i32 document numbers of the keys, and of the
 * queries where they differ (their axis is `query`); where the queries are the last of the keys, those of the keys do for both.
 */
export function sameDocument<K extends 'batch' | 'key', Q extends 'batch' | 'query' = never>(
  keys: Tensor<K>,
  queries?: Tensor<Q>,
): Mask {
  return (at) => {
    const of = capture(keys as unknown as Tensor<'batch' | 'key'>, 'integer')
    const own =
      queries === undefined
        ? of.along({ ...at, key: at.query })
        : capture(queries as unknown as Tensor<'batch' | 'query'>, 'integer').along(at)
    return own.eq(of.along(at))
  }
}

/**
 * Keys whose number is 0 are padding, seen by nobody. i32, by key (or `position`, as in a batch of ids), and by batch where
 * it differs.
 */
export function padding<A extends 'batch' | 'key' | 'position'>(real: Tensor<A>): Mask {
  const byKey = real.layout.some(({ name }) => name === 'position')
    ? (real as unknown as Tensor<'batch' | 'position'>).rename({ position: 'key' })
    : real
  return explicit(byKey as unknown as Tensor<PositionAxis>)
}

/** A mask given as numbers: i32, 0 where a key may not be seen, with any of the axes batch, head, query and key. */
export function explicit<A extends PositionAxis>(allowed: Tensor<A>): Mask {
  return (at) =>
    capture(allowed as unknown as Tensor<PositionAxis>, 'integer')
      .along(at)
      .ne(0)
}

/** What all of the masks allow. */
export function allOf(...masks: readonly Mask[]): Mask {
  return combine(masks, (a, b) => a.and(b))
}

/** What any of the masks allows. */
export function anyOf(...masks: readonly Mask[]): Mask {
  return combine(masks, (a, b) => a.or(b))
}

/** What the mask forbids. */
export function not(mask: Mask): Mask {
  return (at) => mask(at).not()
}

function combine(masks: readonly Mask[], join: (a: Condition, b: Condition) => Condition): Mask {
  const [first, ...rest] = masks
  if (first === undefined) {
    throw new UsageError({
      operation: 'mask',
      expected: 'at least one mask',
      found: 'none',
      hint: 'leave the mask out where everybody may see everybody',
    })
  }
  return (at) => rest.reduce((condition, mask) => join(condition, mask(at)), first(at))
}
