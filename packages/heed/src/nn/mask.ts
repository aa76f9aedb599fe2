/**
 * Who may see whom, ready-made: each is a `Mask` for `attention(query, key, value, { mask })`, or gives one.
 */
import { checkWhole, DtypeError, kindOf, ShapeError, UsageError } from '../base/index.js'
import { Expression, refuseOr } from '../kernels/index.js'
import {
  adjustable,
  type AnyTensor,
  type BatchAxes,
  capture,
  type Captured,
  checkTensor,
  hasAxis,
  type Condition,
  type Mask,
  type Positions,
  type Tensor,
} from '../tensor/index.js'

/**
 * Each position sees itself and what comes before it (Vaswani et al. 2017, section 3.2.3). The last query
 * stands at the last key, as in decoding from a cache and for every prompt that goes on: with 2 queries and 4
 * keys the first query sees 3 keys.
 */
export const causal: Mask = ({ query, key }) => key.le(query)

/**
 * The causal mask aligned at the first key: query row i sees the keys 0 … i, however many keys there are, as
 * in `scaled_dot_product_attention(…, is_causal=True)` of PyTorch. Where there are as many queries as keys it
 * is `causal`.
 */
export const causalUpperLeft: Mask = ({ queryRow, key }) => key.le(queryRow)

/**
 * Each position sees itself and the `size` − 1 positions before it (Beltagy et al. 2020, Longformer; Jiang et
 * al. 2023, Mistral 7B).
 *
 * @throws UsageError unless size is 1 or more
 */
export function slidingWindow(size: number): Mask {
  checkCount('slidingWindow', 'size', size, 1)
  return ({ query, key }) => key.le(query).and(query.sub(key).lt(adjustable(size, 'integer')))
}

/**
 * Each position sees those up to `distance` away on both sides (Luong et al. 2015, local attention;
 * Longformer).
 *
 * @throws UsageError for a distance below 0
 */
export function local(distance: number): Mask {
  checkCount('local', 'distance', distance)
  return ({ query, key }) => query.sub(key).abs().le(adjustable(distance, 'integer'))
}

/**
 * Blocks of `size` positions that see only themselves; with `causal` added, the chunked attention of Llama 4.
 *
 * @throws UsageError unless size is 1 or more
 */
export function chunked(size: number): Mask {
  checkCount('chunked', 'size', size, 1)
  return ({ query, key }) => query.divideBy(size).eq(key.divideBy(size))
}

/**
 * Everybody sees the first `length` keys, the rest is causal (Raffel et al. 2020, T5, prefix LM). `length`: a
 * number, or an i32 tensor with any of the attention's batch axes.
 *
 * @throws UsageError for a length below 0
 * @throws DtypeError for a tensor that is not i32
 */
export function prefix<A extends string = never>(
  length: number | (Tensor<A> & NotBy<A, 'query' | 'key'>),
): Mask<BatchAxes<A>> {
  if (typeof length === 'number') {
    checkCount('prefix', 'length', length)
    return (at) => causal(at).or(at.key.lt(adjustable(length, 'integer')))
  }
  const lengths = wholeNumbers('prefix', 'length', length)
  for (const axis of ['query', 'key']) {
    if (!hasAxis(length, axis)) continue
    throw new ShapeError({
      operation: 'prefix',
      axis,
      expected: 'a length for each position along batch axes or heads',
      found: length.describe(),
      hint: 'write explicit(allowed) for a mask that is given number by number',
    })
  }
  return (at) => causal(at).or(at.key.lt(lengths.along(at)))
}

/** What the compiler says of a tensor that has none of the axes `N`. */
type HasOneOf<A extends string, N extends string> = Extract<A, N> extends never ? `by '${N}'` : unknown

/** What the compiler says of a tensor that has one of the axes `N`. */
type NotBy<A extends string, N extends string> =
  Extract<A, N> extends never ? unknown : `not by '${Extract<A, N>}'`

/**
 * The first `count` keys: with a sliding window by `anyOf`, the attention sinks of Xiao et al. 2023
 * (StreamingLLM).
 *
 * @throws UsageError for a count below 0
 */
export function firstKeys(count: number): Mask {
  checkCount('firstKeys', 'count', count)
  return ({ key }) => key.lt(adjustable(count, 'integer'))
}

/**
 * Only positions of the same document see each other, for sequences packed into one. `keys` has an i32
 * document number for each key, along `key` and any of the attention's batch axes. `queries` has those of the
 * queries, along `query`, where they differ. Without it, the queries are taken to be the last of the keys.
 *
 * @throws DtypeError for tensors that are not i32
 */
export function sameDocument<K extends string, Q extends string = never>(
  keys: Tensor<K | 'key'>,
  queries?: Tensor<Q | 'query'>,
): Mask<BatchAxes<K | Q>> {
  const ofKeys = wholeNumbers('sameDocument', 'keys', keys as Tensor)
  const ofQueries = queries && wholeNumbers('sameDocument', 'queries', queries as Tensor)
  return (at) => {
    const everywhere = at as Positions<string>
    const own = ofQueries?.along(everywhere) ?? ofKeys.along({ ...everywhere, key: at.query })
    return own.eq(ofKeys.along(everywhere))
  }
}

