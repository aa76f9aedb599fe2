/**
 * Multi-head attention (Vaswani et al. 2017, "Attention Is All You Need", section 3.2), step by step.
 * Embedding and position come before. Here each position asks with a query, answers with a key, and gives a
 * value:
 *
 *     query, key, value   three projections of the sequence (self-attention), or of two (cross-attention)
 *     score               how well each query fits each key: q·k / √width, or as the user writes it
 *     mask                who may see whom
 *     filter              the scores normalized over the keys: each row between 0 and 1, summing to 1
 *     weights             the filter as a function changed it, where there is one: dropout in training
 *     mixed               weights × value: for each position and head, a mixture of what the positions give
 *     output              the heads joined and projected
 *
 * Each of these words is the name of a value that `observe` can read or replace.
 */
import { foldIn } from '../base/index.js'
import { tap, watched, within } from '../observe/index.js'
import {
  type AnyTensor,
  applyFilter,
  attention,
  attentionRagged,
  attentionScores,
  concat,
  dot,
  type FilterFunction,
  filterScores,
  hasAxis,
  type Mask,
  mixValues,
  type Score,
  slice,
  sum,
  type Tensor,
} from '../tensor/index.js'
import type { LayerCache } from './cache.js'
import type { Key } from './growing.js'
import { batchSizes, dropWeights, filtersInOrder } from './filter.js'
import { linears, type Linear, type Quantized } from './linear.js'
import { norm, type Norm, type NormOptions } from './norm.js'
import type { PositionNumbers } from './position.js'
import { applyRotary, type RotaryTable } from './rotary.js'
import { appendRows, contextRows, packedMemory, type RowMemory, rowPositions, type Rows } from './rows.js'
import { addTo, type Dropout, projectOut, type Residual, type Sequence } from './sequence.js'
import type { Normalize } from './sparse-filter.js'
import { plainWeight, type Weight } from './weight.js'

/**
 * The parameters of an attention layer: four projections, and norms and a sink where the model has them.
 * Their sizes say what kind it is: fewer heads in key and value (grouped-query, multi-query), a width of
 * values of their own, another width of the context.
 */
export interface AttentionParameters {
  readonly query: Linear<'width', 'head' | 'headWidth'>
  readonly key: Linear<'width', 'head' | 'headWidth'>
  readonly value: Linear<'width', 'head' | 'headWidth'>
  readonly output: Linear<'head' | 'headWidth', 'width'>
  /**
   * Query-key normalization, head by head (Henry et al. 2020; Qwen 3, Gemma 3), or over all heads together
   * where the weight has the axis 'head' (OLMo 2).
   */
  readonly queryNorm?: Norm<'headWidth'> | Norm<'head' | 'headWidth'>
  readonly keyNorm?: Norm<'headWidth'> | Norm<'head' | 'headWidth'>
  /** A learned sink: for each head one more logit that takes a share of the filter and gives nothing. */
  readonly sink?: Tensor<'head'>
}

/**
 * How an attention layer makes scores and whom a query may see, and what happens at its end (`residual`,
 * `dropout`). Nothing is masked unless `mask` says so: `causal` for a decoder, `padding(real)` for a
 * filled-up batch, `allOf` for both. `A`: the batch axes that score and mask may ask for.
 */
export interface CrossAttentionOptions<A extends string = never> extends Residual<A> {
  /** From q·k × scale to the score; nn/score.ts has the known ones. */
  readonly score?: Score<A> | undefined
  /** Makes the score from the layer's own queries and keys (DeBERTa); instead of `score`. */
  readonly scoreFrom?: ScoreFrom | undefined
  /** Who may see whom; default: everybody everybody. nn/mask.ts has the known ones. */
  readonly mask?: Mask<A> | undefined
  /** From the normalized filter to the weights that values are mixed with; nn/filter.ts has known ones. */
  readonly filter?: FilterFunction<A> | undefined
  /**
   * From scores to filter in place of softmax (`entmax15`, `topKeys`), step by step; a sink has no part in
   * it.
   */
  readonly normalize?: Normalize | undefined
  /** Mixes values in a way of its own, in place of all that (`linearAttention`). */
  readonly mix?: ((query: Query, key: Key, value: Key) => Query) | undefined
  /** Drops weights of the filter, after `filter`. While training. */
  readonly filterDropout?: Dropout | undefined
  /** Default 1 / √width of a head. */
  readonly scale?: number | undefined
  /** Instead of the parameters' own. */
  readonly sink?: Tensor<'head'> | undefined
  /** Remembers keys and values from step to step. */
  readonly cache?: LayerCache | undefined
  /**
   * Several texts of lengths of their own, one after the other in a batch of 1, each with its own cache. The
   * values under names are of all rows together; scores and filter are of each, as `rows.0.filter`, where
   * there are several.
   */
  readonly rows?: Rows | undefined
  /** How queryNorm and keyNorm normalize; default RMS norm. */
  readonly headNorm?: NormOptions | undefined
}

