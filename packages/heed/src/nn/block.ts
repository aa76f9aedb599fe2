import { checkNames, foldIn } from '../base/index.js'
import { tap, within } from '../observe/index.js'
import { type Activation, type Mask, scope, type Tensor } from '../tensor/index.js'
import {
  type AttentionParameters,
  crossAttention,
  type CrossAttentionOptions,
  selfAttention,
  type SelfAttentionOptions,
} from './attention.js'
import type { LayerCache } from './cache.js'
import { feedForward, type FeedForward } from './feed-forward.js'
import { allOf, causal } from './mask.js'
import type { Quantized } from './linear.js'
import { norm, type Norm, type NormOptions } from './norm.js'
import { simpleRecurrent, type SimpleRecurrent } from './simple-recurrent.js'
import { addTo, type BlockDropout, type Residual, type Sequence } from './sequence.js'

/**
 * Attention among the positions, then a feed-forward layer at each: a block of an encoder or of a decoder.
 * Where a norm is absent nothing is normalized there (ModernBERT's first block, OLMo 2).
 */
export interface Block {
  readonly attentionNorm?: Norm
  readonly attention: AttentionParameters
  /** Of what attention gives, before it is added (Gemma 2, OLMo 2). */
  readonly attentionOutputNorm?: Norm
  /** What that is multiplied by, before it is added (Touvron et al. 2021, CaiT; DINOv2). */
  readonly attentionOutputScale?: Tensor<'width'>
  readonly feedForwardNorm?: Norm
  readonly feedForward: FeedForward
  /** Of what the feed-forward layer gives, before it is added. */
  readonly feedForwardOutputNorm?: Norm
  /** What that is multiplied by, before it is added. */
  readonly feedForwardOutputScale?: Tensor<'width'>
}

/** A block of a decoder that also attends to what an encoder made. */
export interface CrossBlock extends Block {
  readonly crossAttentionNorm?: Norm
  readonly crossAttention: AttentionParameters
}

/** A block of a decoder that reads what came before by a simple recurrent unit, not by attention. */
export interface RecurrentBlock extends Omit<
  CrossBlock,
  'attentionNorm' | 'attention' | 'attentionOutputNorm'
> {
  readonly recurrentNorm?: Norm
  readonly recurrent: SimpleRecurrent
}

/**
 * What kind of block it is, and what happens in this call. The defaults are those of GPT-2: norms before each
 * layer, layer norm, GELU. All of a model's blocks usually have the same options, and a trained model needs
 * those that it was trained with.
 */
export interface BlockOptions {
  /**
   * Where the norms stand. 'pre': x + layer(norm(x)), as in nearly every model since GPT-2 (Xiong et al.
   * 2020). 'post': norm(x + layer(x)), as in Vaswani et al. 2017 and BERT. 'parallel': both layers read x,
   * x + attention(norm(x)) + feedForward(norm(x)), as in GPT-NeoX (Black et al. 2022). Default 'pre'.
   */
  readonly arrangement?: 'pre' | 'post' | 'parallel' | undefined
  readonly norm?: NormOptions | undefined
  /** Of the feed-forward layer; default 'gelu'. */
  readonly activation?: Activation | undefined
  /** Score, mask, scale, rotary positions, … of the self-attention. */
  readonly attention?: Omit<SelfAttentionOptions, 'residual' | 'dropout' | 'cache'> | undefined
  /**
   * Drops elements of what each layer adds, and weights of the filters; the block derives a key for each from
   * this one.
   */
  readonly dropout?: BlockDropout | undefined
}

/**
 * What `decoderBlock` may be told: the options of a block, and a cache for decoding. `attention.mask` narrows
 * the causal mask, and does not replace it.
 */
export interface DecoderBlockOptions extends BlockOptions {
  /** Keys and values of the positions so far: `cache.layer(i)` of a `KeyValueCache`. `x` follows them. */
  readonly cache?: LayerCache | undefined
}