/**
 * Keys whose number is 0 are padding, seen by nobody. i32, by key (or `position`, as in a batch of ids), and
 * by batch axes where it differs.
 *
 * @throws DtypeError for another tensor
 */
export function padding<A extends string>(
  real: Tensor<A> & HasOneOf<A, 'key' | 'position'>,
): Mask<Exclude<BatchAxes<A>, 'position'>> {
  checkTensor('padding', 'real', real)
  const given = real as AnyTensor as Tensor
  if (hasAxis(given, 'key')) return notZero('padding', 'real', given)
  if (!hasAxis(given, 'position')) {
    throw new ShapeError({
      operation: 'padding',
      axis: 'key',
      expected: "an axis 'key' or 'position'",
      found: given.describe(),
      hint: 'rename the axis of the keys: real.rename({ token: "key" })',
    })
  }
  return notZero('padding', 'real', given.rename({ position: 'key' }))
}

/**
 * A mask given as numbers: i32, 0 where a key may not be seen, with any of the axes head, query and key and
 * of the attention's batch axes. Axes of size 1 are the same for all.
 *
 * @throws DtypeError for a tensor that is not i32
 */
export function explicit<A extends string>(allowed: Tensor<A>): Mask<BatchAxes<A>> {
  return notZero('explicit', 'allowed', allowed as AnyTensor as Tensor)
}

function notZero(operation: string, name: string, tensor: Tensor): Mask {
  const numbers = wholeNumbers(operation, name, tensor)
  return (at) => numbers.along(at as Positions<string>).ne(0)
}

/** An i32 tensor made readable, or an error in the words of the mask that it was given to. */
function wholeNumbers<A extends string>(
  operation: string,
  name: string,
  tensor: Tensor<A>,
): Captured<A, 'integer'> {
  checkTensor(operation, name, tensor)
  if (tensor.dtype !== 'i32') {
    throw new DtypeError({
      operation,
      expected: `${name} as an i32 tensor`,
      found: tensor.describe(),
      hint: "make it with { dtype: 'i32' }, or convert it with cast(x, 'i32')",
    })
  }
  return capture(tensor, 'integer')
}

/** What all of the masks allow. */
export function allOf<A extends string = never>(...masks: readonly Mask<A>[]): Mask<A> {
  return combine('allOf', masks, (a, b) => a.and(b))
}

/** What any of the masks allows. */
export function anyOf<A extends string = never>(...masks: readonly Mask<A>[]): Mask<A> {
  return combine('anyOf', masks, (a, b) => a.or(b))
}

/** What the mask forbids. */
export function not<A extends string = never>(mask: Mask<A>): Mask<A> {
  checkMask('not', mask)
  return (at) => conditionOf('not', mask, at).not()
}

function combine<A extends string>(
  operation: string,
  masks: readonly Mask<A>[],
  join: (a: Condition, b: Condition) => Condition,
): Mask<A> {
  const [first, ...rest] = masks
  if (first === undefined && masks.length === 0) {
    throw new UsageError({
      operation,
      expected: 'at least one mask',
      found: 'none',
      hint: 'leave the mask out where everybody may see everybody',
    })
  }
  for (const mask of masks) checkMask(operation, mask)
  return (at) =>
    rest.reduce(
      (condition, mask) => join(condition, conditionOf(operation, mask, at)),
      conditionOf(operation, first!, at),
    )
}

/**
 * What the mask says here, which must be a condition: true and false come from operators that say nothing of
 * positions.
 */
function conditionOf<A extends string>(operation: string, mask: Mask<A>, at: Positions<A>): Condition {
  refuseOr(operation, mask)
  const found: unknown = mask(at)
  if (found instanceof Expression && found.kind === 'boolean') return found as Condition
  throw new UsageError({
    operation,
    expected: 'masks that return a condition',
    found: found instanceof Expression ? `one that returns ${found.kind} numbers` : kindOf(found),
    hint: 'compare: key.le(query)',
  })
}

function checkMask(operation: string, mask: unknown): void {
  if (typeof mask === 'function') return
  throw new UsageError({
    operation,
    expected: 'masks, which are functions',
    found: kindOf(mask),
    hint: 'give causal, slidingWindow(8), explicit(allowed), or a function of your own',
  })
}

/** The largest whole number of 32 bits. */
const most = 0x7fffffff

/** @throws UsageError unless `value` is a whole number of 32 bits, and at least `least` */
function checkCount(operation: string, name: string, value: number, least = 0): void {
  checkWhole(operation, name, value, least)
  if (value <= most) return
  throw new UsageError({
    operation,
    expected: `${name} to be at most ${most}`,
    found: String(value),
    hint: 'leave the mask out where everybody may see everybody',
  })
}
