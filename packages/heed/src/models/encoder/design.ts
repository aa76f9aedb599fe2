import type { NormOptions } from '../../nn/index.js'
import type { Activation } from '../../tensor/index.js'
import type { Design } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import type { HeadDesign } from './heads/head-design.js'

/**
 * How an encoder is built. Each architecture makes one of its configuration; all encoders run by it.
 */
export interface EncoderDesign extends Design {
  readonly embedding: EmbeddingDesign
  /** One for each layer; layers that are alike share one. */
  readonly blocks: readonly LayerDesign[]
  /**
   * The layers share the weights of so many blocks: layer i has those of block ⌊i × groups / layers⌋ (ALBERT;
   * Lan et al. 2020, section 3.1). Default: each layer has its own.
   */
  readonly groups?: number | undefined
  /** A bias by distance that all layers share (MPNet). */
  readonly relativeBias?: RelativeBiasDesign | undefined
  /** Scores from content to position and back (DeBERTa). */
  readonly disentangled?: DisentangledDesign | undefined
  /** After the last layer, where norms stand before the layers. */
  readonly finalNorm?: NormOptions | undefined
  /** Whether the last norm has a bias; default true. */
  readonly finalNormBias?: boolean | undefined
  /** A dense layer over the first position, which BERT's classifiers read. */
  readonly pooler?: { readonly activation: Activation } | undefined
  /** What is computed from the last states; without one they are the result. */
  readonly head?: HeadDesign | undefined
}

/** What stands before the first layer. */
export interface EmbeddingDesign {
  /** Numbers for each token: the model's width, or fewer that a projection widens (ALBERT, ELECTRA). */
  readonly width: number
  /** Rows of the table of learned positions; default none. */
  readonly positions?: number | undefined
  /** The row of the first position (RoBERTa: the padding id + 1); default 0. */
  readonly positionOffset?: number | undefined
  /** Rows of the table of token types, which tell a pair's texts apart; default none. */
  readonly tokenTypes?: number | undefined
  readonly norm: NormOptions
  /** Whether the norm has a bias; default true. */
  readonly normBias?: boolean | undefined
  /** Whether the norm stands after the projection to the model's width; default before it. */
  readonly normAfterProjection?: boolean | undefined
  /** Whether there is a projection to the model's width; default where the embedding is narrower. */
  readonly projects?: boolean | undefined
  /** Whether the projection has a bias; default true. */
  readonly projectionBias?: boolean | undefined
}

/** T5's buckets of distances, a number for each and head. */
export interface RelativeBiasDesign {
  readonly buckets: number
  readonly maximumDistance: number
  /** Rows of the table in the file, of which the first `buckets` are used. */
  readonly rows: number
}

/** DeBERTa's disentangled attention (He et al. 2021, "DeBERTa", section 3.1). */
export interface DisentangledDesign {
  /** Buckets of distances on each side; undefined: each distance is its own. */
  readonly buckets?: number | undefined
  /** Distances beyond it are as far as it. */
  readonly maximumDistance: number
  readonly contentToPosition: boolean
  readonly positionToContent: boolean
  /** Positions go through the projections of the content; else through ones of their own. */
  readonly shared: boolean
  /** The norm of the table of distances, where there is one. */
  readonly norm?: NormOptions | undefined
  /** A convolution along the positions beside the first layer (DeBERTa v2). */
  readonly convolution?: ConvolutionDesign | undefined
}

/** A convolution over neighbouring positions. */
export interface ConvolutionDesign {
  /** How many positions it sees, an odd number. */
  readonly size: number
  readonly activation: Activation
}

/** Rows of the table of distances. */
export function distancesOf({ buckets, maximumDistance }: DisentangledDesign): number {
  return 2 * (buckets ?? maximumDistance)
}
