/** A model that writes, with what its texts start with and what its makers say of writing. */
import { type ErrorDetail, type JsonValue, readJson, UsageError } from '../base/index.js'
import {
  type GenerationConfig,
  parseGenerationConfig,
  writable,
  writableTarget,
  type Writable,
} from '../generation/index.js'
import { type LoadedDecoder, type LoadedEncoderDecoder, type Running, sourceIds } from '../models/index.js'
import type { Tokenizer } from '../text/index.js'

/**
 * The token that heed's own training puts before every document: texts start with it, and end where it comes
 * again.
 */
export const documentToken = '<|endoftext|>'

/** What is said of writing, by the names of `generation_config.json`. */
export type GenerationFields = Readonly<Record<string, unknown>>

/** What a model's files say of writing: `generation_config.json`, or the configuration of older ones. */
export function generationFields({ stored }: Pick<Running, 'stored'>): GenerationFields {
  const file = stored.json('generation_config.json') ?? (stored.architecture && stored.config)
  if (file === undefined) return {}
  return Object.fromEntries(
    file
      .members()
      .filter(([name]) => generationNames.has(name))
      .map(([name, value]) => [name, value.plain()]),
  )
}

/** Fields of generation, which an older configuration has among its others. */
const generationNames: ReadonlySet<string> = new Set(
  `max_new_tokens max_length min_new_tokens min_length eos_token_id bos_token_id decoder_start_token_id stop_strings
  do_sample temperature top_k top_p min_p typical_p num_beams num_return_sequences length_penalty early_stopping
  repetition_penalty no_repeat_ngram_size bad_words_ids sequence_bias forced_bos_token_id forced_eos_token_id
  suppress_tokens begin_suppress_tokens prompt_lookup_num_tokens max_matching_ngram_size renormalize_logits
  constraints diversity_penalty dola_layers encoder_no_repeat_ngram_size encoder_repetition_penalty epsilon_cutoff
  eta_cutoff exponential_decay_length_penalty force_words_ids guidance_scale max_time num_beam_groups penalty_alpha
  token_healing top_h watermarking_config`
    .trim()
    .split(/\s+/),
)

/** What a task says of writing in `task_specific_params` of an older configuration. */
export function taskFields({ stored }: Pick<Running, 'stored'>, task: string): GenerationFields {
  if (stored.architecture === undefined) return {}
  const tasks = stored.config.member('task_specific_params')
  const own = tasks.isNull ? undefined : tasks.member(task)
  return own === undefined || own.isNull ? {} : (own.plain() as GenerationFields)
}

/** What stands in front of every text of a task, where the configuration says it. */
export function taskPrefix(loaded: Pick<Running, 'stored'>, task: string): string {
  const general = loaded.stored.architecture && loaded.stored.config.member('prefix')
  const own = taskFields(loaded, task)['prefix']
  return (
    (typeof own === 'string' ? own : '') + (general === undefined || general.isNull ? '' : general.string())
  )
}

/**
 * How to write: the fields of later records in the place of those of earlier ones.
 *
 * @throws UsageError for values that make no sense, or that heed doesn't do
 */
export function generationOf(operation: string, records: readonly GenerationFields[]): GenerationConfig {
  const all: Record<string, unknown> = {}
  for (const record of records)
    for (const [name, value] of Object.entries(record)) if (value !== undefined) all[name] = value
  const written = JSON.stringify(all, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )
  const hint = 'correct the option'
  // Where it stands in the text that is made here is nobody's business.
  const error = (detail: ErrorDetail): UsageError =>
    new UsageError({ ...detail, found: detail.found.replace(/ at \d+:\d+$/, '') })
  const json: JsonValue = readJson(written, { operation, hint, error })
  return parseGenerationConfig(json)
}

/** A decoder, ready to write. */
export class DecoderWriter {
  readonly loaded: Running<LoadedDecoder>
  readonly writable: Writable
  /** What ends a text where nobody says it. */
  readonly stop: readonly number[]
  readonly #begin: number | undefined

  constructor(loaded: Running<LoadedDecoder>) {
    const { tokenizer, stored, model, config } = loaded
    this.loaded = loaded
    this.writable = writable(model, config)
    const own = stored.architecture === undefined ? tokenizer.id(documentToken) : undefined
    const { begin } = generationOf('text-generation', [generationFields(loaded)])
    this.stop = own === undefined ? [] : [own]
    this.#begin = own ?? begin
  }

  /**
   * A prompt's ids, with what starts a text. heed's own decoders start with the token that ends one.
   *
   * @throws UsageError for a prompt without a token where nothing starts a text
   */
  idsOf(
    operation: string,
    prompt: string,
    addSpecial = true,
    specials: 'text' | 'allow' = 'text',
  ): readonly number[] {
    const { stored, tokenizer } = this.loaded
    const ids = idsOf(tokenizer, prompt, addSpecial, specials)
    const first = this.#begin
    if (first !== undefined && stored.architecture === undefined && addSpecial) return [first, ...ids]
    if (ids.length > 0) return ids
    if (first !== undefined) return [first]
    throw new UsageError({
      operation,
      expected: 'a prompt of at least one token',
      found: 'an empty one, and a model without a token that starts a text',
      hint: 'write the first word',
    })
  }
}

/** An encoder-decoder, ready to write. */
export class TargetWriter {
  readonly loaded: Running<LoadedEncoderDecoder>

  constructor(loaded: Running<LoadedEncoderDecoder>) {
    this.loaded = loaded
  }

  /** The source's ids, with what ends it. */
  sourceOf(text: string): readonly number[] {
    return sourceIds(this.loaded.config, idsOf(this.loaded.tokenizer, text, true))
  }

  /** The model for these sources: each row answers one. */
  writableFor(sources: readonly (readonly number[])[]): Writable {
    return writableTarget(this.loaded.model, this.loaded.config, sources)
  }

  /**
   * What a target starts with.
   *
   * @throws UsageError where no file says it
   */
  startOf(operation: string, { decoderStart, begin }: GenerationConfig): number {
    const start = decoderStart ?? this.loaded.config.start ?? begin
    if (start !== undefined) return start
    throw new UsageError({
      operation,
      expected: 'decoder_start_token_id in generation_config.json or config.json',
      found: 'none',
      hint: 'say there which token a text starts with: for some translators, the language (tgt_lang)',
    })
  }
}

function idsOf(
  tokenizer: Tokenizer,
  text: string,
  addSpecial: boolean,
  specials: 'text' | 'allow' = 'text',
): readonly number[] {
  return [...tokenizer.encode(text, { addSpecial, specials, padding: null, truncation: null }).ids]
}