/**
 * What `crossDecoderBlock` may be told: the options of a decoder's block, and those of the attention to an
 * encoder's output.
 */
export interface CrossBlockOptions extends DecoderBlockOptions {
  /** Score, mask, scale of the attention to the context. */
  readonly crossAttention?: Omit<CrossAttentionOptions, 'residual' | 'dropout' | 'cache'> | undefined
}

const known: Record<keyof BlockOptions, true> = {
  arrangement: true,
  norm: true,
  activation: true,
  attention: true,
  dropout: true,
}
const blockNames: readonly string[] = Object.keys(known)
const decoderNames: readonly string[] = [...blockNames, 'cache' satisfies keyof DecoderBlockOptions]
const crossNames: readonly string[] = [...decoderNames, 'crossAttention' satisfies keyof CrossBlockOptions]

/**
 * A block in which every position may see every other, but for the mask given. Names: residualBefore,
 * attentionNorm.*, attention.*, residualMiddle, feedForwardNorm.*, feedForward.*, residualAfter. Frees what
 * it makes but for its result.
 *
 * @throws ShapeError where sizes do not fit
 */
export function encoderBlock(
  parameters: Quantized<Block>,
  x: Sequence,
  options: BlockOptions = {},
): Sequence {
  checkNames('encoderBlock', options, blockNames)
  return scope(() => {
    const before = tap('residualBefore', x)
    const middle = tap('residualMiddle', attentionLayer(parameters, before, options))
    return tap('residualAfter', feedForwardLayer(parameters, before, middle, options))
  })
}

/**
 * A block in which every position sees itself and those before it, and of these the ones that the mask
 * allows. Names as in `encoderBlock`.
 *
 * @throws ShapeError where sizes do not fit
 */
export function decoderBlock(
  parameters: Quantized<Block>,
  x: Sequence,
  options: DecoderBlockOptions = {},
): Sequence {
  checkNames('decoderBlock', options, decoderNames)
  return scope(() => {
    const before = tap('residualBefore', x)
    const middle = tap('residualMiddle', attentionLayer(parameters, before, options, causalAnd(options)))
    return tap('residualAfter', feedForwardLayer(parameters, before, middle, options))
  })
}

/**
 * A decoder block with attention to `context`, an encoder's output, between the other two layers. Names as in
 * `encoderBlock`, and residualMiddleCross, crossAttentionNorm.*, crossAttention.*.
 *
 * @throws ShapeError where sizes do not fit
 */
export function crossDecoderBlock(
  parameters: Quantized<CrossBlock>,
  x: Sequence,
  context: Sequence,
  options: CrossBlockOptions = {},
): Sequence {
  checkNames('crossDecoderBlock', options, crossNames)
  return scope(() => {
    const before = tap('residualBefore', x)
    const middle = tap('residualMiddle', attentionLayer(parameters, before, options, causalAnd(options)))
    const cross = tap('residualMiddleCross', crossLayer(parameters, middle, context, options))
    return tap('residualAfter', feedForwardLayer(parameters, cross, cross, options))
  })
}

/**
 * `crossDecoderBlock` with a simple recurrent unit in place of self-attention. Names: residualBefore,
 * recurrentNorm.*, recurrent.*, residualMiddle, and what follows as there.
 *
 * @throws ShapeError where sizes do not fit
 */
export function recurrentDecoderBlock(
  parameters: Quantized<RecurrentBlock>,
  x: Sequence,
  context: Sequence,
  options: CrossBlockOptions = {},
): Sequence {
  checkNames('recurrentDecoderBlock', options, crossNames)
  return scope(() => {
    const before = tap('residualBefore', x)
    const { cache, attention } = options
    const read = arranged(parameters, 'recurrent', before, before, options, (input, residual) =>
      simpleRecurrent(parameters.recurrent, input, { cache, rows: attention?.rows, ...residual }),
    )
    const middle = tap('residualMiddle', read)
    const cross = tap('residualMiddleCross', crossLayer(parameters, middle, context, options))
    return tap('residualAfter', feedForwardLayer(parameters, cross, cross, options))
  })
}

