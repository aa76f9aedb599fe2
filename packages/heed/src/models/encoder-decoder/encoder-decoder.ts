/**
 * The encoder-decoder (Vaswani et al. 2017, "Attention Is All You Need", section 3.1). The encoder reads the
 * source, every position seeing every other. The decoder writes the target: each position sees those before
 * it and all of the source, and gives the logits of the token that follows.
 */
import { foldIn, type RandomKey } from '../../base/index.js'
import {
  createBlock,
  createEmbedding,
  encoderBlock,
  type Embedding,
  type Initializer,
  normalInitializer,
  type Quantized,
  type Sequence,
} from '../../nn/index.js'
import { within } from '../../observe/index.js'
import type { Mask, Tensor } from '../../tensor/index.js'
import type { EncoderDecoderDesign } from './design.js'
import { createStack, runStack, type Stack, type StackOptions } from './stack.js'
import { createTarget, inRows, type TargetParameters } from './target.js'

/** The parameters of an encoder-decoder. */
export interface EncoderDecoder extends TargetParameters {
  /** The source's, and where both share one the target's. */
  readonly embedding: Embedding
  readonly encoder: Stack
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
  const { sourceVocabulary, width } = design
  const { embedding, decoder, ...output } = createTarget(design, key, initializer)
  return {
    embedding:
      sourceVocabulary === undefined
        ? embedding
        : createEmbedding(foldIn(key, 'source'), { vocabulary: sourceVocabulary, width }, initializer),
    encoder: createStack(foldIn(key, 'encoder'), design.encoder, design, createBlock, initializer),
    decoder: { ...(sourceVocabulary !== undefined && { embedding }), ...decoder },
    ...output,
  }
}

/** What the encoder may be told. */
export interface SourceOptions extends StackOptions {
  /** Which positions count: `padding(real)` for sources that are filled up. */
  readonly mask?: Mask | undefined
  /** Sources of lengths of their own, one after the other in a batch of 1: how many ids each has. */
  readonly lengths?: readonly number[] | undefined
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
  { mask, lengths, dropout, ...options }: SourceOptions = {},
): Sequence {
  const rows = lengths && { lengths }
  const { encoder } = model
  return within('encoder', () =>
    runStack(encoder, design.encoder, design, ids, {
      ...options,
      dropout: dropout && { ...dropout, key: foldIn(dropout.key, 'encoder') },
      embedding: model.embedding,
      bidirectional: true,
      mask,
      standing: { start: 0, lengths },
      block: (layer, x, own) => encoderBlock(encoder.blocks[layer]!, x, inRows(own, rows)),
    }),
  )
}
