/**
 * What writes the target: a decoder whose positions see those before them and all of a source, of whatever
 * kind (Vaswani et al. 2017, "Attention Is All You Need", section 3.1).
 */
import { foldIn, type RandomKey, UsageError } from '../../base/index.js'
import {
  type BlockOptions,
  createCrossBlock,
  createEmbedding,
  createLinear,
  createRecurrentBlock,
  type CrossBlock,
  crossDecoderBlock,
  type Embedding,
  type Initializer,
  type KeyValueCache,
  layerRows,
  linear,
  type Linear,
  type ModelRows,
  type Norm,
  createNorm,
  type Quantized,
  type RecurrentBlock,
  recurrentDecoderBlock,
  rememberContexts,
  type Rows,
  type Sequence,
  unembed,
} from '../../nn/index.js'
import { tap, within } from '../../observe/index.js'
import { full, type Mask, scope, type Tensor } from '../../tensor/index.js'
import { throughDense } from '../encoder/heads/index.js'
import type { TargetDesign } from './design.js'
import { createStack, runStack, type Stack, type StackOptions } from './stack.js'

/** The parameters of what writes. */
export interface TargetParameters {
  /** The target's, unless the decoder has one of its own. */
  readonly embedding: Embedding
  readonly decoder: Stack<CrossBlock | RecurrentBlock>
  /** A layer between the last states and the output (BERT's). */
  readonly transform?: { readonly dense: Linear<'width', 'hidden'>; readonly norm?: Norm }
  /** The output, where it does not share the target's embedding. */
  readonly head?: Linear<'width', 'vocabulary'>
  readonly outputBias?: Tensor<'vocabulary'>
}

/** What writes, before training. */
export function createTarget(
  design: TargetDesign,
  key: RandomKey,
  initializer: Initializer,
): TargetParameters {
  const { vocabulary, width, decoder, tied, outputDense, outputBias = false } = design
  const create = decoder.recurrent === true ? createRecurrentBlock : createCrossBlock
  return {
    embedding: createEmbedding(foldIn(key, 'embedding'), { vocabulary, width }, initializer),
    decoder: createStack<CrossBlock | RecurrentBlock>(
      foldIn(key, 'decoder'),
      decoder,
      design,
      create,
      initializer,
    ),
    ...(outputDense && {
      transform: {
        dense: createLinear(
          foldIn(key, 'transform'),
          { width },
          { hidden: outputDense.width },
          { initializer },
        ),
        ...(outputDense.norm && { norm: createNorm({ width: outputDense.width }, { initializer }) }),
      },
    }),
    ...(!tied && {
      head: createLinear(foldIn(key, 'head'), { width }, { vocabulary }, { bias: false, initializer }),
    }),
    ...(outputBias && { outputBias: (initializer.constant ?? full)({ vocabulary }, 0) }),
  }
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
 * The decoder's states after its last norm, each position seeing the source. Names: decoder.embedding,
 * decoder.position, decoder.blocks.N.* with decoder.blocks.N.crossAttention.*, decoder.finalNorm.*.
 *
 * @param ids i32, beginning with the start token
 * @param source what `encodeSource` gave; none where rows remember it (`rememberSources`)
 * @throws as `encodeSource` does
 */
export function targetStates(
  model: Quantized<TargetParameters>,
  design: TargetDesign,
  ids: Ids,
  source: Sequence | undefined,
  { cache, mask, sourceMask, rows, dropout, ...options }: TargetOptions = {},
): Sequence {
  if (source === undefined) checkRemembered(rows)
  const start = rows?.caches?.map(({ length }) => length) ?? cache?.length ?? 0
  const { decoder } = model
  const run = (layer: number, x: Sequence, own: BlockOptions): Sequence => {
    const packed = rows && {
      lengths: rows.lengths,
      contexts: rows.sources ?? [],
      caches: rows.caches?.map((each) => each.layer(layer)),
    }
    const all = {
      ...inRows(own, packed),
      crossAttention: { mask: sourceMask, scale: own.attention?.scale, rows: packed },
      cache: cache?.layer(layer),
    }
    const block = decoder.blocks[layer]!
    // Where the source is remembered nothing reads it.
    return 'recurrent' in block
      ? recurrentDecoderBlock(block, x, source ?? x, all)
      : crossDecoderBlock(block, x, source ?? x, all)
  }
  return within('decoder', () =>
    runStack(decoder, design.decoder, design, ids, {
      ...options,
      dropout: dropout && { ...dropout, key: foldIn(dropout.key, 'decoder') },
      embedding: model.embedding,
      bidirectional: false,
      emptyStart: design.emptyStart,
      mask,
      standing: { start, lengths: rows?.lengths },
      block: run,
    }),
  )
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
  model: Quantized<TargetParameters>,
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
  model: Quantized<TargetParameters>,
  design: TargetDesign,
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
  { embedding, decoder, transform, head, outputBias }: Quantized<TargetParameters>,
  { outputScale, outputDense }: TargetDesign,
  states: Tensor<A | 'width'>,
): Tensor<Exclude<A, 'width'> | 'vocabulary'> {
  const scaled = outputScale === undefined ? states : states.mul(outputScale)
  const read =
    transform === undefined
      ? scaled
      : within('transform', () => throughDense<A>(transform, outputDense, scaled))
  const logits = (
    head === undefined
      ? unembed<A>(decoder.embedding ?? embedding, read)
      : linear<A | 'width', 'width', 'vocabulary'>(head, read, 'width')
  ) as Tensor<Exclude<A, 'width'> | 'vocabulary'>
  return tap('logits', outputBias === undefined ? logits : logits.add(outputBias as never))
}

/** The same in rows that don't see each other. */
export function inRows(options: BlockOptions, rows: Rows | undefined): BlockOptions {
  return rows === undefined ? options : { ...options, attention: { ...options.attention, rows } }
}
