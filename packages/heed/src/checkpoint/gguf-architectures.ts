/**
 * The architectures of GGUF files that heed reads, in the words of the hub: for each one table of fields, and
 * what else there is to say. What a file doesn't say is what llama.cpp assumes (its conversion and its
 * readers of metadata). Of activations it has one GELU for all; there the original's own counts.
 */
import type { GgufFacts, GgufValues, HubConfig } from './gguf-facts.js'
import { ggufRope, hubRope, isRecord, ropeOf } from './gguf-rope.js'

/**
 * A number that both have: the hub's name of it, GGUF's, its type there, and what it is where it isn't there.
 */
type Field = readonly [hub: string, key: string, type: 'u32' | 'f32', absent?: number]

/** An architecture of GGUF files. */
export interface GgufArchitecture {
  /** `general.architecture` */
  readonly name: string
  /** The hub's `model_type`s that it stands for, the usual one first. */
  readonly modelTypes: readonly string[]
  readonly fields: readonly Field[]
  /** What the hub's configuration has beside the fields. */
  readonly hub: (facts: GgufFacts) => HubConfig
  /** What the file has beside the fields. */
  readonly gguf: (to: GgufValues) => void
}

const rms: Field = ['rms_norm_eps', 'attention.layer_norm_rms_epsilon', 'f32']
const sizes: readonly Field[] = [
  ['hidden_size', 'embedding_length', 'u32'],
  ['intermediate_size', 'feed_forward_length', 'u32'],
  ['num_hidden_layers', 'block_count', 'u32'],
  ['num_attention_heads', 'attention.head_count', 'u32'],
  ['max_position_embeddings', 'context_length', 'u32'],
]

const embedding = 'token_embd.weight'

/** What all decoders that are built like Llama have beside their fields. */
function llamaLike(facts: GgufFacts): HubConfig {
  if (facts.number('expert_count', 0) > 0)
    facts.refuse('expert_count', '0: one feed-forward layer', 'experts')
  const width = headWidth(facts)
  if (facts.number('attention.value_length', width) !== width)
    facts.refuse('attention.value_length', `${width}, as that of keys`, 'another')
  return {
    num_key_value_heads: facts.count('attention.head_count_kv', facts.count('attention.head_count')),
    rope_parameters: hubRope(facts, width),
    ...ends(facts),
  }
}

/** Vocabulary, and whether the output is the embedding. */
function ends(facts: GgufFacts): HubConfig {
  return { vocab_size: facts.rows(embedding), tie_word_embeddings: !facts.has('output.weight') }
}

function headWidth(facts: GgufFacts): number {
  const whole = facts.count('embedding_length') / facts.count('attention.head_count')
  return facts.count('attention.key_length', whole)
}

function writeLlamaLike(to: GgufValues): void {
  const width = headWidthOf(to)
  if (to.field('head_dim') !== undefined) writeHeadWidth(to, width)
  to.set('attention.head_count_kv', 'u32', to.number('num_key_value_heads', to.number('num_attention_heads')))
  to.set('vocab_size', 'u32', to.number('vocab_size'))
  ggufRope(to, width)
}

function headWidthOf(to: GgufValues): number {
  return to.number('head_dim', to.number('hidden_size') / to.number('num_attention_heads'))
}

function writeHeadWidth(to: GgufValues, width: number): void {
  to.set('attention.key_length', 'u32', width)
  to.set('attention.value_length', 'u32', width)
}

const withHeadWidth = (facts: GgufFacts): HubConfig => ({ ...llamaLike(facts), head_dim: headWidth(facts) })

/** Which layers have a window. */
function layerTypes(facts: GgufFacts, isFull: (layer: number) => boolean): HubConfig {
  return {
    layer_types: Array.from({ length: facts.count('block_count') }, (_, layer) =>
      isFull(layer) ? 'full_attention' : 'sliding_attention',
    ),
  }
}

/** Every so many layers the last is full; or truth values that say which have a window. */
function windowed(facts: GgufFacts, absent: number): HubConfig {
  const pattern = facts.pattern('attention.sliding_window_pattern') ?? absent
  return layerTypes(facts, (layer) =>
    typeof pattern === 'number' ? (layer + 1) % pattern === 0 : pattern[layer] !== true,
  )
}

