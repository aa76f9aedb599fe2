/** What a layer of a model is, as its paper has it: what families of architectures run. */
import {
  alibi,
  alibiSlopes,
  type BlockOptions,
  type BlockShape,
  inOrder,
  type NormOptions,
  type PositionNumbers,
  type RotaryOptions,
  type RotaryTable,
  rotaryTable,
  softCap,
} from '../nn/index.js'
import {
  type Activation,
  currentDevice,
  keep,
  type Mask,
  type RotaryPairs,
  type Score,
  type Tensor,
} from '../tensor/index.js'

/** Which entries of queries and keys are turned, how fast, and in which pairs. */
export interface RotaryDesign extends RotaryOptions {
  readonly pairs?: RotaryPairs | undefined
}

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

interface Tables {
  readonly rotary: Map<string, KnownTable>
  readonly slopes: Map<number, Tensor<'head'>>
}

interface KnownTable {
  readonly length: number
  /** What the angles hang on beside the design. */
  readonly of: number | boolean
  readonly table: RotaryTable
}

const tables = new WeakMap<object, Tables>()
const keys = new WeakMap<RotaryDesign, string>()

function tablesHere(): Tables {
  const device = currentDevice()
  let own = tables.get(device)
  if (own === undefined) tables.set(device, (own = { rotary: new Map(), slopes: new Map() }))
  return own
}

/** A power of two of positions: what a configuration claims may be far more than there is memory for. */
function rotaryFor(design: RotaryDesign, needed: number): RotaryTable {
  const { rotary } = tablesHere()
  const { pairs = 'half', scaling, ...rest } = design
  let key = keys.get(design)
  if (key === undefined) keys.set(design, (key = JSON.stringify(design)))
  const of =
    scaling?.type === 'dynamic'
      ? Math.max(needed, scaling.trained)
      : scaling?.type === 'longrope' && needed > scaling.trained
  const known = rotary.get(key)
  if (known !== undefined && needed <= known.length && of === known.of) return known.table
  const length = tableLength(needed)
  const table = keep(
    rotaryTable(length, {
      ...rest,
      pairs,
      scaling: scaling !== undefined && 'length' in scaling ? { ...scaling, length: needed } : scaling,
    }),
  )
  rotary.set(key, { length, of, table })
  return table
}

function slopesFor(heads: number): Tensor<'head'> {
  const { slopes } = tablesHere()
  const known = slopes.get(heads) ?? keep(alibiSlopes(heads))
  slopes.set(heads, known)
  return known
}

/** How many positions a table is made for, where so many are needed. */
export function tableLength(needed: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2(needed)))
}
