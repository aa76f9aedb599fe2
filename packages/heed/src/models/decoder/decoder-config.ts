/** What a decoder is built like: checked where it comes from outside. */
import { FormatError, JsonValue, nearest } from '../../base/index.js'
import { type Activation, activations } from '../../tensor/index.js'

/**
 * A decoder-only transformer (Radford et al. 2018; with RMS norm, rotary positions and gates as Touvron et
 * al. 2023).
 */
export interface DecoderConfig {
  readonly architecture: 'decoder'
  /** Rows of the embedding: token ids run from 0 to this, without it. */
  readonly vocabulary: number
  /** The longest sequence that it was trained on, in tokens. */
  readonly context: number
  /** Numbers in the vector of a position. */
  readonly width: number
  readonly layers: number
  /** Query heads; `width` is a multiple. */
  readonly heads: number
  /** Key/value heads, of which `heads` is a multiple (grouped-query attention, Ainslie et al. 2023). */
  readonly keyValueHeads: number
  /** Width of the feed-forward layer's inside. */
  readonly hidden: number
  readonly activation: Activation
  /** Whether the feed-forward layer has a gate (Shazeer 2020): with the activation silu it is SwiGLU. */
  readonly gated: boolean
  readonly norm: 'layer' | 'rms'
  readonly epsilon: number
  readonly position: 'learned' | 'rotary' | 'alibi' | 'sinusoidal'
  /** The base of rotary positions' wavelengths (Su et al. 2021). */
  readonly rotaryBase: number
  /** Whether linear layers and layer norms have biases. */
  readonly bias: boolean
  /** Whether the output shares the embedding's table (Press and Wolf 2017). */
  readonly tied: boolean
}

/** The fields that say a decoder's size. */
type Sizes = 'vocabulary' | 'context' | 'width' | 'layers' | 'heads'

/** What `decoderConfig` needs: the sizes; and what it has defaults for. */
export type DecoderConfigOptions = Pick<DecoderConfig, Sizes> & Partial<Omit<DecoderConfig, Sizes>>

/** What is taken where a configuration leaves a field out. */
const defaults = {
  activation: 'silu',
  gated: true,
  norm: 'rms',
  epsilon: 1e-5,
  position: 'rotary',
  rotaryBase: 10000,
  bias: false,
  tied: true,
} as const

const whole = ['vocabulary', 'context', 'width', 'layers', 'heads', 'keyValueHeads', 'hidden'] as const
const limits: Readonly<Record<(typeof whole)[number], number>> = {
  vocabulary: 2 ** 24,
  context: 2 ** 24,
  width: 2 ** 16,
  layers: 1024,
  heads: 1024,
  keyValueHeads: 1024,
  hidden: 2 ** 18,
}
const choices: Readonly<Record<string, readonly (string | boolean)[]>> = {
  architecture: ['decoder'],
  activation: Object.keys(activations),
  gated: [true, false],
  norm: ['layer', 'rms'],
  position: ['learned', 'rotary', 'alibi', 'sinusoidal'],
  bias: [true, false],
  tied: [true, false],
}

/**
 * A complete configuration, from one that may lack the fields that have defaults. Defaults are
 * `keyValueHeads` as many as `heads`, `hidden` four times the width (8/3 with a gate, to a multiple of 32),
 * and those of `defaults`: a gated SiLU, RMS norm, rotary positions, no biases, tied output.
 *
 * @throws FormatError naming the field that is missing, unknown (with the name that was probably meant) or
 * makes no sense
 */
export function decoderConfig(given: DecoderConfigOptions): DecoderConfig {
  return parseDecoderConfig(given)
}

/**
 * A complete configuration from a JSON file's content. Missing fields are filled in as by `decoderConfig`.
 *
 * @param given the file's content, where it stands in it or as JSON.parse has it
 * @param file its path, for errors
 * @throws FormatError as `decoderConfig` does
 */
export function parseDecoderConfig(content: unknown, file?: string): DecoderConfig {
  const json = content instanceof JsonValue ? content : undefined
  const given = json === undefined ? content : json.plain()
  const refuse = (
    expected: string,
    found: unknown,
    hint = 'correct the configuration',
    field?: string,
  ): never => {
    const shown = typeof found === 'object' && found !== null ? 'an object' : JSON.stringify(found)
    const at = field === undefined ? json : json?.member(field)
    throw new FormatError({
      operation: 'decoder configuration',
      expected,
      found: `${String(shown).slice(0, 100)}${at === undefined ? '' : ` at ${at.where}`}`,
      hint,
      file,
    })
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return refuse('an object', given)
  const fields = given as Readonly<Record<string, unknown>>
  const foreign = foreignModel(fields)
  if (foreign !== undefined)
    throw new FormatError({
      operation: 'decoder configuration',
      expected: "a configuration of heed's own decoder",
      found: `a configuration of ${foreign}, which heed doesn't read yet`,
      hint: 'give a folder that saveModel wrote',
      file,
    })
  const gated = fields['gated'] ?? defaults.gated
  const width = fields['width'] as number
  const config: Record<string, unknown> = {
    architecture: 'decoder',
    ...defaults,
    keyValueHeads: fields['heads'],
    hidden: gated ? Math.ceil((8 * width) / 3 / 32) * 32 : 4 * width,
    ...fields,
  }
  const known = ['architecture', ...whole, ...Object.keys(defaults)]
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    const hint =
      meant === undefined ? 'remove it, or correct its name' : `remove it, or did you mean '${meant}'?`
    refuse(`fields ${known.join(', ')}`, name, hint, name)
  }
  for (const name of whole) {
    const value = config[name]
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > limits[name])
      refuse(`${name}, a whole number from 1 to ${limits[name]}`, value, undefined, name)
  }
  for (const [name, values] of Object.entries(choices)) {
    if (!values.includes(config[name] as string))
      refuse(`${name}, one of ${values.join(', ')}`, config[name], undefined, name)
  }
  for (const name of ['epsilon', 'rotaryBase']) {
    if (!((config[name] as number) > 0 && (config[name] as number) < Infinity))
      refuse(`${name}, a number above 0`, config[name], undefined, name)
  }
  const complete = config as unknown as DecoderConfig
  if (complete.width % complete.heads !== 0)
    refuse(`a width that is a multiple of the ${complete.heads} heads`, complete.width, undefined, 'width')
  if (complete.heads % complete.keyValueHeads !== 0)
    refuse(`heads in groups of ${complete.keyValueHeads} key/value heads`, complete.heads, undefined, 'heads')
  if (complete.position === 'rotary' && (complete.width / complete.heads) % 2 !== 0)
    refuse('heads of even width, for rotary positions', complete.width / complete.heads, undefined, 'width')
  return complete
}

/** What a configuration in Hugging Face's form is of; undefined where it is none. */
function foreignModel(fields: Readonly<Record<string, unknown>>): string | undefined {
  const { model_type: type, architectures } = fields
  const name: unknown =
    typeof type === 'string' ? type : Array.isArray(architectures) ? architectures[0] : undefined
  return typeof name === 'string' && fields['architecture'] === undefined
    ? JSON.stringify(name.slice(0, 60)).slice(1, -1)
    : undefined
}
