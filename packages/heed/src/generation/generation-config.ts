/** `generation_config.json`: what the makers of a model say about writing with it. */
import type { JsonValue } from '../base/index.js'
import type { WriteOptions } from './options.js'

/** What a file of generation says. */
export interface GenerationConfig {
  /** For `write`. Where the file has no limit of tokens, neither have these. */
  readonly options: WriteOptions
  /** What an encoder-decoder's text starts with. */
  readonly decoderStart?: number
  /** What a text starts with: `bos_token_id`. */
  readonly begin?: number
}

/** Fields that change what is written, which heed doesn't do; and the values of each that change nothing. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  constraints: [],
  diversity_penalty: [0],
  dola_layers: [],
  encoder_no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  exponential_decay_length_penalty: [],
  force_words_ids: [],
  guidance_scale: [1],
  max_time: [],
  num_beam_groups: [1],
  penalty_alpha: [0],
  token_healing: [false],
  top_h: [],
  watermarking_config: [],
}

/**
 * Reads the content of `generation_config.json`, or of a `config.json` that has such fields, as older ones
 * do. Fields that change nothing of what is written, such as `use_cache`, are left out, and so are those that
 * nobody knows.
 *
 * @throws FormatError for a value that makes no sense, and for what heed doesn't do: it names the field
 */
export function parseGenerationConfig(json: JsonValue): GenerationConfig {
  for (const [name, neutral] of Object.entries(refused)) {
    const field = json.member(name)
    if (field.isNull || neutral.includes(field.value)) continue
    const without = neutral.length === 0 ? '' : `, or ${name} of ${String(neutral[0])}`
    field.refuse(`no ${name}${without}: heed doesn't do it`, {
      hint: 'remove it, if its effect is not needed',
    })
  }
  const read = new Fields(json)
  const draws = read.boolean('do_sample') ?? false
  const beams = read.whole('num_beams')
  if (beams !== undefined && beams > 1) {
    if (draws) json.member('do_sample').refuse('beams that are not drawn: do_sample of false')
    if (read.boolean('renormalize_logits') === true)
      json.member('renormalize_logits').refuse('renormalize_logits of false beside beams')
  }
  const earlyStopping = json.member('early_stopping')
  const minTokens = read.whole('min_new_tokens')
  const lookup = read.whole('prompt_lookup_num_tokens')
  const temperature = read.number('temperature') ?? 1
  const topK = read.whole('top_k') ?? (draws ? 50 : undefined)
  const options = present({
    tokens: read.whole('max_new_tokens'),
    maxLength: read.whole('max_length'),
    minTokens,
    minLength: minTokens === undefined ? read.whole('min_length') : undefined,
    stop: read.ids('eos_token_id'),
    stopStrings: read.strings('stop_strings'),
    temperature: draws ? temperature : 0,
    topK: topK === 0 ? undefined : topK,
    topP: read.number('top_p'),
    minP: read.number('min_p'),
    typicalP: read.number('typical_p'),
    beams,
    perPrompt: read.whole('num_return_sequences'),
    lengthPenalty: read.number('length_penalty'),
    earlyStopping: earlyStopping.value === 'never' ? ('never' as const) : read.boolean('early_stopping'),
    repetitionPenalty: read.number('repetition_penalty'),
    noRepeatNgram: read.whole('no_repeat_ngram_size'),
    forbidden: read.sequences('bad_words_ids'),
    sequenceBias: read.biases('sequence_bias'),
    forcedBegin: read.whole('forced_bos_token_id'),
    forcedEnd: read.ids('forced_eos_token_id'),
    suppressed: read.ids('suppress_tokens'),
    suppressedAtBegin: read.ids('begin_suppress_tokens'),
    lookup:
      lookup === undefined
        ? undefined
        : { tokens: lookup, ngram: read.whole('max_matching_ngram_size') ?? 2 },
  })
  const starts = read.ids('decoder_start_token_id')
  if (starts !== undefined && starts.length > 1)
    json.member('decoder_start_token_id').refuse('one id, for all texts')
  return { options, ...present({ decoderStart: starts?.[0], begin: read.whole('bos_token_id') }) }
}

/** A record without the members that are undefined. */
function present<T extends Readonly<Record<string, unknown>>>(
  record: T,
): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>
  }
}

/** Fields of the file; undefined where one isn't there or is null. */
class Fields {
  readonly #json: JsonValue

  constructor(json: JsonValue) {
    this.#json = json
  }

  #read<T>(name: string, read: (field: JsonValue) => T): T | undefined {
    const field = this.#json.member(name)
    return field.isNull ? undefined : read(field)
  }

  whole(name: string): number | undefined {
    return this.#read(name, (field) => field.count())
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, (field) => field.boolean())
  }

  number(name: string): number | undefined {
    return this.#read(name, numberOf)
  }

  /** An id, or a list of them. */
  ids(name: string): readonly number[] | undefined {
    return this.#read(name, (field) => (typeof field.value === 'number' ? [field.count()] : idsOf(field)))
  }

  strings(name: string): readonly string[] | undefined {
    return this.#read(name, (field) =>
      typeof field.value === 'string' ? [field.value] : field.items().map((item) => item.string()),
    )
  }

  sequences(name: string): readonly (readonly number[])[] | undefined {
    return this.#read(name, (field) => field.items().map(idsOf))
  }

  biases(name: string): readonly (readonly [readonly number[], number])[] | undefined {
    return this.#read(name, (field) =>
      field.items().map((pair) => {
        const [ids, bias] = pair.items()
        if (ids === undefined || bias === undefined) return pair.refuse('a pair of ids and a bias')
        return [idsOf(ids), numberOf(bias)] as const
      }),
    )
  }
}

function idsOf(list: JsonValue): number[] {
  return list.items().map((id) => id.count())
}

function numberOf(field: JsonValue): number {
  return typeof field.value === 'number' ? field.value : field.refuse('a number')
}
