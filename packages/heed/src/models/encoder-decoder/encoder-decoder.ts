/**
 * The encoder-decoder (Vaswani et al. 2017, "Attention Is All You Need", section 3.1). The encoder reads the
 * source, every position seeing every other. The decoder writes the target: each position sees those before
 * it and all of the source, and gives the logits of the token that follows.
 */
import { checkpoint } from '../../autograd/index.js'
import { foldIn, type RandomKey, UsageError } from '../../base/index.js'
import {
  allOf,
  type Block,
  type BlockOptions,
  type BlockShape,
  createBlock,
  createCrossBlock,
  createEmbedding,
  createLinear,
  createNorm,
  createRecurrentBlock,
  type CrossBlock,
  crossDecoderBlock,
  type BlockDropout,
  embed,
  type Embedding,
  encoderBlock,
  type Initializer,
  type KeyValueCache,
  layerRows,
  linear,
  type Linear,
  type ModelRows,
  norm,
  type Norm,
  type NormOptions,
  normalInitializer,
  type PositionTable,
  type Quantized,
  type RecurrentBlock,
  recurrentDecoderBlock,
  rememberContexts,
  type Rows,
  type Sequence,
  t5Bias,
  unembed,
} from '../../nn/index.js'
import { observedAsNow, tap, within } from '../../observe/index.js'
import { dropout as drop, full, type Mask, scope, tensor, type Tensor } from '../../tensor/index.js'
import { blockOptions, type LayerDesign } from '../layer-design.js'
import type { EncoderDecoderDesign, StackDesign } from './design.js'
import { addDesignedPositions, type Standing } from './positions.js'

/** The parameters of one half of an encoder-decoder. */
export interface Stack<B = Block> {
  /** The target's, where it doesn't share the source's. */
  readonly embedding?: Embedding
  /** Learned positions. */
  readonly position?: PositionTable
  readonly embeddingNorm?: Norm
  /** What the distance of two positions adds to their score, in all layers (T5). */
  readonly relative?: Tensor<'bucket' | 'head'>
  readonly blocks: readonly B[]
  readonly norm?: Norm
}

/** The parameters of an encoder-decoder. */
export interface EncoderDecoder {
  /** The source's, and where both share one the target's. */
  readonly embedding: Embedding
  readonly encoder: Stack
  readonly decoder: Stack<CrossBlock | RecurrentBlock>
  /** The output, where it does not share the target's embedding. */
  readonly head?: Linear<'width', 'vocabulary'>
  readonly outputBias?: Tensor<'vocabulary'>
}

/**
 * An encoder-decoder before training: normal with deviation 0.02, biases 0.
 *
 * @param initializer another one for all weights
 */
export function createEncoderDecoder(
  design: EncoderDecoderDesign,
  key: RandomKey,
  { initializer = normalInitializer() }: { readonly initializer?: Initializer } = {},
): EncoderDecoder {
  const { vocabulary, sourceVocabulary = vocabulary, width, heads, position, tied } = design
  const constant = initializer.constant ?? full
  const embedding = (name: string, rows: number): Embedding =>
    createEmbedding(foldIn(key, name), { vocabulary: rows, width }, initializer)
  const normOf = (own: NormOptions, { shape }: LayerDesign): Norm => {
    const bias = own.kind !== 'rms' && (shape.normBias ?? shape.bias ?? true)
    return createNorm({ width }, { bias, onePlus: own.onePlus === true, initializer })
  }
  const stack = <B>(
    name: string,
    own: StackDesign,
    create: (key: RandomKey, shape: BlockShape) => B,
  ): Stack<B> => {
    const { blocks, embeddingNorm, finalNorm, relative } = own
    const named = (part: string): RandomKey => foldIn(foldIn(key, name), part)
    return {
      ...(position?.kind === 'learned' && {
        position: initializer(named('position'), { position: position.rows, width }, position.rows, width),
      }),
      ...(embeddingNorm && { embeddingNorm: normOf(embeddingNorm, blocks[0]!) }),
      ...(relative && {
        relative: initializer(named('relative'), { bucket: relative.buckets, head: heads }, 1, 1),
      }),
      blocks: blocks.map(({ shape }, layer) =>
        create(foldIn(named('blocks'), layer), { ...shape, initializer }),
      ),
      ...(finalNorm && { norm: normOf(finalNorm, blocks[0]!) }),
    }
  }
  return {
    embedding: embedding('embedding', sourceVocabulary),
    encoder: stack('encoder', design.encoder, createBlock),
    decoder: {
      ...(design.sourceVocabulary !== undefined && { embedding: embedding('target', vocabulary) }),
      ...stack<CrossBlock | RecurrentBlock>(
        'decoder',
        design.decoder,
        design.decoder.recurrent === true ? createRecurrentBlock : createCrossBlock,
      ),
    },
    ...(!tied && {
      head: createLinear(foldIn(key, 'head'), { width }, { vocabulary }, { bias: false, initializer }),
    }),
    ...(design.outputBias === true && { outputBias: constant({ vocabulary }, 0) }),
  }
}