function causalAnd({ attention }: BlockOptions): Mask {
  return attention?.mask === undefined ? causal : allOf(causal, attention.mask)
}

function attentionLayer(
  parameters: Quantized<Block>,
  x: Sequence,
  options: DecoderBlockOptions,
  mask: Mask | undefined = options.attention?.mask,
): Sequence {
  return arranged(parameters, 'attention', x, x, options, (input, residual) =>
    selfAttention(parameters.attention, input, {
      ...options.attention,
      mask,
      cache: options.cache,
      ...filterDropout('attention', options),
      ...residual,
    }),
  )
}

function crossLayer(
  parameters: Omit<Quantized<CrossBlock>, 'attention'>,
  x: Sequence,
  context: Sequence,
  options: CrossBlockOptions,
): Sequence {
  return arranged(parameters, 'crossAttention', x, x, options, (input, residual) =>
    crossAttention(parameters.crossAttention, input, context, {
      ...options.crossAttention,
      cache: options.cache,
      ...filterDropout('crossAttention', options),
      ...residual,
    }),
  )
}

/** What attention added to `before` is `middle`; a parallel block reads `before` here too. */
function feedForwardLayer(
  parameters: Omit<Quantized<Block>, 'attention'>,
  before: Sequence,
  middle: Sequence,
  options: BlockOptions,
): Sequence {
  const { activation, arrangement } = options
  const x = arrangement === 'parallel' ? before : middle
  return arranged(parameters, 'feedForward', x, middle, options, (input, residual) =>
    feedForward(parameters.feedForward, input, {
      ...(activation === undefined ? {} : { activation }),
      ...residual,
    }),
  )
}

/** What an attention is told to drop of its filter, where the block drops any. */
function filterDropout(
  name: 'attention' | 'crossAttention',
  { dropout }: BlockOptions,
): Pick<CrossAttentionOptions, 'filterDropout'> {
  if (dropout === undefined || (dropout.filter ?? 0) === 0) return {}
  return { filterDropout: { rate: dropout.filter!, key: foldIn(foldIn(dropout.key, name), 'filter') } }
}

type LayerName = 'attention' | 'recurrent' | 'crossAttention' | 'feedForward'
type NormName = `${LayerName}Norm` | `${LayerName}OutputNorm`
type ScaleName = `${LayerName}OutputScale`

/**
 * One half of a block: stream + layer(norm(x)), or norm(stream + layer(x)). `layer` adds the stream itself,
 * unless its own result is normalized first.
 */
function arranged(
  parameters: { readonly [K in NormName]?: Norm } & { readonly [K in ScaleName]?: Tensor<'width'> },
  name: LayerName,
  x: Sequence,
  stream: Sequence,
  { arrangement = 'pre', norm: options, dropout }: BlockOptions,
  layer: (input: Sequence, end: Residual) => Sequence,
): Sequence {
  const normed = (which: NormName, input: Sequence): Sequence => {
    const own = parameters[which]
    return own === undefined ? input : within(which, () => norm(own, input, 'width', options))
  }
  const dropped = dropout && { rate: dropout.rate, key: foldIn(dropout.key, name) }
  const run = (input: Sequence, end: Residual): Sequence => within(name, () => layer(input, end))
  if (arrangement === 'post') return normed(`${name}Norm`, run(x, { residual: stream, dropout: dropped }))
  const input = normed(`${name}Norm`, x)
  const scale = parameters[`${name}OutputScale`]
  if (parameters[`${name}OutputNorm`] === undefined && scale === undefined)
    return run(input, { residual: stream, dropout: dropped })
  const made = normed(`${name}OutputNorm`, run(input, {}))
  return addTo(stream, scale === undefined ? made : made.mul(scale), dropped)
}
