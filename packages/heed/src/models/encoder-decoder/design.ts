import type { NormOptions, SinusoidalOptions } from '../../nn/index.js'
import type { Design } from '../architecture.js'
import type { DenseDesign } from '../encoder/heads/index.js'
import type { LayerDesign } from '../layer-design.js'

/** Positions that are added to the embeddings of both stacks. */
export type PositionDesign =
  /** A learned table of `rows` rows, the first position being row `offset` (BART: 2). */
  | { readonly kind: 'learned'; readonly rows: number; readonly offset: number }
  /** Sines and cosines, computed. */
  | ({
      readonly kind: 'sinusoidal'
      /**
       * Counts from this id + 1 on, and only ids that are another: this one, padding, has no position
       * (M2M100, after fairseq). Default: all count, from 0 on.
       */
      readonly padding?: number | undefined
    } & SinusoidalOptions)

/** Buckets of the distances between positions (T5). */
export interface RelativeDesign {
  readonly buckets: number
  /** Distances from here on share the last bucket. */
  readonly maximumDistance: number
}

/** One half of an encoder-decoder. */
export interface StackDesign {
  /** One for each layer; layers that are alike share one. */
  readonly blocks: readonly LayerDesign[]
  /** Of what goes into the first layer (BART). */
  readonly embeddingNorm?: NormOptions | undefined
  /** Of what the last layer gives. */
  readonly finalNorm?: NormOptions | undefined
  /**
   * Whether the decoder's blocks have a simple recurrent unit in place of self-attention (Kim et al. 2019);
   * default false.
   */
  readonly recurrent?: boolean | undefined
  /** One table for all layers, added to the scores of self-attention (T5). */
  readonly relative?: RelativeDesign | undefined
}

/** How what writes is built: the decoder and the output. `layers` and `heads` are the decoder's. */
export interface TargetDesign extends Design {
  /** Its blocks have cross-attention behind the self-attention, of the same sizes. */
  readonly decoder: StackDesign
  readonly position?: PositionDesign | undefined
  /** What embeddings are multiplied by (√width where `scale_embedding` is set). */
  readonly embeddingScale?: number | undefined
  /** Whether the output shares the target's embedding. */
  readonly tied: boolean
  /** Whether files that have no output are of a model that shares it, though it may have its own. */
  readonly headOptional?: boolean | undefined
  /** What the last states are multiplied by before the output (T5: 1 / √width). */
  readonly outputScale?: number | undefined
  /** A layer between the last states and the output (BERT). */
  readonly outputDense?: DenseDesign | undefined
  /** A bias of the output, `final_logits_bias`; default false. */
  readonly outputBias?: boolean | undefined
  /** The id that fills rows up. */
  readonly padding: number
  /** The id that the target starts with; undefined where that is its language, the last id of the labels. */
  readonly start: number | undefined
  /** Whether a target's first position has no embedding, whatever its id (Marian itself); default false. */
  readonly emptyStart?: boolean | undefined
}

/**
 * How an encoder-decoder is built. Each architecture makes one of its configuration; all encoder-decoders run
 * by it.
 */
export interface EncoderDecoderDesign extends TargetDesign {
  readonly encoder: StackDesign
  /** Rows of the source's embedding, where the target has one of its own; default: both share one. */
  readonly sourceVocabulary?: number | undefined
  /** The id that ends a source, where the tokenizer doesn't add it. */
  readonly sourceEnd?: number | undefined
}