/** What both halves may be told. */
export interface StackOptions {
  /** While training. */
  readonly dropout?: BlockDropout | undefined
  /** Forget what happens inside each block, and compute it again for the gradient: less memory, more time. */
  readonly rematerialize?: boolean | undefined
}

/** What the encoder may be told. */
export interface SourceOptions extends StackOptions {
  /** Which positions count: `padding(real)` for sources that are filled up. */
  readonly mask?: Mask | undefined
  /** Sources of lengths of their own, one after the other in a batch of 1: how many ids each has. */
  readonly lengths?: readonly number[] | undefined
}

/** What the decoder may be told. The causal mask always applies. */
export interface TargetOptions extends StackOptions {
  /** What came before: the ids are taken to follow it, and are added to it. It remembers the source, too. */
  readonly cache?: KeyValueCache | undefined
  /** Beside the causal one: `padding(real)` for targets that are filled up. */
  readonly mask?: Mask | undefined
  /** Which positions of the source count: the mask that `encodeSource` was given. */
  readonly sourceMask?: Mask | undefined
  /** Instead of `cache`: targets of lengths of their own, one after the other in a batch of 1. */
  readonly rows?: TargetRows | undefined
}

/** Several targets, each with a source of its own. */
export interface TargetRows {
  /** How many ids each target has here. */
  readonly lengths: readonly number[]
  /** How many positions the source of each has; where they remember theirs it is not asked for. */
  readonly sources?: readonly number[] | undefined
  /** What each of them remembers: `of()` of `RowCaches`. */
  readonly caches?: readonly KeyValueCache[] | undefined
}

type Ids = Tensor<'batch' | 'position'>

/**
 * What the encoder makes of the source: one vector of `width` numbers for each position. Names, for
 * `observe`: encoder.embedding, encoder.position, encoder.blocks.N.*, encoder.finalNorm.*.
 *
 * @param ids i32
 * @throws ShapeError for ids outside the vocabulary; UsageError for positions beyond a learned table
 */
export function encodeSource(
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  ids: Ids,
  { mask, lengths, ...options }: SourceOptions = {},
): Sequence {
  const rows = lengths && { lengths }
  return runStack('encoder', model, design, ids, {
    ...options,
    mask,
    standing: { start: 0, lengths },
    block: (layer, x, own) => encoderBlock(model.encoder.blocks[layer]!, x, inRows(own, rows)),
  })
}

/**
 * The decoder's states after its last norm, each position seeing the source. Names: decoder.embedding,
 * decoder.position, decoder.blocks.N.* with decoder.blocks.N.crossAttention.*, decoder.finalNorm.*.
 *
 * @param ids i32, beginning with the start token
 * @param source what `encodeSource` gave; none where rows remember it (`rememberSources`)
 * @throws as `encodeSource` does
 */
export function targetStates(
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  ids: Ids,
  source: Sequence | undefined,
  { cache, mask, sourceMask, rows, ...options }: TargetOptions = {},
): Sequence {
  if (source === undefined) checkRemembered(rows)
  const start = rows?.caches?.map(({ length }) => length) ?? cache?.length ?? 0
  return runStack('decoder', model, design, ids, {
    ...options,
    mask,
    standing: { start, lengths: rows?.lengths },
    block: (layer, x, own) => {
      const packed = rows && {
        lengths: rows.lengths,
        contexts: rows.sources ?? [],
        caches: rows.caches?.map((each) => each.layer(layer)),
      }
      // Where the source is remembered nothing reads it.
      const options = {
        ...inRows(own, packed),
        crossAttention: { mask: sourceMask, scale: own.attention?.scale, rows: packed },
        cache: cache?.layer(layer),
      }
      const block = model.decoder.blocks[layer]!
      return 'recurrent' in block
        ? recurrentDecoderBlock(block, x, source ?? x, options)
        : crossDecoderBlock(block, x, source ?? x, options)
    },
  })
}

/** @throws UsageError unless each row remembers its source */
function checkRemembered(rows: TargetRows | undefined): void {
  if (rows?.caches?.every((cache) => cache.layer(0).hasContext) === true) return
  throw new UsageError({
    operation: 'targetStates',
    expected: 'a source',
    found: 'none, and no rows that all remember theirs',
    hint: 'give what encodeSource gave, or have the rows remember it: rememberSources',
  })
}

/**
 * Computes what the decoder's layers need of several sources, and has the caches of their rows remember it.
 *
 * @param source what `encodeSource` gave of the sources, one after the other in a batch of 1
 * @param rows how many positions each source has, and the cache of each row
 */