/**
 * What self-attention may be told beside what `crossAttention` takes: rotary positions, and where the
 * positions of `x` stand.
 */
export interface SelfAttentionOptions<A extends string = never> extends CrossAttentionOptions<A> {
  /** Rotary positions: queries and keys are turned by their position. */
  readonly rotary?: RotaryTable | undefined
  /**
   * Where the positions of `x` stand, for rotary; default: after those in the cache, or from 0 on, in each
   * row.
   */
  readonly positions?: PositionNumbers | undefined
}

type Query = Tensor<'batch' | 'head' | 'query' | 'width'>

/** A score that is made from the queries and keys of one attention, of one row where there are several. */
export type ScoreFrom = (query: Query, key: Key) => Score

/**
 * Self-attention: every position of `x` attends to the positions of `x`, and to those in the cache. Batch
 * axes may have any names. Nothing is masked unless `mask` says so.
 *
 * Names: query, key, value, rotatedQuery, rotatedKey, scores, filter, mixed, outputPerHead, output; with
 * norms of queries and keys, queryNorm.* and keyNorm.* too; with a function on the filter, or dropout of it,
 * weights.
 *
 * @throws ShapeError where sizes do not fit
 */
export function selfAttention<A extends string = 'batch'>(
  parameters: Quantized<AttentionParameters>,
  x: Sequence<A>,
  options: SelfAttentionOptions<NoInfer<A>> = {},
): Sequence<A> {
  return attendToSelf(
    parameters,
    x as AnyTensor as Sequence,
    options as unknown as SelfAttentionOptions,
  ) as never
}

function attendToSelf(
  parameters: Quantized<AttentionParameters>,
  x: Sequence,
  given: SelfAttentionOptions,
): Sequence {
  const options = withoutOneRow(given, x)
  // Roles: each position asks, answers and gives.
  const projections = [parameters.query, parameters.key, parameters.value] as const
  const [queryHeads, keyHeads, valueHeads] = headsOf(projections, x)
  let query = tap('query', queriesOf(parameters, queryHeads, options))
  let key = tap('key', keysOf(parameters, keyHeads, options))
  let value = tap('value', valuesOf(valueHeads))

  // Order: rotary positions turn queries and keys, so that their product knows the distance.
  const { rotary, cache, rows, positions = rotary && startOf(options) } = options
  if (rotary !== undefined) {
    query = tap('rotatedQuery', applyRotary(query, 'query', rotary, positions))
    key = tap('rotatedKey', applyRotary(key, 'key', rotary, positions))
  }
  // Memory: what came before stands in the cache.
  if (rows !== undefined) {
    const memory = rows.caches ? appendRows(rows, key, value) : packedMemory(key, value, rows.lengths)
    return attendInRows(parameters, query, memory, rows, options)
  }
  if (cache !== undefined) ({ key, value } = cache.append(key, value))

  return attend(parameters, query, key, value, options)
}

/** A row that is alone needs to be told from no other: it is a sequence with its cache. */
function withoutOneRow<O extends CrossAttentionOptions>(options: O, x: Sequence, context?: Sequence): O {
  const { lengths = [], contexts, caches } = options.rows ?? {}
  const cache = caches?.[0]
  const whole = lengths.length === 1 && x.size('batch') === 1 && lengths[0] === x.size('position')
  const known =
    context === undefined || cache?.hasContext === true || contexts?.[0] === context.size('position')
  return whole && known ? { ...options, rows: undefined, cache: cache ?? options.cache } : options
}

/** Where the positions begin that follow the cache, or those of each row. */
function startOf({ cache, rows }: SelfAttentionOptions): PositionNumbers {
  if (rows === undefined) return cache?.length ?? 0
  const { lengths, caches } = rows
  return rowPositions(
    lengths,
    caches?.map(({ length }) => length),
  )
}

/**
 * Cross-attention: every position of `x` attends to the positions of `context`. Batch axes may have any
 * names, and those that only one of the two has are gone through for the other. With a cache, keys and values
 * of the context are computed in the first step. Names as in `selfAttention`.
 *
 * @throws ShapeError where sizes do not fit
 */