/** Writes which layers have a window, unless it is as a reader assumes. */
function writeLayerTypes(to: GgufValues, assumed: number): void {
  const types = to.field('layer_types')
  if (!Array.isArray(types)) return
  const isFull = types.map((type) => type === 'full_attention')
  const fits = (period: number): boolean =>
    isFull.every((full, layer) => full === ((layer + 1) % period === 0))
  if (fits(assumed)) return
  const period = isFull.indexOf(true) + 1
  const key = 'attention.sliding_window_pattern'
  if (period > 0 && fits(period)) to.set(key, 'u32', period)
  else
    to.set(
      key,
      'bool',
      isFull.map((full) => !full),
    )
}

/**
 * Gemma's scale of scores isn't in the file: 1 / √headWidth, but in the largest models 1 / √(width / heads).
 */
function gemmaScale(facts: GgufFacts, largest: number): HubConfig {
  const scale = facts.optional('attention.scale')
  if (scale !== undefined) return { query_pre_attn_scalar: Math.round(1e3 / scale ** 2) / 1e3 }
  const isLargest = facts.count('block_count') === largest
  const assumed = facts.count('embedding_length') / facts.count('attention.head_count')
  return { query_pre_attn_scalar: isLargest ? assumed : headWidth(facts) }
}

function writeGemmaScale(to: GgufValues, largest: number): void {
  const isLargest = to.number('num_hidden_layers') === largest
  const assumed = isLargest ? to.number('hidden_size') / to.number('num_attention_heads') : headWidthOf(to)
  const scalar = to.number('query_pre_attn_scalar', assumed)
  if (scalar !== assumed) to.set('attention.scale', 'f32', 1 / Math.sqrt(scalar))
}

const gelu = { hidden_activation: 'gelu_pytorch_tanh' } as const

const llama: GgufArchitecture = {
  name: 'llama',
  modelTypes: ['llama', 'mistral'],
  fields: [...sizes, rms],
  hub(facts) {
    const window = facts.number('attention.sliding_window', 0)
    const own =
      window > 0
        ? { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: window }
        : {
            attention_bias: facts.has('blk.0.attn_q.bias'),
            mlp_bias: facts.has('blk.0.ffn_up.bias'),
          }
    return { ...withHeadWidth(facts), hidden_act: 'silu', ...own }
  },
  gguf(to) {
    writeLlamaLike(to)
    const window = to.field('model_type') === 'mistral' ? to.field('sliding_window') : undefined
    if (typeof window === 'number') to.set('attention.sliding_window', 'u32', window)
  },
}

const qwen2: GgufArchitecture = {
  name: 'qwen2',
  modelTypes: ['qwen2'],
  fields: [...sizes, rms],
  hub: (facts) => ({ ...llamaLike(facts), hidden_act: 'silu', use_sliding_window: false }),
  gguf: writeLlamaLike,
}

const qwen3: GgufArchitecture = {
  ...qwen2,
  name: 'qwen3',
  modelTypes: ['qwen3'],
  hub: (facts) => ({
    ...withHeadWidth(facts),
    hidden_act: 'silu',
    use_sliding_window: false,
    attention_bias: facts.has('blk.0.attn_q.bias'),
  }),
}

const gemma2: GgufArchitecture = {
  name: 'gemma2',
  modelTypes: ['gemma2'],
  fields: [
    ...sizes,
    rms,
    ['sliding_window', 'attention.sliding_window', 'u32', 4096],
    ['attn_logit_softcapping', 'attn_logit_softcapping', 'f32', 50],
    ['final_logit_softcapping', 'final_logit_softcapping', 'f32', 30],
  ],
  hub: (facts) => ({
    ...withHeadWidth(facts),
    ...gelu,
    ...gemmaScale(facts, 46),
    ...windowed(facts, 2),
  }),
  gguf(to) {
    writeLlamaLike(to)
    writeGemmaScale(to, 46)
    writeLayerTypes(to, 2)
  },
}

