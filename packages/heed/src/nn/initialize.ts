/**
 * Parameters before training. Every tensor has a stream of random numbers of its own, named by its place, so
 * that a change to one layer leaves the others' numbers as they were.
 */
import { checkWhole, foldIn, type RandomKey, type Shape, UsageError } from '../base/index.js'
import { full, normal, type Tensor, uniform } from '../tensor/index.js'
import type { AttentionParameters } from './attention.js'
import type { Block, CrossBlock, RecurrentBlock } from './block.js'
import type { Embedding } from './embedding.js'
import type { FeedForward } from './feed-forward.js'
import type { Linear } from './linear.js'
import type { Norm } from './norm.js'

/** A weight of this shape: `inputs` numbers go into each of `outputs` numbers. */
export interface Initializer {
  <A extends string>(key: RandomKey, shape: Shape<A>, inputs: number, outputs: number): Tensor<A>
  /** What starts at one number: biases and norms. Default: a tensor full of it. */
  readonly constant?: (<A extends string>(shape: Shape<A>, value: 0 | 1) => Tensor<A>) | undefined
}

const constant = <A extends string>(
  shape: Shape<A>,
  value: 0 | 1,
  initializer: Initializer | undefined,
): Tensor<A> => (initializer?.constant ?? full)(shape, value)

/** Normal with mean 0; GPT-2 and BERT have a deviation of 0.02. */
export function normalInitializer(deviation = 0.02): Initializer {
  return (key, shape) => normal(key, shape, deviation)
}

/** Uniform within ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010, equation 16), "Xavier". */
export const xavierUniform: Initializer = (key, shape, inputs, outputs) => {
  const limit = Math.sqrt(6 / (inputs + outputs))
  return uniform(key, shape, -limit, limit)
}

/** Normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010). */
export const xavierNormal: Initializer = (key, shape, inputs, outputs) =>
  normal(key, shape, Math.sqrt(2 / (inputs + outputs)))

/** What a linear map has beside its sizes. */
export interface LinearShape {
  readonly bias?: boolean
  readonly initializer?: Initializer
}

/** A linear map before training, from the axes of `inputs` to those of `outputs`. Biases start at 0. */
export function createLinear<I extends string, O extends string>(
  key: RandomKey,
  inputs: Shape<I>,
  outputs: Shape<O>,
  { bias = true, initializer = normalInitializer() }: LinearShape = {},
): Linear<I, O> {
  const count = (shape: Shape): number =>
    Object.values<number>(shape).reduce((product, size) => product * size, 1)
  const shape = { ...inputs, ...outputs } as Shape<I | O>
  const weight = initializer(key, shape, count(inputs), count(outputs))
  return bias ? { weight, bias: constant(outputs, 0, initializer) } : { weight }
}

/** What a norm has beside its axes. */
export interface NormShape {
  readonly bias?: boolean
  readonly onePlus?: boolean
  /** For its `constant`. */
  readonly initializer?: Initializer | undefined
}

/** The parameters of a norm before training: weight 1 (0 where the norm multiplies by 1 + weight), bias 0. */
export function createNorm<K extends string>(
  shape: Shape<K>,
  { bias = true, onePlus = false, initializer }: NormShape = {},
): Norm<K> {
  const weight = constant(shape, onePlus ? 0 : 1, initializer)
  return bias ? { weight, bias: constant(shape, 0, initializer) } : { weight }
}

/** A vector of `width` numbers for each entry of the vocabulary. */
export function createEmbedding(
  key: RandomKey,
  shape: { readonly vocabulary: number; readonly width: number },
  initializer: Initializer = normalInitializer(),
): Embedding {
  const { vocabulary, width } = shape
  return { weight: initializer(key, { vocabulary, width }, vocabulary, width) }
}

