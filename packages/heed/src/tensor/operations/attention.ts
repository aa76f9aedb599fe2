import { checkNames, ShapeError, UsageError, inWords } from '../../base/index.js'
import type { StoredFloat, StoredOperands } from '../../kernels/index.js'
import { sameDevice } from '../layout.js'
import { expressionNumber, layoutNumber, preparedFor } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { record, tracked } from '../tape.js'
import { type AnyTensor, axisOf, type Tensor, isTensor, notTensor } from '../tensor.js'
import { attentionAxes, isStoredFloat, walk } from './attention-axes.js'
import { type KeptResult, runBackward } from './attention-backward.js'
import { checkCaptures } from './attention-capture.js'
import { type AttentionResult, type PlannedAttention, planForward, runForward } from './attention-forward.js'
import { type FilterFunction, type Mask, type Score, trace } from './attention-function.js'
import { adjacent, type AttentionOperands } from './attention-operands.js'
import { batchAsked } from './attention-positions.js'
import { preparedAttention } from './attention-prepared.js'
import { cast } from './choose.js'
import { copy } from './copy.js'

/** How scores are made and who may see whom. */
export interface ScoreOptions<A extends string = never> {
  /** From q·k × scale to the score; default: as it is. */
  readonly score?: Score<A> | undefined
  /** Which keys a query may attend to; default: all. */
  readonly mask?: Mask<A> | undefined
  /** Default 1 / √width (Vaswani et al. 2017, section 3.2.1); of another similarity its own. */
  readonly scale?: number | undefined
}

/**
 * What makes one kind of attention another. By default every query sees every key, and the score is q·k /
 * √width. `score`, `mask` and `filter` are functions of your own or ready-made ones (`alibi`, `softCap`;
 * `causal`, `padding`; `dropWeights`), joined by `inOrder` and `allOf`. `A`: the batch axes of query, key and
 * value.
 */
export interface AttentionOptions<A extends string = never> extends ScoreOptions<A> {
  /**
   * From the normalized weights to those that values are mixed with (ONNX's `prob_mod`); default: as they
   * are. One that multiplies the weight by what does not depend on it costs nothing more; for any other the
   * scores are computed twice.
   */
  readonly filter?: FilterFunction<A> | undefined
  /**
   * For each head one more logit in the denominator, without a value: rows may sum to less than 1 (Miller
   * 2023, "Attention Is Off By One").
   */
  readonly sink?: Tensor<'head'> | undefined
}

const known: Record<keyof AttentionOptions, true> = {
  score: true,
  mask: true,
  filter: true,
  scale: true,
  sink: true,
}
/** What the options of an attention are called. */
export const attentionNames: readonly string[] = Object.keys(known)

/**
 * What the fused kernel knows of each row beside its output. All of it is of the normalized weights, before a
 * function on the filter.
 */
export interface AttentionWithStatistics<A extends string, R extends string> {
  readonly output: Tensor<A>
  /** ln of the denominator, the sink included; −infinity where nothing may be attended. */
  readonly logSumExp: Tensor<R>
  /** −Σ f ln f over the keys, in nats; 0 where nothing may be attended. */
  readonly entropy: Tensor<R>
  readonly largestWeight: Tensor<R>
  /** i32: the key of the largest weight, the lowest of equals; −1 where nothing may be attended. */
  readonly largestKey: Tensor<R>
}

/**
 * Scaled dot-product attention (Vaswani et al. 2017, equation 1), programmable and fused: softmax over the
 * keys of score(q·k × scale), masked, times value. It is one pass that never holds the query × key filter
 * (Dao et al. 2022, FlashAttention).
 *
 * - query: batch head query width
 * - key: batch head key width
 * - value: batch head key width, of a width of its own
 * - result: batch head query width. In memory it is batch query head width, so that heads are joined without
 *   a copy.
 *
 * Heads and batch axes may be absent, and there may be more batch axes, of any name. Key and value may have
 * fewer heads: each is shared by the same number of neighbouring query heads (Ainslie et al. 2023,
 * grouped-query attention). Query, key and value may each be stored as f16 or bf16; they are widened as they
 * are read. Result and gradients are f32.
 *
 * A row that may attend to nothing is 0. What is masked can't be seen, NaN included. Gradients flow to query,
 * key, value, sink and the f32 tensors that score and filter capture.
 *
 * @throws ShapeError if an axis is missing or sizes disagree, captured tensors included
 * @throws DtypeError for tensors that are not f32, f16 or bf16
 * @throws UsageError if score, mask or filter return something else than an expression, or the scale is no
 *   number
 */
export function attention<Q extends string = never, K extends string = never, V extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  value: Tensor<V | 'key' | 'width'>,
  options: AttentionOptions<NoInfer<Q | K | V>> = {},
): Tensor<'query' | 'width' | Exclude<Q | K | V, 'key'>> {
  return attend('attention', query, key, value, options as AttentionOptions, false).output as never
}

/** `attention` with what the fused kernel knows of each row. Only the output takes part in gradients. */
export function attentionWithStatistics<
  Q extends string = never,
  K extends string = never,
  V extends string = never,
>(
  query: Tensor<Q | 'query' | 'width'>,
  key: Tensor<K | 'key' | 'width'>,
  value: Tensor<V | 'key' | 'width'>,
  options: AttentionOptions<NoInfer<Q | K | V>> = {},
): AttentionWithStatistics<
  'query' | 'width' | Exclude<Q | K | V, 'key'>,
  'query' | Exclude<Q | K | V, 'key' | 'width'>
> {
  const result = attend('attentionWithStatistics', query, key, value, options as AttentionOptions, true)
  const { output, logSumExp, entropy, largestWeight, largestKey } = result
  return { output, logSumExp, entropy, largestWeight, largestKey } as never
}

