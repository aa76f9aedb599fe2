import type { JsonValue } from '../base/index.js'
import type { CheckpointConfig } from '../checkpoint/index.js'
import type { RotaryScaling } from '../nn/index.js'
import type { RotaryDesign } from './position-tables.js'

/** What a configuration's rotary fields mean for one architecture. */
export interface RotaryFields {
  /** Numbers of a head, of which `partial_rotary_factor` says how many are turned. */
  readonly headWidth: number
  /** Base where the file names none; default 10,000. */
  readonly base?: number | undefined
  /** Which share of a head is turned where the file doesn't say; default all of it. */
  readonly share?: number | undefined
  /** The longest sequence, `max_position_embeddings`. */
  readonly context: number
  /** The older field of the base; default `rope_theta`. */
  readonly older?: string | undefined
  /** The kind of layer, where the configuration has rotary positions for each kind. */
  readonly kind?: string | undefined
  /** Whether the older field `rope_scaling` is meant for these layers; default true. */
  readonly scaled?: boolean | undefined
  /** Kinds of scaling that this architecture calls otherwise. */
  readonly renamed?: Readonly<Record<string, RotaryScaling['type']>> | undefined
}

/** All fields of `rope_parameters` that heed handles for some kind of scaling. */
const known: readonly string[] = (
  'rope_type type rope_theta partial_rotary_factor factor attention_factor finetuned ' +
  'original_max_position_embeddings low_freq_factor high_freq_factor beta_fast beta_slow mscale ' +
  'mscale_all_dim truncate short_factor long_factor'
).split(' ')

/**
 * Rotary positions from `rope_parameters`, or from `rope_theta` and `rope_scaling` as older files have them.
 *
 * @throws FormatError for a kind of scaling that heed doesn't know, or a field of one
 */
export function rotaryOf(config: CheckpointConfig, fields: RotaryFields): RotaryDesign {
  const { headWidth, older = 'rope_theta', kind, base = 10000, scaled = true } = fields
  const parameters = config.field('rope_parameters')
  const own = !parameters.isNull && kind !== undefined ? parameters.member(kind) : parameters
  const olderScaling = config.field('rope_scaling')
  const olderBase = config.field(older)
  const olderShare = config.field('partial_rotary_factor', 'rotary_pct')
  const given = own.isNull && scaled ? olderScaling : own
  if (!given.isNull) given.only(known)
  const either = (name: string, old: JsonValue): JsonValue => {
    const found = given.isNull ? old : given.member(name)
    return found.isNull ? old : found
  }
  const theta = either('rope_theta', olderBase)
  const share = either('partial_rotary_factor', olderShare)
  const scaling = given.isNull ? undefined : scalingOf(given, config, fields)
  // Pairs are whole: an odd share of a head takes one number more, and each pair turns as it would have.
  const turned = Math.floor((share.isNull ? (fields.share ?? 1) : numberOf(share)) * headWidth)
  const width = turned + (turned % 2)
  const divides = scaling === undefined || ['linear', 'llama3', 'longrope'].includes(scaling.type)
  if (turned < 1 || width > headWidth || (width !== turned && !divides))
    (share.isNull ? config.field('head_dim', 'hidden_size') : share).refuse(
      `an even number of numbers to turn, of a head's ${headWidth}`,
      { found: String(turned) },
    )
  if (scaling?.type === 'longrope')
    for (const [name, factors] of [
      ['short_factor', scaling.short] as const,
      ['long_factor', scaling.long] as const,
    ])
      if (factors.length !== width / 2) given.member(name).refuse(`a list of ${width / 2} numbers`)
  return { width, base: (theta.isNull ? base : numberOf(theta)) ** (width / turned), scaling }
}

function scalingOf(
  given: JsonValue,
  config: CheckpointConfig,
  { context, renamed = {} }: RotaryFields,
): RotaryScaling | undefined {
  const today = given.member('rope_type')
  const field = today.isNull ? given.member('type') : today
  const named = field.isNull ? 'default' : field.string()
  const type = renamed[named] ?? named
  const number = (name: string, absent?: number): number => {
    const value = given.member(name)
    return value.isNull && absent !== undefined ? absent : numberOf(value)
  }
  const has = (name: string): boolean => !given.member(name).isNull
  const trained = config.has('original_max_position_embeddings')
    ? config.size('original_max_position_embeddings')
    : number('original_max_position_embeddings', context)
  switch (type) {
    case 'default':
      return undefined
    case 'linear':
      return { type, factor: number('factor') }
    case 'dynamic':
      return { type, factor: number('factor'), trained: context, length: context }
    case 'llama3': {
      const [low, high] = [number('low_freq_factor'), number('high_freq_factor')]
      if (low >= high) given.member('low_freq_factor').refuse(`a number below high_freq_factor, ${high}`)
      return { type, factor: number('factor'), trained, low, high }
    }
    case 'yarn': {
      const truncate = given.member('truncate')
      if (!truncate.boolean(true)) truncate.refuse('true, all that heed handles')
      const factor = number('factor', context / trained)
      return {
        type,
        factor,
        trained,
        fast: number('beta_fast', 32),
        slow: number('beta_slow', 1),
        ...(has('attention_factor')
          ? { magnitude: number('attention_factor') }
          : has('mscale') &&
            has('mscale_all_dim') && {
              magnitude: growth(factor, number('mscale')) / growth(factor, number('mscale_all_dim')),
            }),
      }
    }
    case 'longrope': {
      const factor = number('factor', context / trained)
      const larger = factor > 1 ? Math.sqrt(1 + Math.log(factor) / Math.log(trained)) : 1
      return {
        type,
        short: given.member('short_factor').items().map(numberOf),
        long: given.member('long_factor').items().map(numberOf),
        trained,
        length: trained,
        magnitude: number('attention_factor', larger < Infinity ? larger : undefined),
      }
    }
    default:
      return field.refuse("'default', 'linear', 'dynamic', 'llama3', 'yarn' or 'longrope'")
  }
}

/** By how much YaRN multiplies cosines and sines (Peng et al. 2023, equation 22), as some files weigh it. */
function growth(factor: number, weight: number): number {
  return factor > 1 ? 0.1 * weight * Math.log(factor) + 1 : 1
}

function numberOf(value: JsonValue): number {
  const number = value.value
  return typeof number === 'number' && number > 0 && number < Infinity
    ? number
    : value.refuse('a number above 0')
}
