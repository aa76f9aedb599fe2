import type { PositionDesign, StackDesign } from '../encoder-decoder/index.js'
import type { Design } from '../architecture.js'
import type { VisionDesign } from './design.js'

/** How the tower of texts is built. */
export interface TextTowerDesign {
  readonly vocabulary: number
  readonly context: number
  readonly width: number
  readonly heads: number
  readonly stack: StackDesign
  readonly position: PositionDesign
  /** Whether each position sees itself and those before it alone (CLIP). */
  readonly causal: boolean
  /**
   * Whose state stands for the text: the first 'end' token; the token of the largest id, which is the end
   * token of CLIP's first vocabulary; or the last position, padding included (SigLIP).
   */
  readonly pooled:
    | { readonly at: 'end'; readonly id: number }
    | { readonly at: 'largest' }
    /** Texts are filled up to the context with this id. */
    | { readonly at: 'last'; readonly padding: number }
}

/**
 * How two towers are built, one of texts and one of pictures, whose vectors are compared (Radford et al.
 * 2021, "Learning Transferable Visual Models From Natural Language Supervision", section 2). The sizes of the
 * design are those of the text's tower.
 */
export interface TowersDesign extends Design {
  readonly text: TextTowerDesign
  readonly image: VisionDesign
  /** Numbers in the vectors that are compared. */
  readonly features: number
  /** Whether pictures' vectors are projected; default true. */
  readonly imageProjection?: boolean | undefined
  /** Whether the projection of texts has a bias; default false. */
  readonly textProjectionBias?: boolean | undefined
  /**
   * What logits become: the share of each text in a picture ('softmax', CLIP), or whether each pair belongs
   * together ('sigmoid', SigLIP, which learns a bias of the logits).
   */
  readonly pairing: 'softmax' | 'sigmoid'
  /** What the logarithm of the scale begins at. */
  readonly logScale: number
}