/** Sizes of an attention layer. */
export interface AttentionShape {
  readonly width: number
  readonly heads: number
  /** Heads of keys and values; default as many as of queries. */
  readonly keyValueHeads?: number | undefined
  /** Default width / heads. */
  readonly headWidth?: number | undefined
  /** Default headWidth. */
  readonly valueWidth?: number | undefined
  /** Width of the sequence that is attended to; default width. */
  readonly contextWidth?: number | undefined
  /** Biases of the four projections; default true. */
  readonly bias?: boolean | undefined
  /** A bias of the output projection; default `bias`. */
  readonly outputBias?: boolean | undefined
  /** Query-key normalization, head by head or over all heads `together`; default false. */
  readonly headNorm?: boolean | 'together' | undefined
  /** Whether these norms multiply by 1 + weight; default false. */
  readonly onePlus?: boolean | undefined
  readonly initializer?: Initializer | undefined
  /** Of the output projection; default the same. GPT-2 divides its deviation by √(2 × layers). */
  readonly outputInitializer?: Initializer | undefined
}

/**
 * The parameters of multi-head attention before training: query, key and value project from `width` to head ×
 * headWidth, output projects back to `width`.
 *
 * @throws UsageError where the width is no multiple of the heads and no headWidth is given, or heads no
 * multiple of keyValueHeads
 */
export function createAttention(key: RandomKey, shape: AttentionShape): AttentionParameters {
  checkHeads(shape)
  const { width, heads, keyValueHeads = heads, headWidth = width / heads, valueWidth = headWidth } = shape
  const { contextWidth = width, bias = true, outputBias = bias, onePlus = false } = shape
  const { headNorm = false, initializer = normalInitializer() } = shape
  const project = (
    name: string,
    from: number,
    head: number,
    size: number,
  ): Linear<'width', 'head' | 'headWidth'> =>
    createLinear(foldIn(key, name), { width: from }, { head, headWidth: size }, { bias, initializer })
  const normOf = (head: number): Norm<'headWidth'> | Norm<'head' | 'headWidth'> =>
    headNorm === 'together'
      ? createNorm({ head, headWidth }, { bias: false, onePlus, initializer })
      : createNorm({ headWidth }, { bias: false, onePlus, initializer })
  return {
    query: project('query', width, heads, headWidth),
    key: project('key', contextWidth, keyValueHeads, headWidth),
    value: project('value', contextWidth, keyValueHeads, valueWidth),
    output: createLinear(
      foldIn(key, 'output'),
      { head: heads, headWidth: valueWidth },
      { width },
      { bias: outputBias, initializer: shape.outputInitializer ?? initializer },
    ),
    ...(headNorm ? { queryNorm: normOf(heads), keyNorm: normOf(keyValueHeads) } : {}),
  }
}

function checkHeads({ width, heads, keyValueHeads = heads, headWidth }: AttentionShape): void {
  checkWhole('createAttention', 'heads', heads, 1)
  checkWhole('createAttention', 'keyValueHeads', keyValueHeads, 1)
  if (headWidth === undefined && width % heads !== 0)
    throw new UsageError({
      operation: 'createAttention',
      expected: `a width that is a multiple of the ${heads} heads`,
      found: String(width),
      hint: 'change one of them, or give headWidth',
    })
  if (heads % keyValueHeads !== 0)
    throw new UsageError({
      operation: 'createAttention',
      expected: `heads in groups of ${keyValueHeads} key/value heads`,
      found: String(heads),
      hint: 'each key/value head serves the same number of query heads',
    })
}

/** Sizes of a feed-forward layer. */
export interface FeedForwardShape {
  readonly width: number
  readonly hidden: number
  readonly gated?: boolean | undefined
  readonly bias?: boolean | undefined
  readonly initializer?: Initializer | undefined
  readonly outputInitializer?: Initializer | undefined
}

/**
 * The parameters of a feed-forward layer before training: `up` and `down` between `width` and `hidden`, and a
 * gate beside `up` where asked for.
 */