const gemma3: GgufArchitecture = {
  ...gemma2,
  name: 'gemma3',
  modelTypes: ['gemma3_text', 'gemma3'],
  fields: [...sizes, rms, ['sliding_window', 'attention.sliding_window', 'u32', 1024]],
  hub(facts) {
    const { rope_parameters, ...shared } = withHeadWidth(facts)
    const cap = facts.optional('final_logit_softcapping')
    const local = { rope_type: 'default', rope_theta: facts.number('rope.freq_base_swa', 10000) }
    return {
      ...shared,
      rope_parameters: { full_attention: rope_parameters, sliding_attention: local },
      ...gelu,
      ...gemmaScale(facts, 62),
      ...windowed(facts, 6),
      final_logit_softcapping: cap === undefined || cap === 0 ? null : cap,
    }
  },
  gguf(to) {
    const rope = ropeOf(to.config)
    const full = isRecord(rope['full_attention']) ? rope['full_attention'] : rope
    const local = isRecord(rope['sliding_attention']) ? rope['sliding_attention'] : {}
    const base = local['rope_theta'] ?? to.field('rope_local_base_freq') ?? 10000
    writeHeadWidth(to, headWidthOf(to))
    to.set('attention.head_count_kv', 'u32', to.number('num_key_value_heads'))
    to.set('vocab_size', 'u32', to.number('vocab_size'))
    ggufRope(to, headWidthOf(to), full)
    if (base !== 10000) to.set('rope.freq_base_swa', 'f32', base as number)
    const cap = to.field('final_logit_softcapping')
    if (typeof cap === 'number') to.set('final_logit_softcapping', 'f32', cap)
    writeGemmaScale(to, 62)
    writeLayerTypes(to, 6)
  },
}

const phi3: GgufArchitecture = {
  ...qwen2,
  name: 'phi3',
  modelTypes: ['phi3'],
  hub(facts) {
    const window = facts.number('attention.sliding_window', 0)
    return {
      ...llamaLike(facts),
      hidden_act: 'silu',
      original_max_position_embeddings: facts.count(
        'rope.scaling.original_context_length',
        facts.count('context_length'),
      ),
      sliding_window: window > 0 ? window : null,
    }
  },
  gguf(to) {
    writeLlamaLike(to)
    to.set(
      'rope.scaling.original_context_length',
      'u32',
      to.number('original_max_position_embeddings', to.number('max_position_embeddings')),
    )
    to.set('attention.sliding_window', 'u32', to.number('sliding_window', 0))
  },
}

const olmo2: GgufArchitecture = {
  ...qwen2,
  name: 'olmo2',
  modelTypes: ['olmo2', 'olmo3'],
  hub(facts) {
    const shared = { ...llamaLike(facts), hidden_act: 'silu', attention_bias: facts.has('blk.0.attn_q.bias') }
    const window = facts.number('attention.sliding_window', 0)
    if (window === 0) return shared
    const own = { model_type: 'olmo3', architectures: ['Olmo3ForCausalLM'], sliding_window: window }
    return { ...shared, ...own, ...windowed(facts, 4) }
  },
  gguf(to) {
    writeLlamaLike(to)
    if (to.field('model_type') !== 'olmo3') return
    to.set('attention.sliding_window', 'u32', to.number('sliding_window'))
    writeLayerTypes(to, 4)
  },
}

const gpt2: GgufArchitecture = {
  name: 'gpt2',
  modelTypes: ['gpt2'],
  fields: [
    ['n_embd', 'embedding_length', 'u32'],
    ['n_layer', 'block_count', 'u32'],
    ['n_head', 'attention.head_count', 'u32'],
    ['n_positions', 'context_length', 'u32'],
    ['layer_norm_epsilon', 'attention.layer_norm_epsilon', 'f32'],
  ],
  hub(facts) {
    const inner = facts.count('feed_forward_length')
    return {
      n_inner: inner === 4 * facts.count('embedding_length') ? null : inner,
      activation_function: 'gelu_new',
      ...ends(facts),
    }
  },
  gguf: (to) => to.set('feed_forward_length', 'u32', to.number('n_inner', 4 * to.number('n_embd'))),
}

