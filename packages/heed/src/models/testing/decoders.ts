/** Small decoders of every architecture, by their configurations in the hub's words. */
import { randomKey, readJson } from '../../base/index.js'
import { CheckpointConfig } from '../../checkpoint/index.js'
import { normalInitializer } from '../../nn/index.js'
import { architectureOf, createDecoder, type Decoder, type DecoderDesign } from '../index.js'

/** A configuration as `config.json` has it. */
export type HubConfig = Readonly<Record<string, unknown>>

const sizes = {
  vocab_size: 7,
  hidden_size: 4,
  intermediate_size: 4,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 32,
}
const like = { ...sizes, num_key_value_heads: 1, rms_norm_eps: 1e-3 }
const longrope = { rope_type: 'longrope', short_factor: [1.5], long_factor: [5] }

/** One of each, and of what an architecture has in two ways both. */
export const decoderConfigs: Readonly<Record<string, HubConfig>> = {
  gpt2: {
    model_type: 'gpt2',
    vocab_size: 7,
    n_embd: 4,
    n_layer: 2,
    n_head: 2,
    n_inner: 5,
    n_positions: 32,
    scale_attn_by_inverse_layer_idx: true,
  },
  'gpt-neox': { ...sizes, model_type: 'gpt_neox', hidden_size: 8, rotary_pct: 0.5 },
  'gpt-neox, one after the other': {
    ...sizes,
    model_type: 'gpt_neox',
    hidden_size: 8,
    rotary_pct: 0.75,
    use_parallel_residual: false,
  },
  llama: {
    ...like,
    model_type: 'llama',
    rope_scaling: {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8,
    },
  },
  'llama with biases, tied': {
    ...like,
    model_type: 'llama',
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: true,
    rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 8 },
  },
  mistral: { ...like, model_type: 'mistral', sliding_window: 3 },
  qwen2: {
    ...like,
    model_type: 'qwen2',
    use_sliding_window: true,
    sliding_window: 3,
    max_window_layers: 1,
  },
  qwen3: { ...like, model_type: 'qwen3', head_dim: 4 },
  gemma2: {
    ...like,
    model_type: 'gemma2',
    head_dim: 4,
    sliding_window: 3,
    query_pre_attn_scalar: 5,
    attn_logit_softcapping: 1.5,
    final_logit_softcapping: 2,
  },
  gemma3: {
    ...like,
    model_type: 'gemma3_text',
    head_dim: 4,
    sliding_window: 3,
    sliding_window_pattern: 2,
    query_pre_attn_scalar: 5,
    rope_scaling: { rope_type: 'linear', factor: 8 },
  },
  phi3: {
    ...like,
    model_type: 'phi3',
    sliding_window: 4,
    original_max_position_embeddings: 16,
    rope_scaling: longrope,
  },
  olmo2: { ...like, model_type: 'olmo2' },
}

/** What `config.json` describes, given as its fields or its text; every field of it has to be handled. */
export function designOf(config: HubConfig | string): DecoderDesign {
  const text = typeof config === 'string' ? config : JSON.stringify(config)
  const read = new CheckpointConfig(
    readJson(new TextEncoder().encode(text), {
      operation: 'loadModel',
      file: 'config.json',
      hint: 'correct the file',
      length: 2 ** 22,
    }),
  )
  const design = architectureOf(read).design(read)
  read.end()
  return design as unknown as DecoderDesign
}

/** Weights far larger than in training, norms and biases too, so that every part matters. */
export function decoderOf(design: DecoderDesign, seed = 1): Decoder {
  const plain = normalInitializer(0.4)
  return createDecoder(design, randomKey(seed), {
    initializer: Object.assign(plain, {
      constant: (shape: Parameters<typeof plain>[1], value: 0 | 1) =>
        plain(randomKey(Object.values(shape).length), shape, 1, 1).add(value),
    }) as typeof plain,
  })
}