export function rememberSources(
  model: Quantized<EncoderDecoder>,
  source: Sequence,
  { lengths, caches }: ModelRows,
): void {
  model.decoder.blocks.forEach(({ crossAttention }, layer) =>
    rememberContexts(crossAttention, source, { ...layerRows({ lengths, caches }, layer), contexts: lengths }),
  )
}

/**
 * The logits of the token that follows each position of the target. Names as in `targetStates`, and logits.
 *
 * @throws as `targetStates` does
 */
export function targetLogits(
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  ids: Ids,
  source: Sequence | undefined,
  options: TargetOptions = {},
): Tensor<'batch' | 'position' | 'vocabulary'> {
  return scope(() => logitsOfTarget(model, design, targetStates(model, design, ids, source, options)))
}

/**
 * Logits from the vectors that `targetStates` gave: the output alone. Take some positions of the states
 * first, where not all logits are wanted.
 */
export function logitsOfTarget<A extends string = 'batch' | 'position'>(
  { embedding, decoder, head, outputBias }: Quantized<EncoderDecoder>,
  { outputScale }: EncoderDecoderDesign,
  states: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  const scaled = outputScale === undefined ? states : states.mul(outputScale)
  const logits = (
    head === undefined
      ? unembed<A>(decoder.embedding ?? embedding, scaled)
      : linear<A | 'width', 'width', 'vocabulary'>(head, scaled, 'width')
  ) as Tensor<Exclude<A, 'width'> | 'vocabulary'>
  return tap('logits', outputBias === undefined ? logits : logits.add(outputBias as never))
}

/** What a call of a stack is. */
interface StackCall extends StackOptions {
  readonly mask: Mask | undefined
  readonly standing: Standing
  readonly block: (layer: number, x: Sequence, options: BlockOptions) => Sequence
}

/** Embeddings, positions, blocks, last norm: what both halves share. */
function runStack(
  name: 'encoder' | 'decoder',
  model: Quantized<EncoderDecoder>,
  design: EncoderDecoderDesign,
  ids: Ids,
  { mask, standing, block, dropout, rematerialize = false }: StackCall,
): Sequence {
  const { position, embeddingScale } = design
  const { blocks, embeddingNorm, finalNorm, relative } = design[name]
  const stack: Quantized<Stack<unknown>> = model[name]
  const dropped = dropout && { ...dropout, key: foldIn(dropout.key, name) }
  const score =
    relative &&
    t5Bias(stack.relative!, {
      bidirectional: name === 'encoder',
      maximumDistance: relative.maximumDistance,
    })
  return within(name, () =>
    scope(() => {
      let x: Sequence = embed(stack.embedding ?? model.embedding, ids)
      if (embeddingScale !== undefined) x = x.mul(embeddingScale)
      if (name === 'decoder' && design.emptyStart === true) x = withoutFirst(x, standing)
      x = tap('embedding', x)
      if (position !== undefined) x = addDesignedPositions(x, position, stack.position, ids, standing)
      if (embeddingNorm !== undefined)
        x = within('embeddingNorm', () => norm(stack.embeddingNorm!, x, 'width', embeddingNorm))
      if (dropped !== undefined && dropped.rate > 0)
        x = drop(x, dropped.rate, foldIn(dropped.key, 'embedding'))
      blocks.forEach((own, layer) => {
        const options = blockOptions(own, { length: 0, masks: [mask] }, (all) => allOf(...all))
        const run = (_: unknown, input: Sequence): Sequence =>
          block(layer, input, {
            ...options,
            attention: { ...options.attention, score: score ?? options.attention?.score },
            dropout: dropped && { ...dropped, key: foldIn(foldIn(dropped.key, 'blocks'), layer) },
          })
        x = within(`blocks.${layer}`, () =>
          (rematerialize ? checkpoint(observedAsNow(run)) : run)(stack.blocks[layer], x),
        )
      })
      return finalNorm === undefined ? x : within('finalNorm', () => norm(stack.norm!, x, 'width', finalNorm))
    }),
  )
}

/** Zeros where a target begins. */
function withoutFirst(x: Sequence, { start, lengths = [x.size('position')] }: Standing): Sequence {
  const counts = new Float32Array(x.size('position')).fill(1)
  let at = 0
  lengths.forEach((length, row) => {
    if (length > 0 && (typeof start === 'number' ? start : start[row]) === 0) counts[at] = 0
    at += length
  })
  return x.mul(tensor(counts, { position: counts.length }, { device: x.device }))
}

/** The same in rows that don't see each other. */
function inRows(options: BlockOptions, rows: Rows | undefined): BlockOptions {
  return rows === undefined ? options : { ...options, attention: { ...options.attention, rows } }
}
