/**
 * The `config.json` of a checkpoint in the hub's layout, read so that nothing in it is passed over: each
 * architecture asks for the fields that it handles, and `end` refuses what nobody asked for.
 */
import { type JsonValue, nearest } from '../base/index.js'

/**
 * Fields that change nothing in what a trained model computes: of training, of files, of libraries, and of
 * generation (which reads its own).
 */
const harmless: ReadonlySet<string> = new Set(
  `
  name _name_or_path _num_labels _attn_implementation _attn_implementation_autoset _commit_hash attn_implementation
  architectures auto_map dtype model_type torch_dtype transformers_version torchscript
  attention_dropout attention_probs_dropout_prob attn_pdrop activation_dropout classifier_dropout
  classifier_dropout_prob dropout dropout_rate embd_pdrop embedding_dropout hidden_dropout
  hidden_dropout_prob mlp_dropout resid_pdrop seq_classif_dropout summary_first_dropout
  encoder_layerdrop decoder_layerdrop layerdrop qa_dropout initializer_range initializer_cutoff_factor
  init_std initializer_factor embedding_size_initializer gradient_checkpointing use_cache
  cache_implementation problem_type finetuning_task id2label label2id num_labels task_specific_params
  language tokenizer_class prefix output_attentions output_hidden_states output_past return_dict
  use_return_dict pruned_heads bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id
  mask_token_id unk_token_id decoder_start_token_id forced_bos_token_id forced_eos_token_id
  suppress_tokens begin_suppress_tokens bad_words_ids diversity_penalty do_sample early_stopping
  encoder_no_repeat_ngram_size exponential_decay_length_penalty length_penalty max_length
  max_new_tokens min_length no_repeat_ngram_size num_beam_groups num_beams num_return_sequences
  output_scores remove_invalid_values repetition_penalty return_dict_in_generate temperature top_k
  top_p typical_p chunk_size_feed_forward pretraining_tp sentence_transformers summary_activation
  sbert_ce_default_activation_function sbert_ce_default_activation_fn heed.source model_file
  use_bfloat16 tf_legacy_loss cross_attention_hidden_size summary_proj_to_labels summary_type
  summary_use_proj summary_last_dropout is_encoder_decoder add_cross_attention is_decoder
  unsloth_version unsloth_fixed quantization_config neftune_noise_alpha transformers.js_config
  `
    .trim()
    .split(/\s+/),
)

/** What a configuration was read from: which decides what its weights are like. */
export type CheckpointFormat = 'safetensors' | 'gguf' | 'llama2.c'

/** The fields of a configuration. A null is as good as no field. */
export class CheckpointConfig {
  /** What the weights stand in. GGUF keeps some of them in a form of its own. */
  readonly format: CheckpointFormat
  readonly json: JsonValue
  readonly #members: ReadonlyMap<string, JsonValue>
  readonly #asked = new Set<string>()
  readonly #parts: CheckpointConfig[] = []

  /**
   * @param json a record; in a part of a configuration it may be lacking
   * @param over a record whose fields go before
   * @throws FormatError where it is no record
   */
  constructor(json: JsonValue, format: CheckpointFormat = 'safetensors', over?: JsonValue) {
    this.json = json
    this.format = format
    const members = over === undefined ? json.members() : [json, over].flatMap(membersOrNone)
    this.#members = new Map(members)
  }

  /**
   * The fields of a record among these, which is as good as empty where it isn't there: of a model that is
   * part of another. `end` is then asked of both.
   *
   * @param over the name of a record whose fields go before
   */
  part(name: string, over: string = name): CheckpointConfig {
    const part = new CheckpointConfig(this.field(name), this.format, this.field(over))
    this.#parts.push(part)
    return part
  }

  /** Whether there is such a field that isn't null. */
  has(name: string): boolean {
    this.#asked.add(name)
    return this.#members.get(name)?.isNull === false
  }

  /** The field of this name, or of an older spelling; there or not. */
  field(name: string, ...older: readonly string[]): JsonValue {
    const found = [name, ...older].filter((one) => this.has(one))[0]
    if (found !== undefined) return this.#members.get(found)!
    return this.json.isNull ? this.json : this.json.member(name)
  }

  /** The model's type, which decides its architecture. */
  get modelType(): string {
    return (this.#members.get('model_type') ?? this.json.member('model_type')).string()
  }

  /** The class that the weights are of: `BertForMaskedLM`. Undefined where it isn't said. */
  get className(): string | undefined {
    const names = this.#members.get('architectures')
    return names === undefined || names.isNull ? undefined : names.items()[0]?.string()
  }

  /** A size: a whole number from 1 to `most`. */
  size(name: string, { most = 2 ** 24, absent, older = [] }: NumberOptions = {}): number {
    const field = this.field(name, ...older)
    if (absent !== undefined && field.isNull) return absent
    const value = field.count(most)
    return value >= 1 ? value : field.refuse(`a whole number from 1 to ${most}`)
  }

  /** A number above 0. */
  positive(name: string, { absent, older = [] }: Omit<NumberOptions, 'most'> = {}): number {
    const field = this.field(name, ...older)
    if (absent !== undefined && field.isNull) return absent
    const { value } = field
    return typeof value === 'number' && value > 0 && value < Infinity
      ? value
      : field.refuse('a number above 0')
  }

  flag(name: string, absent: boolean): boolean {
    return this.field(name).boolean(absent)
  }

  choice<const Name extends string>(name: string, names: readonly Name[], absent?: NoInfer<Name>): Name {
    const field = this.field(name)
    return absent !== undefined && field.isNull ? absent : field.choice(names)
  }

  /** Refuses any other value of a field than this one, which is also what its absence means. */
  only(name: string, wanted: boolean | number | string): void {
    const field = this.field(name)
    if (!field.isNull && field.value !== wanted)
      field.refuse(`${JSON.stringify(wanted)}, all that heed handles`, {
        found: JSON.stringify(field.plain())?.slice(0, 100),
        hint: 'the model computes something else with it; take another checkpoint',
      })
  }

  /** These fields change nothing for this architecture. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#asked.add(name)
  }

  /** Refuses fields that nobody asked for, unless they are known to change nothing. */
  end(): void {
    for (const part of this.#parts) part.end()
    for (const [name, member] of this.#members) {
      if (this.#asked.has(name) || harmless.has(name) || member.isNull || member.value === false) continue
      const close = nearest(name, [...this.#asked])
      member.refuse('a field that heed handles for this architecture', {
        found: 'another',
        hint: close === undefined ? 'take it out if it changes nothing' : `did you mean '${close}'?`,
      })
    }
  }
}

function membersOrNone(json: JsonValue): [string, JsonValue][] {
  return json.isNull ? [] : json.members()
}

/** What a number may be, what it is where it isn't there, and what older files call it. */
export interface NumberOptions {
  readonly most?: number
  readonly absent?: number | undefined
  readonly older?: readonly string[]
}