const gptNeox: GgufArchitecture = {
  name: 'gptneox',
  modelTypes: ['gpt_neox'],
  fields: [...sizes, ['layer_norm_eps', 'attention.layer_norm_epsilon', 'f32']],
  hub: (facts) => ({
    rope_parameters: hubRope(facts, headWidth(facts)),
    use_parallel_residual: facts.flag('use_parallel_residual', true),
    attention_bias: facts.has('blk.0.attn_qkv.bias'),
    hidden_act: 'gelu',
    ...ends(facts),
  }),
  gguf(to) {
    to.set('use_parallel_residual', 'bool', to.field('use_parallel_residual') !== false)
    const rope = ropeOf(to.config)
    const share = rope['partial_rotary_factor'] ?? to.field('rotary_pct') ?? 0.25
    const base = rope['rope_theta'] ?? to.field('rotary_emb_base') ?? 10000
    ggufRope(to, headWidthOf(to), { ...rope, partial_rotary_factor: share, rope_theta: base })
  },
}

const bert: GgufArchitecture = {
  name: 'bert',
  modelTypes: ['bert'],
  fields: [...sizes, ['layer_norm_eps', 'attention.layer_norm_epsilon', 'f32']],
  // RoBERTa's table of positions is cut in the file, so that it begins with that of the first token: then the
  // rest is BERT.
  hub: (facts) => ({
    vocab_size: facts.rows(embedding),
    type_vocab_size: facts.has('token_types.weight') ? facts.rows('token_types.weight') : 1,
    hidden_act: 'gelu',
    architectures: [facts.has('cls.output.weight') ? 'BertForSequenceClassification' : 'BertModel'],
    ...(facts.has('cls.output.weight') && { num_labels: facts.rows('cls.output.weight') }),
  }),
  gguf(to) {
    to.set('attention.causal', 'bool', false)
    to.set('tokenizer.ggml.token_type_count', 'u32', to.number('type_vocab_size', 2))
  },
}

const t5: GgufArchitecture = {
  name: 't5',
  modelTypes: ['t5'],
  fields: [
    ['d_model', 'embedding_length', 'u32'],
    ['d_ff', 'feed_forward_length', 'u32'],
    ['num_layers', 'block_count', 'u32'],
    ['num_heads', 'attention.head_count', 'u32'],
    ['d_kv', 'attention.key_length', 'u32', 64],
    ['relative_attention_num_buckets', 'attention.relative_buckets_count', 'u32', 32],
    ['n_positions', 'context_length', 'u32', 512],
    ['decoder_start_token_id', 'decoder_start_token_id', 'u32', 0],
  ],
  hub: (facts) => ({
    ...ends(facts),
    layer_norm_epsilon:
      facts.optional('attention.layer_norm_rms_epsilon') ?? facts.number('attention.layer_norm_epsilon'),
    num_decoder_layers: facts.count('decoder_block_count', facts.count('block_count')),
    relative_attention_max_distance: facts.number('attention.relative_max_distance', 128),
    feed_forward_proj: facts.has('enc.blk.0.ffn_gate.weight') ? 'gated-gelu' : 'relu',
    is_encoder_decoder: true,
  }),
  gguf(to) {
    const epsilon = to.number('layer_norm_epsilon', 1e-6)
    to.set('attention.layer_norm_epsilon', 'f32', epsilon)
    to.set('attention.layer_norm_rms_epsilon', 'f32', epsilon)
    to.set('attention.value_length', 'u32', to.number('d_kv', 64))
    to.set('decoder_block_count', 'u32', to.number('num_decoder_layers', to.number('num_layers')))
    const distance = to.number('relative_attention_max_distance', 128)
    if (distance !== 128) to.set('attention.relative_max_distance', 'u32', distance)
  },
}

/** By `general.architecture`. */
export const ggufArchitectures: ReadonlyMap<string, GgufArchitecture> = new Map(
  [llama, qwen2, qwen3, gemma2, gemma3, phi3, olmo2, gpt2, gptNeox, bert, t5].map((one) => [one.name, one]),
)
