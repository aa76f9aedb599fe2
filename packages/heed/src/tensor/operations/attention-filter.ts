import { checkNames, ShapeError } from '../../base/index.js'
import {
  filterWeight,
  input,
  type Place,
  planScores,
  planScoresBackward,
  substitute,
} from '../../kernels/index.js'
import { execute } from '../execute.js'
import { emptyArranged, physicalOrder, sameDevice, shapeOf } from '../layout.js'
import { allOrNothing } from '../scope.js'
import { record, withTape } from '../tape.js'
import { type AnyTensor, axisOf, hasAxis, type Tensor, isTensor, notTensor } from '../tensor.js'
import {
  attentionNames,
  type AttentionOptions,
  readySink,
  scaleOf,
  type ScoreOptions,
  widened,
} from './attention.js'
import { type AttentionAxes, attentionAxes, strideOf, type Walk, walk } from './attention-axes.js'
import { capturedSlots, zerosLike } from './attention-backward.js'
import { type Captures, checkCaptures } from './attention-capture.js'
import { type FilterFunction, trace, type Traced, traceFilter } from './attention-function.js'
import { capturePlace, placeOf, sizesFor } from './attention-operands.js'
import { batchAsked, roundParameters } from './attention-positions.js'
import { type PreparedAttention, preparedAttention } from './attention-prepared.js'
import { arrange } from './copy.js'
import { map } from './elementwise.js'
import { merge, rename, split } from './movement.js'
import { max, sum } from './reduction.js'
import { softmax } from './softmax.js'
import { maskedProducts, weightedSum } from './weighted-sum.js'

/**
 * The scores by themselves, batch head query key: score(q·k × scale), −infinity where masked. The plain path
 * of `attention`, which holds all of them; both agree to rounding. Axes as there. Differentiable, captured
 * tensors included.
 *
 * @throws ShapeError, DtypeError and UsageError as `attention` does
 */
export function attentionScores<Q extends string = never, K extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  options: ScoreOptions<NoInfer<Exclude<Q | K, 'width'>>> = {},
): Tensor<'query' | 'key' | Exclude<Q | K, 'width'>> {
  return scoresOf('attentionScores', query, key, options as ScoreOptions) as never
}

/**
 * The filter, batch head query key: the scores normalized over the keys. Each row is between 0 and 1 and sums
 * to 1 (to less with a sink, to 0 where nothing may be attended), unless a function on the filter changes
 * that. This is the plain path of `attention`, and has gradients.
 *
 * @throws ShapeError, DtypeError and UsageError as `attention` does
 */
export function attentionFilter<Q extends string = never, K extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  options: AttentionOptions<NoInfer<Exclude<Q | K, 'width'>>> = {},
): Tensor<'query' | 'key' | Exclude<Q | K, 'width'>> {
  return allOrNothing(() => {
    const scores = scoresOf('attentionFilter', query, key, options as ScoreOptions) as Tensor<'head' | 'key'>
    const filter = filterScores<'head'>(scores, options.sink)
    return applyFilter(filter, scores, options.filter as FilterFunction) as never
  })
}

/** From scores to the filter: softmax over the keys, with the sink in the denominator where there is one. */
export function filterScores<A extends string>(
  scores: Tensor<A | 'key'>,
  sink?: Tensor<'head'>,
): Tensor<A | 'key'> {
  return allOrNothing(() => {
    if (sink === undefined) return softmax(scores as Tensor, 'key') as never
    const all = scores as Tensor
    const logit = readySink(
      'filterScores',
      sink,
      hasAxis(all, 'head') ? axisOf('filterScores', all, 'head').size : 1,
    ) as Tensor<'head'>
    const own = (hasAxis(all, 'head') ? logit : logit.at('head', 0)) as Tensor
    // The filter does not depend on what is taken off every score of a row, so no gradient goes through it.
    // Where there is neither a key nor a sink, 0 and a divisor of 1 keep the row 0.
    const top = withTape(undefined, () =>
      map(
        (largest, s) => {
          const highest = largest.max(s)
          return highest.gt(-Infinity).select(highest, 0)
        },
        max(all, 'key') as Tensor,
        own,
      ),
    )
    const weights = map((score, t) => score.sub(t).exp(), all, top) as Tensor
    const total = sum(weights, 'key') as Tensor
    return map(
      (weight, rest, s, t) => {
        const divisor = rest.add(s.sub(t).exp())
        return weight.div(divisor.eq(0).select(1, divisor))
      },
      weights,
      total,
      own,
      top,
    ) as never
  })
}