/** What the gradient of an attention needs. */
export interface AttentionAttributes extends KeptResult {
  readonly operands: AttentionOperands
}

function attend(
  operation: string,
  givenQuery: AnyTensor,
  givenKey: AnyTensor,
  givenValue: AnyTensor,
  options: AttentionOptions,
  statistics: boolean,
): AttentionResult {
  checkNames(operation, options, attentionNames)
  return allOrNothing(() => {
    for (const tensor of [givenQuery, givenKey, givenValue])
      if (!isTensor(tensor)) throw notTensor(operation, tensor)
    const { sink: givenSink } = options
    const { similarity } = options.score ?? {}
    const { size: width } = axisOf(operation, givenQuery, 'width')
    const scale = scaleOf(operation, options, width)
    let traced = trace(operation, options, scale)
    if ([givenQuery, givenKey].some(({ elements }) => elements === 0) && width > 0) {
      // Nothing is computed, and a captured tensor may have nothing to read either.
      checkCaptures(operation, traced, attentionAxes(operation, givenQuery, givenKey, givenValue))
      traced = trace(operation, {}, scale)
    }
    const given = [
      givenQuery,
      givenKey,
      givenValue,
      ...(givenSink === undefined ? [] : [givenSink]),
      ...traced.tensors,
    ]
    const device = sameDevice(operation, given)
    const forGradient = tracked(given)
    // Validated and planned once for all operands of these layouts.
    let planKey = `attention ${expressionNumber(traced.roots)} ${traced.kinds.join()} ${similarity?.name} ${statistics} ${forGradient} ${givenSink !== undefined}`
    for (const tensor of given) planKey += ` ${layoutNumber(tensor)}${tensor.dtype}`
    const known = preparedFor(device, planKey)
    const planned = known?.note as PlannedAttention | undefined
    const axes = planned?.axes ?? attentionAxes(operation, givenQuery, givenKey, givenValue)
    if (known === undefined) checkCaptures(operation, traced, axes)
    const sink = givenSink && readySink(operation, givenSink, axes.heads)
    const [query, key] = similarity
      ? [similarity.prepare(widened(givenQuery)), similarity.prepare(widened(givenKey))]
      : [givenQuery, givenKey]
    const sources = [adjacent(query), adjacent(key), adjacent(givenValue)] as const
    const way = planned?.way ?? walk(axes.batch, sources, batchAsked(traced.roots))
    const operands: AttentionOperands = {
      planKey,
      prepared:
        planned?.prepared ?? preparedAttention(traced, axes, way, sink !== undefined, storedOf(sources)),
      axes,
      way,
      query: sources[0],
      key: sources[1],
      value: sources[2],
      sink,
      captured: traced.tensors,
      parameters: traced.parameters,
    }
    const result = runForward(
      device,
      known ?? planForward(device, operands, { statistics, forGradient }),
      operands,
    )
    const { output, largest, inverseSum } = result
    if (forGradient) {
      const kept = { output, largest: largest!, inverseSum: inverseSum! }
      const inputs = [
        operands.query,
        operands.key,
        operands.value,
        ...(sink === undefined ? [] : [sink]),
        ...traced.tensors.filter(({ dtype }) => dtype === 'f32'),
      ]
      record('attention', inputs, output, { ...kept, operands } satisfies AttentionAttributes)
    }
    return result
  })
}

/** The gradients of an attention's inputs, in their order; `wanted` tells which are needed. */
export function attentionGradient(
  { operands, ...result }: AttentionAttributes,
  gradient: Tensor,
  wanted: (input: AnyTensor) => boolean,
): (Tensor | undefined)[] {
  const { query, key, value, sink, captured } = operands
  const found = runBackward(query.device, operands, result, gradient, {
    sink: sink !== undefined && wanted(sink),
    captured: captured.map((tensor) => tensor.dtype === 'f32' && wanted(tensor)),
  })
  return [
    wanted(query) ? found.query : undefined,
    wanted(key) ? found.key : undefined,
    wanted(value) ? found.value : undefined,
    ...(sink === undefined ? [] : [found.sink]),
    ...found.captured.filter((_, slot) => captured[slot]!.dtype === 'f32'),
  ]
}

/** How the three are stored. */
export function storedOf([query, key, value]: readonly [AnyTensor, AnyTensor, AnyTensor]): StoredOperands {
  const of = ({ dtype }: AnyTensor): StoredFloat => (isStoredFloat(dtype) ? dtype : 'f32')
  return { query: of(query), key: of(key), value: of(value) }
}

/** As f32, for what computes with it. */
export function widened(x: AnyTensor): Tensor {
  return cast(x as Tensor, 'f32') as Tensor
}

/** The scale of these options, and what it is where none is given. */
export function scaleOf(operation: string, { scale, score }: ScoreOptions, width: number): number {
  if (scale === undefined) return score?.similarity?.scale ?? 1 / Math.sqrt(width)
  if (Number.isFinite(scale)) return scale
  throw new UsageError({
    operation,
    expected: 'a scale that is a finite number',
    found: inWords(scale),
    hint: 'leave it out for 1 / √width',
  })
}

/** One logit for each head, one after the other. */
export function readySink(operation: string, sink: AnyTensor, heads: number): AnyTensor {
  const { size, stride } = axisOf(operation, sink, 'head')
  if (sink.dtype !== 'f32' || sink.layout.length !== 1 || size !== heads) {
    throw new ShapeError({
      operation,
      axis: 'head',
      expected: `a sink of f32 head ${heads}`,
      found: (sink as Tensor).describe(),
      hint: 'give one logit for each query head',
    })
  }
  return size === 1 || stride === 1 ? sink : copy(sink)
}
