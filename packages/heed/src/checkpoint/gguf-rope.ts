/**
 * Rotary positions in GGUF's metadata and in the hub's `rope_parameters`.
 *
 * Llama 3's scaling isn't named in the file: `rope_freqs.weight` has what each frequency is divided by. Phi
 * 3's stands in two such vectors, for short and for long contexts.
 */
import type { GgufFacts, GgufValues, HubConfig } from './gguf-facts.js'

/** @param headWidth numbers of a head; @returns the hub's `rope_parameters` */
export function hubRope(facts: GgufFacts, headWidth: number): HubConfig {
  const base = facts.number('rope.freq_base', 10000)
  const width = facts.count('rope.dimension_count', headWidth)
  const share = width === headWidth ? {} : { partial_rotary_factor: width / headWidth }
  return { rope_theta: base, ...share, ...scalingOf(facts, base, width) }
}

function scalingOf(facts: GgufFacts, base: number, width: number): HubConfig {
  const context = facts.optional('rope.scaling.original_context_length')
  const divisors = facts.vector('rope_freqs.weight', width / 2)
  if (divisors !== undefined) return llama3Of(divisors, base)
  const short = facts.vector('rope_factors_short.weight', width / 2)
  const long = facts.vector('rope_factors_long.weight', width / 2)
  if (short !== undefined && long !== undefined)
    return {
      rope_type: 'longrope',
      short_factor: short,
      long_factor: long,
      ...given('original_max_position_embeddings', context),
      ...given('attention_factor', facts.optional('rope.scaling.attn_factor')),
    }
  // Files that are older than the type have the factor alone.
  const factor = facts.optional('rope.scaling.factor') ?? facts.optional('rope.scale_linear')
  const type = facts.text('rope.scaling.type') ?? (factor === undefined ? 'none' : 'linear')
  switch (type) {
    case 'none':
    case 'longrope':
      return { rope_type: 'default' }
    case 'linear':
      return { rope_type: 'linear', factor: factor ?? 1 }
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: factor ?? 1,
        ...given('original_max_position_embeddings', context),
        ...given('beta_fast', facts.optional('rope.scaling.yarn_beta_fast')),
        ...given('beta_slow', facts.optional('rope.scaling.yarn_beta_slow')),
        ...given('attention_factor', facts.optional('rope.scaling.yarn_attn_factor')),
      }
    default:
      return facts.refuse(
        'rope.scaling.type',
        "'none', 'linear', 'yarn' or 'longrope'",
        `'${type.slice(0, 60)}'`,
      )
  }
}

function given(name: string, value: number | undefined): HubConfig {
  return value === undefined ? {} : { [name]: value }
}

/**
 * The parameters of Llama 3's scaling that give such divisors. Between the two limits, 1 / divisor is linear
 * in the frequency: s + (1 − s) / factor with s = (context · frequency / 2π − low) / (high − low). A line has
 * two numbers, the formula three: of `low`, `high` and `context` one is free, and low is 1 as in every such
 * model. Where the divisors are of no such form, they are given as they are, in the words of `longrope`.
 */
function llama3Of(divisors: readonly number[], base: number): HubConfig {
  const factor = Math.max(...divisors)
  const frequencies = divisors.map((_, i) => base ** (-i / divisors.length))
  const between = divisors.flatMap((divisor, i) =>
    divisor > 1 && divisor < factor
      ? [{ x: frequencies[i]! / (2 * Math.PI), y: (1 / divisor - 1 / factor) / (1 - 1 / factor) }]
      : [],
  )
  for (const [context, high] of candidates(between)) {
    const found = { rope_type: 'llama3', factor, low_freq_factor: 1, high_freq_factor: high }
    const parameters = { ...found, original_max_position_embeddings: context }
    const again = llama3Divisors(parameters, base, divisors.length)
    if (again.every((divisor, i) => Math.abs(divisor / divisors[i]! - 1) < 1e-5)) return parameters
  }
  return { rope_type: 'longrope', short_factor: divisors, long_factor: divisors, attention_factor: 1 }
}

/** Pairs of context and high factor that may be meant, the likeliest first. */
function candidates(between: readonly { x: number; y: number }[]): [context: number, high: number][] {
  const usual = 4
  const pairs: [number, number][] = [[8192, usual]]
  const [first, second] = [between[0], between.at(-1)]
  // y = (context · x − 1) / (high − 1)
  if (first !== undefined) pairs.push([Math.round((first.y * (usual - 1) + 1) / first.x), usual])
  if (first !== undefined && second !== undefined && first !== second) {
    const slope = (first.y - second.y) / (first.x - second.x)
    const high = 1 - 1 / (first.y - slope * first.x)
    const context = slope * (high - 1)
    pairs.push([Math.round(context), Math.round(high * 1000) / 1000], [context, high])
  }
  for (let power = 3; power < 24; power++) pairs.push([2 ** power, usual])
  return pairs
}