/**
 * From the filter to the weights that values are mixed with: what the function gives, and 0 where the score
 * is −∞, as masked ones are. The plain path of the option `filter`; without a function the filter itself.
 *
 * @param scores those that the filter was made of
 * @throws ShapeError and UsageError as `attention` does
 */
export function applyFilter<A extends string>(
  filter: Tensor<A>,
  scores: Tensor<A>,
  change?: FilterFunction,
): Tensor<A> {
  if (change === undefined) return filter
  return allOrNothing(() => {
    const operation = 'applyFilter'
    const axes = filterAxes(filter as AnyTensor)
    const captures: Captures = { tensors: [], parameters: [], kinds: [] }
    const expression = traceFilter(operation, change, captures)
    checkCaptures(operation, { roots: [expression], tensors: captures.tensors }, axes)
    // Where there is nothing, a captured tensor may have nothing to read either.
    if (isNothing(axes)) return filter
    // Weights are never below 0: −1 says that there is none.
    const marked = map(
      (weight, score) => score.eq(-Infinity).select(-1, weight),
      filter as AnyTensor as Tensor,
      scores as AnyTensor as Tensor,
    ) as Tensor
    // Its kernels read one tensor, and write 0 where their mask says no.
    const weight = input(0)
    const score = substitute(expression, new Map([[filterWeight, weight]]))
    const mask = weight.ge(0).or(weight.ne(weight))
    const traced = { ...captures, score, mask, filter: undefined, roots: [score, mask] }
    return plannedScores(operation, marked, alongKeys(marked), axes, traced, 0) as never
  })
}

/** What an attention has whose filter this is. */
function filterAxes(filter: AnyTensor): AttentionAxes {
  const size = (name: string): number => axisOf('applyFilter', filter, name).size
  const headed = hasAxis(filter, 'head')
  const heads = headed ? size('head') : 1
  return {
    batch: filter.layout.filter(({ name }) => !['head', 'query', 'key'].includes(name)),
    headed,
    heads,
    kvHeads: heads,
    queries: size('query'),
    keys: size('key'),
    width: 0,
    valueWidth: 0,
  }
}

/**
 * Filter × value, summed over the keys: batch head query width. Value may have fewer heads, each shared by
 * neighbouring heads of the filter. Where the filter is 0 nothing is taken of a value, whatever it holds.
 *
 * @throws ShapeError where sizes disagree
 */
export function mixValues<F extends string = never, V extends string = never>(
  filter: Tensor<F | 'query' | 'key'>,
  value: Tensor<V | 'key' | 'width'>,
): Tensor<'query' | 'width' | Exclude<F | V, 'key'>> {
  return allOrNothing(() => {
    const [weights, values] = [filter as unknown as Tensor, widened(value as unknown as AnyTensor)]
    return overHeads('mixValues', weights, values, 'key', weightedSum) as never
  })
}

/** What the gradient of the scores needs. */
export interface ScoresAttributes {
  readonly prepared: PreparedAttention
  readonly axes: AttentionAxes
  readonly way: Walk
  readonly captured: readonly AnyTensor[]
  readonly parameters: readonly number[]
}

function scoresOf(operation: string, query: AnyTensor, key: AnyTensor, options: ScoreOptions): Tensor {
  checkNames(operation, options, attentionNames)
  return allOrNothing(() => {
    for (const tensor of [query, key]) if (!isTensor(tensor)) throw notTensor(operation, tensor)
    const { score, mask } = options
    const functions = { score, mask }
    const axes = attentionAxes(operation, query, key)
    const scale = scaleOf(operation, options, axes.width)
    let traced = trace(operation, functions, scale)
    checkCaptures(operation, traced, axes)
    // Where nothing is computed, a captured tensor may have nothing to read either.
    if (isNothing(axes)) traced = trace(operation, {}, scale)
    const unit = (x: AnyTensor): Tensor =>
      score?.similarity === undefined ? widened(x) : score.similarity.prepare(widened(x))
    const multiplied = overHeads(operation, unit(query), unit(key), 'width', maskedProducts)
    const products = alongKeys(multiplied)
    return plannedScores(operation, query, products, axes, traced, -Infinity)
  })
}

function isNothing({ heads, queries, keys }: AttentionAxes): boolean {
  return heads * queries * keys === 0
}

/**
 * The score of each product, and `hidden` where the mask says no.
 *
 * @param beside another tensor, which must be on the same device
 */