export function crossAttention<A extends string = 'batch', B extends string = A>(
  parameters: Quantized<AttentionParameters>,
  x: Sequence<A>,
  context: Sequence<B>,
  options: CrossAttentionOptions<NoInfer<A | B>> = {},
): Sequence<A | B> {
  const [own, other] = [x, context] as readonly AnyTensor[] as [Sequence, Sequence]
  return attendToContext(parameters, own, other, options as unknown as CrossAttentionOptions) as never
}

function attendToContext(
  parameters: Quantized<AttentionParameters>,
  x: Sequence,
  context: Sequence,
  given: CrossAttentionOptions,
): Sequence {
  const options = withoutOneRow(given, x, context)
  const [queryHeads] = headsOf([parameters.query], x)
  const query = tap('query', queriesOf(parameters, queryHeads, options))
  if (options.rows !== undefined) {
    const memory = memoryOf(parameters, context, options.rows, options)
    return attendInRows(parameters, query, memory, options.rows, options)
  }
  const compute = (): { key: Key; value: Key } => contextOf(parameters, context, options)
  const remembered = options.cache === undefined ? compute() : options.cache.context(compute)
  const key = tap('key', remembered.key)
  const value = tap('value', remembered.value)
  return attend(parameters, query, key, value, options)
}

function contextOf(
  parameters: Quantized<AttentionParameters>,
  context: Sequence,
  options: CrossAttentionOptions,
): { readonly key: Key; readonly value: Key } {
  const [keyHeads, valueHeads] = headsOf([parameters.key, parameters.value], context)
  return { key: keysOf(parameters, keyHeads, options), value: valuesOf(valueHeads) }
}

function memoryOf(
  parameters: Quantized<AttentionParameters>,
  context: Sequence,
  rows: Rows,
  options: CrossAttentionOptions,
): RowMemory {
  return contextRows(rows, () => {
    const { key, value } = contextOf(parameters, context, options)
    return { key: tap('key', key), value: tap('value', value) }
  })
}

/**
 * Computes keys and values of each row's context now, and has the rows' caches remember them:
 * `crossAttention` then does not need the context any more. Names: key, value.
 *
 * @throws ShapeError where sizes do not fit
 */
export function rememberContexts(
  parameters: Quantized<AttentionParameters>,
  context: Sequence,
  rows: Rows,
  options: Pick<CrossAttentionOptions, 'headNorm'> = {},
): void {
  memoryOf(parameters, context, rows, options)
}

/** Score, mask, filter, weights, mix, project out: what both kinds share. */
function attend(
  parameters: Quantized<AttentionParameters>,
  query: Query,
  key: Key,
  value: Key,
  options: CrossAttentionOptions,
): Sequence {
  return joinHeads(parameters, tap('mixed', mixedOf(parameters, query, key, value, options)), options)
}

function mixedOf(
  parameters: Quantized<AttentionParameters>,
  query: Query,
  key: Key,
  value: Key,
  options: CrossAttentionOptions,
): Query {
  const how = mixOptions(parameters, options, query, key)
  // Nobody looks at the filter: all of it in one kernel that never holds it.
  if (options.mix !== undefined) return options.mix(query, key, value)
  const { normalize } = options
  return normalize || watched('scores', 'filter', ...(how.filter === undefined ? [] : ['weights']))
    ? mixedInSteps(query, key, value, how, normalize)
    : attention(query, key, value, how)
}

/** The same of rows, which don't see each other. */
function attendInRows(
  parameters: Quantized<AttentionParameters>,
  query: Query,
  { keys, values }: RowMemory,
  { lengths }: Rows,
  options: CrossAttentionOptions,
): Sequence {
  const { filterDropout } = options
  const inRow = <T>(row: number, work: () => T): T => within(`rows.${row}`, work)
  let mixed: Query
  // Each row drops its own weights.
  const { scoreFrom, normalize, mix } = options
  const apart = [scoreFrom, normalize, mix, filterDropout].some((option) => option !== undefined)
  const looked = ['scores', 'filter', ...(options.filter === undefined ? [] : ['weights'])]
  if (apart || lengths.some((_, row) => inRow(row, () => watched(...looked)))) {
    let start = 0
    const parts = lengths.map((length, row) =>
      inRow(row, () => {
        const [key, value] = [keys[row]!, values[row]!].map(({ tensor, start: from, length: count }) =>
          slice(tensor, 'key', from, from + count),
        )
        const own = slice(query, 'query', start, (start += length))
        const dropped = filterDropout && { ...filterDropout, key: foldIn(filterDropout.key, row) }
        return mixedOf(parameters, own, key!, value!, { ...options, filterDropout: dropped })
      }),
    )
    mixed = concat(parts, 'query')
  } else {
    const how = mixOptions(parameters, options)
    mixed = attentionRagged(query, lengths, keys, values, how) as Query
  }
  return joinHeads(parameters, tap('mixed', mixed), options)
}