/** What each frequency is divided by (Dubey et al. 2024, "The Llama 3 Herd of Models"). */
function llama3Divisors(parameters: HubConfig, base: number, count: number): number[] {
  const [factor, low, high, context] = llama3Fields.map((name) => parameters[name] as number) as [
    number,
    number,
    number,
    number,
  ]
  return Array.from({ length: count }, (_, i) => {
    const length = 2 * Math.PI * base ** (i / count)
    if (length < context / high) return 1
    if (length > context / low) return factor
    const share = (context / length - low) / (high - low)
    return 1 / ((1 - share) / factor + share)
  })
}

const llama3Fields = [
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
] as const

/**
 * Writes rotary positions as GGUF has them.
 *
 * @throws UsageError for a kind of scaling that it hasn't
 */
export function ggufRope(to: GgufValues, headWidth: number, rope: HubConfig = ropeOf(to.config)): void {
  const number = (name: string, absent?: number): number => {
    const value = rope[name] ?? absent
    return typeof value === 'number' ? value : to.refuse(name, 'a number', typeof value)
  }
  const base = number('rope_theta', 10000)
  const share = number(
    'partial_rotary_factor',
    (to.field('partial_rotary_factor') as number | undefined) ?? 1,
  )
  const width = Math.floor(share * headWidth)
  to.set('rope.dimension_count', 'u32', width)
  to.set('rope.freq_base', 'f32', base)
  const context = rope['original_max_position_embeddings'] ?? to.field('original_max_position_embeddings')
  const scaled = (type: string): void => {
    to.set('rope.scaling.type', 'string', type)
    if (type !== 'longrope') to.set('rope.scaling.factor', 'f32', number('factor'))
    if (typeof context === 'number') to.set('rope.scaling.original_context_length', 'u32', context)
  }
  const named = rope['rope_type'] ?? rope['type'] ?? 'default'
  const type = typeof named === 'string' ? named : ''
  switch (type) {
    case 'default':
      return
    case 'linear':
      return scaled(type)
    case 'yarn':
      scaled(type)
      for (const [name, key] of yarnFields)
        if (typeof rope[name] === 'number') to.set(`rope.scaling.${key}`, 'f32', rope[name])
      return
    case 'llama3':
      for (const name of llama3Fields) number(name)
      to.vectors.set('rope_freqs.weight', Float32Array.from(llama3Divisors(rope, base, width / 2)))
      return
    case 'su':
    case 'longrope': {
      scaled('longrope')
      const length = typeof context === 'number' ? context : 0
      const times = to.number('max_position_embeddings') / length
      const magnitude = times > 1 && length > 1 ? Math.sqrt(1 + Math.log(times) / Math.log(length)) : 1
      to.set('rope.scaling.attn_factor', 'f32', number('attention_factor', magnitude))
      for (const kind of ['short', 'long'])
        to.vectors.set(`rope_factors_${kind}.weight`, factorsOf(to, rope[`${kind}_factor`], width / 2))
      return
    }
    default:
      return to.refuse(
        'rope_type',
        "'default', 'linear', 'yarn', 'llama3' or 'longrope'",
        JSON.stringify(type),
      )
  }
}

function factorsOf(to: GgufValues, list: unknown, length: number): Float32Array {
  if (Array.isArray(list) && list.length === length && list.every((factor) => typeof factor === 'number'))
    return Float32Array.from(list)
  return to.refuse('short_factor and long_factor', `lists of ${length} numbers`, typeof list)
}

const yarnFields = [
  ['beta_fast', 'yarn_beta_fast'],
  ['beta_slow', 'yarn_beta_slow'],
  ['attention_factor', 'yarn_attn_factor'],
] as const

/** `rope_parameters`, or what stands in its place in older configurations. */
export function ropeOf(config: HubConfig): HubConfig {
  const { rope_parameters: own, rope_scaling: scaling, rope_theta: base } = config
  if (isRecord(own)) return own
  return { ...(isRecord(scaling) ? scaling : {}), ...(typeof base === 'number' ? { rope_theta: base } : {}) }
}

export function isRecord(value: unknown): value is HubConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
