/** What a layer of a model is, as its paper has it: what families of architectures run. */
import {
  alibi,
  type BlockOptions,
  type BlockShape,
  inOrder,
  type NormOptions,
  type PositionNumbers,
  softCap,
} from '../nn/index.js'
import { type Activation, type Mask, type Score } from '../tensor/index.js'
import { type RotaryDesign, rotaryFor, slopesFor } from './position-tables.js'

/** How the positions of a layer attend to each other. */
export interface AttentionDesign {
  readonly rotary?: RotaryDesign | undefined
  /**
   * In a decoder a query sees itself and window − 1 before it; in an encoder window positions either side.
   */
  readonly window?: number | undefined
  /** Scores go through cap × tanh(score / cap) (Gemma 2). */
  readonly softCap?: number | undefined
  /** Scores fall with the distance (Press et al. 2022). */
  readonly alibi?: boolean | undefined
  /** What q·k is multiplied by; default 1 / √headWidth. */
  readonly scale?: number | undefined
  /** How queries and keys are normalized, where the model does so. */
  readonly headNorm?: NormOptions | undefined
}

/**
 * One layer: its sizes (`shape`), its arrangement, norm and activation, and how it attends. Layers that are
 * alike share one of these.
 */
export interface LayerDesign {
  readonly shape: BlockShape
  readonly arrangement?: BlockOptions['arrangement']
  readonly norm: NormOptions
  readonly activation: Activation
  readonly attention: AttentionDesign
}

/** What happens in one call, for every layer. */
export interface LayerCall {
  /** Rotary tables and slopes for at least so many positions. */
  readonly length: number
  readonly positions?: PositionNumbers | undefined
  /** Beside the layer's own window. */
  readonly masks: readonly (Mask | undefined)[]
}

/** The options that `encoderBlock`, `decoderBlock` and `crossDecoderBlock` take, from a layer's design. */
export function blockOptions(
  layer: LayerDesign,
  { length, positions, masks }: LayerCall,
  join: (masks: readonly Mask[]) => Mask,
): BlockOptions {
  const { arrangement, norm, activation, attention } = layer
  const { rotary, scale, headNorm } = attention
  const given = masks.filter((mask) => mask !== undefined)
  return {
    arrangement,
    norm,
    activation,
    attention: {
      mask: given.length === 0 ? undefined : given.length === 1 ? given[0] : join(given),
      rotary: rotary && rotaryFor(rotary, length),
      positions,
      scale,
      headNorm,
      score: scoreOf(layer),
    },
  }
}

function scoreOf({ attention, shape }: LayerDesign): Score | undefined {
  const scores = [
    ...(attention.softCap === undefined ? [] : [softCap(attention.softCap)]),
    ...(attention.alibi === true ? [alibi(slopesFor(shape.heads))] : []),
  ]
  return scores.length < 2 ? scores[0] : inOrder(...scores)
}