type MixOptions = Pick<CrossAttentionOptions, 'score' | 'mask' | 'filter' | 'scale' | 'sink'>

function mixOptions(
  { sink: own }: Quantized<AttentionParameters>,
  { score, scoreFrom, mask, filter, filterDropout, scale, sink = own }: CrossAttentionOptions,
  query?: Query,
  key?: Key,
): MixOptions {
  return {
    score: query && key && scoreFrom ? scoreFrom(query, key) : score,
    mask,
    filter: filterDropout && query && key ? dropping(filter, filterDropout, query, key) : filter,
    scale,
    sink,
  }
}

function dropping(
  filter: FilterFunction | undefined,
  { rate, key: random }: Dropout,
  query: Query,
  key: Key,
): FilterFunction | undefined {
  if (rate === 0) return filter
  const drop = dropWeights(rate, random, batchSizes(query, key))
  return filter === undefined ? drop : filtersInOrder(filter, drop)
}

/** Step by step, for somebody who looks at scores or filter. */
function mixedInSteps(
  query: Query,
  key: Key,
  value: Key,
  how: MixOptions,
  normalize: Normalize | undefined,
): Query {
  const { score, mask, scale, sink } = how
  const scores = tap('scores', attentionScores(query, key, { score, mask, scale }))
  const normalized = normalize?.<'batch' | 'head' | 'query'>(scores) ?? filterScores(scores, sink)
  const filter = tap('filter', normalized)
  if (how.filter === undefined) return mixValues(filter, value)
  return mixValues(tap('weights', applyFilter(filter, scores, how.filter)), value)
}

function queriesOf(
  parameters: Quantized<AttentionParameters>,
  heads: Heads,
  options: CrossAttentionOptions,
): Query {
  const query = normed('queryNorm', parameters, heads, options)
  return query.rename({ position: 'query', headWidth: 'width' })
}

function keysOf(
  parameters: Quantized<AttentionParameters>,
  heads: Heads,
  options: CrossAttentionOptions,
): Key {
  const key = normed('keyNorm', parameters, heads, options)
  return key.rename({ position: 'key', headWidth: 'width' })
}

function valuesOf(heads: Heads): Key {
  return heads.rename({ position: 'key', headWidth: 'width' })
}

type Heads = Tensor<'batch' | 'position' | 'head' | 'headWidth'>

type Projection = Linear<'width', 'head' | 'headWidth', Weight<'width' | 'head' | 'headWidth'>>

/** Each projection for all heads at once. */
function headsOf<const P extends readonly Projection[]>(
  projections: P,
  x: Sequence,
): { readonly [K in keyof P]: Heads } {
  return linears(projections, x, 'width') as never
}

/** Queries or keys normalized head by head, where the model does so. */
function normed(
  name: 'queryNorm' | 'keyNorm',
  { [name]: parameters }: Quantized<AttentionParameters>,
  heads: Heads,
  { headNorm = { kind: 'rms' } }: CrossAttentionOptions,
): Heads {
  if (parameters === undefined) return heads
  const { weight } = parameters as Norm<'head' | 'headWidth'>
  const together = weight !== undefined && hasAxis(weight, 'head')
  return within(name, () =>
    together
      ? norm(parameters as Norm<'head' | 'headWidth'>, heads, ['head', 'headWidth'], headNorm)
      : norm(parameters as Norm<'headWidth'>, heads, 'headWidth', headNorm),
  )
}

/** The heads joined by the output projection. */
function joinHeads({ output }: Quantized<AttentionParameters>, mixed: Query, residual: Residual): Sequence {
  const heads = mixed.rename({ query: 'position', width: 'headWidth' })
  if (!watched('outputPerHead')) return projectOut(output, heads, ['head', 'headWidth'], residual)
  // What each head adds to the output, apart: their sum, and the bias, is the output.
  const perHead = tap('outputPerHead', dot(heads, plainWeight(output.weight), 'headWidth'))
  const joined = sum(perHead, 'head')
  const whole = output.bias === undefined ? joined : joined.add(output.bias)
  return addTo(residual.residual, tap('output', whole), residual.dropout)
}