export function createFeedForward(key: RandomKey, shape: FeedForwardShape): FeedForward {
  const { width, hidden, gated = false, bias = true, initializer = normalInitializer() } = shape
  const up = (name: string): Linear<'width', 'hidden'> =>
    createLinear(foldIn(key, name), { width }, { hidden }, { bias, initializer })
  return {
    up: up('up'),
    ...(gated ? { gate: up('gate') } : {}),
    down: createLinear(
      foldIn(key, 'down'),
      { hidden },
      { width },
      { bias, initializer: shape.outputInitializer ?? initializer },
    ),
  }
}

/** Sizes of a block. */
export interface BlockShape extends AttentionShape {
  readonly hidden: number
  /** A gate in the feed-forward layer; default false. */
  readonly gated?: boolean | undefined
  /** Biases of the feed-forward layer; default `bias`. */
  readonly feedForwardBias?: boolean | undefined
  /** Biases of the norms; default as `bias`. RMS norms have none. */
  readonly normBias?: boolean | undefined
  /** What is in the vectors that the layers' results are multiplied by; default: there are none. */
  readonly outputScale?: number | undefined
  /** Which norms there are; default those before (or, where they stand after the sum, behind) both layers. */
  readonly norms?: readonly BlockNorm[] | undefined
}

/** The norms that a block may have. */
export type BlockNorm = 'attentionNorm' | 'attentionOutputNorm' | 'feedForwardNorm' | 'feedForwardOutputNorm'

/**
 * A block of an encoder or of a decoder: attention and feed-forward layer, each with its norm. Throws what
 * `createAttention` throws.
 */
export function createBlock(key: RandomKey, shape: BlockShape): Block {
  const { width, bias = true, feedForwardBias = bias, normBias = bias, onePlus = false } = shape
  const { norms = ['attentionNorm', 'feedForwardNorm'], initializer, outputScale } = shape
  const normOf = (name: BlockNorm): { readonly [K in BlockNorm]?: Norm } =>
    norms.includes(name) ? { [name]: createNorm({ width }, { bias: normBias, onePlus, initializer }) } : {}
  const scaleOf = (
    name: 'attentionOutputScale' | 'feedForwardOutputScale',
  ): { [K in typeof name]?: Tensor<'width'> } =>
    outputScale === undefined
      ? {}
      : { [name]: initializer?.constant?.({ width }, 1) ?? full({ width }, outputScale) }
  return {
    ...normOf('attentionNorm'),
    attention: createAttention(foldIn(key, 'attention'), shape),
    ...normOf('attentionOutputNorm'),
    ...scaleOf('attentionOutputScale'),
    ...normOf('feedForwardNorm'),
    feedForward: createFeedForward(foldIn(key, 'feedForward'), { ...shape, bias: feedForwardBias }),
    ...normOf('feedForwardOutputNorm'),
    ...scaleOf('feedForwardOutputScale'),
  }
}

/** `createBlock` with attention to a context, of `contextWidth`, between its two layers. */
export function createCrossBlock(key: RandomKey, shape: BlockShape): CrossBlock {
  const { width, bias = true, normBias = bias, onePlus = false, initializer } = shape
  const self = { ...shape, contextWidth: width }
  return {
    ...createBlock(key, self),
    crossAttentionNorm: createNorm({ width }, { bias: normBias, onePlus, initializer }),
    crossAttention: createAttention(foldIn(key, 'crossAttention'), shape),
  }
}

/** `createCrossBlock` with a simple recurrent unit in place of the attention among its own positions. */
export function createRecurrentBlock(key: RandomKey, shape: BlockShape): RecurrentBlock {
  const { width, bias = true, normBias = bias, initializer } = shape
  const { attention: _, attentionNorm: __, attentionOutputNorm: ___, ...rest } = createCrossBlock(key, shape)
  const map = (name: string, withBias: boolean): Linear<'width', 'unit'> =>
    createLinear(
      foldIn(foldIn(key, 'recurrent'), name),
      { width },
      { unit: width },
      { bias: withBias, ...(initializer && { initializer }) },
    )
  return {
    recurrentNorm: createNorm({ width }, { bias: normBias, initializer }),
    recurrent: { candidate: map('candidate', false), forget: map('forget', bias) },
    ...rest,
  }
}
