/**
 * Blocks one after the other over the vectors of tokens: one half of an encoder-decoder, or a text's tower.
 */
import { checkpoint } from '../../autograd/index.js'
import { foldIn, type RandomKey } from '../../base/index.js'
import {
  allOf,
  type Block,
  type BlockOptions,
  type BlockShape,
  createNorm,
  type BlockDropout,
  embed,
  type Embedding,
  type Initializer,
  norm,
  type Norm,
  type NormOptions,
  type PositionTable,
  type Quantized,
  type Sequence,
  t5Bias,
} from '../../nn/index.js'
import { observedAsNow, tap, within } from '../../observe/index.js'
import { dropout as drop, type Mask, scope, tensor, type Tensor } from '../../tensor/index.js'
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

/** A stack without an embedding, before training. */
export function createStack<B>(
  key: RandomKey,
  own: StackDesign,
  { width, heads, position }: Pick<EncoderDecoderDesign, 'width' | 'heads' | 'position'>,
  create: (key: RandomKey, shape: BlockShape) => B,
  initializer: Initializer,
): Stack<B> {
  const { blocks, embeddingNorm, finalNorm, relative } = own
  const named = (part: string): RandomKey => foldIn(key, part)
  const normOf = (options: NormOptions, { shape }: LayerDesign): Norm => {
    const bias = options.kind !== 'rms' && (shape.normBias ?? shape.bias ?? true)
    return createNorm({ width }, { bias, onePlus: options.onePlus === true, initializer })
  }
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

/** What both halves may be told. */
export interface StackOptions {
  /** While training. */
  readonly dropout?: BlockDropout | undefined
  /** Forget what happens inside each block, and compute it again for the gradient: less memory, more time. */
  readonly rematerialize?: boolean | undefined
}

/** What a call of a stack is. */
export interface StackCall extends StackOptions {
  /** Where the stack has none of its own. */
  readonly embedding?: Quantized<Embedding> | undefined
  readonly mask: Mask | undefined
  readonly standing: Standing
  /** Whether each position sees those behind it: what T5's distances count. */
  readonly bidirectional: boolean
  /** Whether the first position of a text has no embedding. */
  readonly emptyStart?: boolean | undefined
  readonly block: (layer: number, x: Sequence, options: BlockOptions) => Sequence
}

/**
 * Embeddings, positions, blocks, last norm. Names: embedding, position, embeddingNorm.*, blocks.N.*,
 * finalNorm.*
 */
export function runStack(
  stack: Quantized<Stack<unknown>>,
  own: StackDesign,
  { position, embeddingScale }: Pick<EncoderDecoderDesign, 'position' | 'embeddingScale'>,
  ids: Tensor<'batch' | 'position'>,
  call: StackCall,
): Sequence {
  const { mask, standing, block, dropout, rematerialize = false, bidirectional, emptyStart = false } = call
  const { blocks, embeddingNorm, finalNorm, relative } = own
  const score =
    relative && t5Bias(stack.relative!, { bidirectional, maximumDistance: relative.maximumDistance })
  return scope(() => {
    let x: Sequence = embed((stack.embedding ?? call.embedding)!, ids)
    if (embeddingScale !== undefined) x = x.mul(embeddingScale)
    if (emptyStart) x = withoutFirst(x, standing)
    x = tap('embedding', x)
    if (position !== undefined) x = addDesignedPositions(x, position, stack.position, ids, standing)
    if (embeddingNorm !== undefined)
      x = within('embeddingNorm', () => norm(stack.embeddingNorm!, x, 'width', embeddingNorm))
    if (dropout !== undefined && dropout.rate > 0) x = drop(x, dropout.rate, foldIn(dropout.key, 'embedding'))
    blocks.forEach((layerDesign, layer) => {
      const options = blockOptions(layerDesign, { length: 0, masks: [mask] }, (all) => allOf(...all))
      const run = (_: unknown, input: Sequence): Sequence =>
        block(layer, input, {
          ...options,
          attention: { ...options.attention, score: score ?? options.attention?.score },
          dropout: dropout && { ...dropout, key: foldIn(foldIn(dropout.key, 'blocks'), layer) },
        })
      x = within(`blocks.${layer}`, () =>
        (rematerialize ? checkpoint(observedAsNow(run)) : run)(stack.blocks[layer], x),
      )
    })
    return finalNorm === undefined ? x : within('finalNorm', () => norm(stack.norm!, x, 'width', finalNorm))
  })
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
