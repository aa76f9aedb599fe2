import type { JsonValue } from '../base/index.js'
import type { CheckpointConfig } from '../checkpoint/index.js'
import type { RotaryScaling } from '../nn/index.js'
import type { RotaryDesign } from './layer-design.js'

/** What a configuration's rotary fields mean for one architecture. */
export interface RotaryFields {
  /** Numbers of a head, of which `partial_rotary_factor` says how many are turned. */
  readonly headWidth: number
  /** Base where the file names none; default 10,000. */
  readonly base?: number | undefined
  /** The longest sequence, `max_position_embeddings`. */
  readonly context: number
  /** The older field of the base; default `rope_theta`. */
  readonly older?: string | undefined
  /** The kind of layer, where the configuration has rotary positions for each kind. */
  readonly kind?: string | undefined
}

/**
 * Rotary positions from `rope_parameters`, or from `rope_theta` and `rope_scaling` as older files have them.
 *
 * @throws FormatError for a kind of scaling that heed doesn't know
 */
export function rotaryOf(config: CheckpointConfig, fields: RotaryFields): RotaryDesign {
  const { headWidth, context, older = 'rope_theta', kind } = fields
  const { base = 10000 } = fields
  const parameters = config.field('rope_parameters')
  const own = !parameters.isNull && kind !== undefined ? parameters.member(kind) : parameters
  const scaling = config.field('rope_scaling')
  const olderBase = config.field(older)
  const factor = config.field('partial_rotary_factor', 'rotary_pct')
  const at = (name: string): JsonValue | undefined => {
    const found = own.isNull ? undefined : own.member(name)
    return found === undefined || found.isNull ? undefined : found
  }
  const theta = at('rope_theta') ?? (olderBase.isNull ? undefined : olderBase)
  const share = at('partial_rotary_factor') ?? (factor.isNull ? undefined : factor)
  return {
    width: share === undefined ? headWidth : turned(share, headWidth),
    base: theta === undefined ? base : numberOf(theta),
    scaling: scalingOf(own.isNull ? scaling : own, context),
  }
}

function turned(share: JsonValue, headWidth: number): number {
  const width = Math.floor(numberOf(share) * headWidth)
  return width > 0 && width <= headWidth && width % 2 === 0
    ? width
    : share.refuse(`a share of ${headWidth} numbers that is even`)
}

function scalingOf(given: JsonValue, context: number): RotaryScaling | undefined {
  if (given.isNull) return undefined
  const old = given.member('type')
  const field = old.isNull ? given.member('rope_type') : old
  const type = field.isNull ? 'default' : field.string()
  const number = (name: string, absent?: number): number => {
    const value = given.member(name)
    return value.isNull && absent !== undefined ? absent : numberOf(value)
  }
  const trained = (): number => number('original_max_position_embeddings', context)
  switch (type) {
    case 'default':
      return undefined
    case 'linear':
      return { type, factor: number('factor') }
    case 'dynamic':
      return { type, factor: number('factor'), trained: context, length: context }
    case 'llama3':
      return {
        type,
        factor: number('factor'),
        trained: trained(),
        low: number('low_freq_factor'),
        high: number('high_freq_factor'),
      }
    case 'yarn':
      return {
        type,
        factor: number('factor'),
        trained: trained(),
        fast: number('beta_fast', 32),
        slow: number('beta_slow', 1),
        ...(given.member('attention_factor').isNull ? {} : { magnitude: number('attention_factor') }),
      }
    default:
      return field.refuse("'default', 'linear', 'dynamic', 'llama3' or 'yarn'")
  }
}

function numberOf(value: JsonValue): number {
  const number = value.value
  return typeof number === 'number' && number > 0 && number < Infinity
    ? number
    : value.refuse('a number above 0')
}