function plannedScores(
  operation: string,
  beside: AnyTensor,
  products: Tensor,
  axes: AttentionAxes,
  traced: Traced,
  hidden: number,
): Tensor {
  const device = sameDevice(operation, [beside, products, ...traced.tensors])
  const shape: Record<string, number> = {}
  for (const { name, size } of axes.batch) shape[name] = size
  if (axes.headed) shape.head = axes.heads
  const output = emptyArranged(device, 'f32', { ...shape, query: axes.queries, key: axes.keys })
  const way = walk(axes.batch, [products, output], batchAsked(traced.roots))
  const prepared = preparedAttention(traced, { ...axes, width: 0, valueWidth: 0 }, way, false)
  const { tensors: captured, parameters } = traced
  execute(device, () =>
    way.rounds.flatMap((round) =>
      planScores(
        prepared.definition,
        sizesFor(axes, way),
        {
          products: placeOf(products, 'query', way, round),
          scores: placeOf(output, 'query', way, round),
          captures: captured.map((tensor) => capturePlace(tensor, physicalOrder(tensor))),
          parameters: roundParameters(parameters, way, round),
        },
        hidden,
      ),
    ),
  )
  return record('attentionScores', [products, ...captured.filter(({ dtype }) => dtype === 'f32')], output, {
    prepared,
    axes,
    way,
    captured,
    parameters,
  } satisfies ScoresAttributes)
}

/** The gradients of the products and of the captured f32 tensors. */
export function scoresGradient(
  { prepared, axes, way, captured, parameters }: ScoresAttributes,
  products: AnyTensor,
  gradient: Tensor,
  wanted: (input: AnyTensor) => boolean,
): (Tensor | undefined)[] {
  const { device } = products
  // Both in the forward pass's order, so that its way through the batch axes holds.
  const upstream = arrange(gradient, physicalOrder(products))
  const productGradient = wanted(products)
    ? emptyArranged(device, 'f32', shapeOf(products), physicalOrder(products))
    : undefined
  const slots = capturedSlots(prepared).filter((slot) => wanted(captured[slot]!))
  const gradients = captured.map((tensor, slot) => (slots.includes(slot) ? zerosLike(tensor) : undefined))
  const place = (tensor: AnyTensor, round: readonly number[]): Place => placeOf(tensor, 'query', way, round)
  execute(device, () =>
    way.rounds.flatMap((round) =>
      planScoresBackward(prepared.definition, sizesFor(axes, way), slots, {
        products: place(products, round),
        scores: place(upstream, round),
        ...(productGradient === undefined ? {} : { productGradient: place(productGradient, round) }),
        captures: captured.map((tensor) => capturePlace(tensor, physicalOrder(tensor))),
        captureGradients: gradients.map((tensor, slot) =>
          tensor === undefined ? undefined : capturePlace(tensor, physicalOrder(captured[slot]!)),
        ),
        parameters: roundParameters(parameters, way, round),
      }),
    ),
  )
  return [productGradient, ...gradients.filter((_, slot) => captured[slot]!.dtype === 'f32')]
}

/** Adjacent along the keys. */
function alongKeys(products: Tensor): Tensor {
  if (axisOf('attentionScores', products, 'key').size === 1 || strideOf(products, 'key') === 1)
    return products
  return arrange(products, [...physicalOrder(products).filter((name) => name !== 'key'), 'key'])
}

const shared = 'key/value head'
const member = 'query head'

/** A product over one axis, where the second may have fewer heads. */
function overHeads(
  operation: string,
  a: Tensor,
  b: Tensor,
  over: string,
  product: (a: Tensor, b: Tensor, over: string) => Tensor,
): Tensor {
  const [heads, kvHeads] = [a, b].map((tensor) => tensor.layout.find(({ name }) => name === 'head')?.size)
  if (heads === undefined || kvHeads === undefined || heads === kvHeads) return product(a, b, over)
  if (heads % kvHeads !== 0) {
    throw new ShapeError({
      operation,
      axis: 'head',
      expected: `${heads} heads to be a multiple of the value's`,
      found: String(kvHeads),
      hint: 'give each key/value head the same number of query heads',
    })
  }
  const grouped = split(a, 'head', { [shared]: kvHeads, [member]: heads / kvHeads })
  const multiplied = product(grouped, rename(b, { head: shared }) as Tensor, over)
  return merge(multiplied, [shared, member], 'head') as Tensor
}
