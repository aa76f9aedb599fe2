/** How models that read pictures are built. */
import type { NormOptions } from '../../nn/index.js'
import type { Activation } from '../../tensor/index.js'
import type { PatchGrid } from '../../vision/index.js'
import type { Design } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'

/** Pictures as the model was trained on them: squares of `size` × `size` pixels. */
export interface PictureDesign {
  readonly size: number
  readonly channels: number
  /** Height and width of a patch, in pixels. */
  readonly patch: number
}

/** What stands in front of the patches: the class token (ViT), and DeiT's distillation token. */
export type PictureToken = 'class' | 'distillation'

/**
 * How an encoder of pictures is built (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words"). It has no
 * vocabulary: that is 0. `context` is how many positions it learned.
 */
export interface VisionDesign extends Design {
  readonly picture: PictureDesign
  /** Whether patches have a bias; default true. */
  readonly patchBias?: boolean | undefined
  readonly tokens: readonly PictureToken[]
  /** Whether files have a vector that stands for hidden patches, which only pre-training uses (DINOv2). */
  readonly maskToken?: boolean | undefined
  /** Of what goes into the first layer (CLIP). */
  readonly embeddingNorm?: NormOptions | undefined
  /** One for each layer; layers that are alike share one. */
  readonly blocks: readonly LayerDesign[]
  /** Of what the last layer gives. */
  readonly finalNorm?: NormOptions | undefined
  /** How the states become one vector. */
  readonly vector: PictureVector
  /** Logits of labels; without it the states are the result. */
  readonly head?: PictureHead | undefined
}

/** How the states of a picture become one vector. */
export type PictureVector =
  /** The first state, perhaps normalized (CLIP). */
  | { readonly kind: 'first'; readonly norm?: NormOptions | undefined }
  /** A dense layer over the first state (ViT's pooler). */
  | { readonly kind: 'dense'; readonly width: number; readonly activation: Activation }
  /** Attention of one learned query, and a feed-forward layer (SigLIP; Zhai et al. 2022). */
  | { readonly kind: 'probe'; readonly layer: LayerDesign }

/** Logits of labels from the states. */
export interface PictureHead {
  /** Which of its architecture's heads it is: what follows `For` in the name of the class. */
  readonly name: string
  /**
   * 'first': from the first state. 'first and mean': from the first state and the mean of the patches, side
   * by side (DINOv2). 'both tokens': the mean of what two heads say of the class token and of the
   * distillation token (DeiT).
   */
  readonly from: 'first' | 'first and mean' | 'both tokens'
  readonly labels: number
}

/** The grid of patches that the positions were learned on. */
export function learnedGrid({ picture: { size, patch } }: Pick<VisionDesign, 'picture'>): PatchGrid {
  const side = Math.floor(size / patch)
  return { rows: side, columns: side }
}
