import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type GgufFile, ggufBytes, ggufNumbers, readGguf, withGguf } from '../formats/index.js'
import { ggufMetadata, hubConfig } from './index.js'

// Configurations of the hub, written as GGUF's metadata and read back; and those of real files.

const models = join(process.env['HEED_SHARED'] ?? '', 'reference/models')
const weights = process.env['HEED_REFERENCE_WEIGHTS'] ?? ''

type Config = Record<string, unknown>

/** Fields that say nothing of what the model computes, or say what others say already. */
const leftOut = new Set(
  (
    'attention_dropout attention_probs_dropout_prob attn_pdrop classifier_dropout dropout_rate dtype embd_pdrop ' +
    'hidden_dropout hidden_dropout_prob initializer_factor initializer_range is_decoder add_cross_attention ' +
    'pretraining_tp reorder_and_upcast_attn resid_pdrop scale_attn_by_inverse_layer_idx scale_attn_weights ' +
    'summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj ' +
    'transformers_version use_cache use_bidirectional_attention dense_act_fn is_gated_act scale_decoder_outputs ' +
    'partial_rotary_factor max_window_layers _sliding_window_pattern sliding_window_pattern architectures'
  ).split(' '),
)

/** What differs between the fields of a configuration that matter and those that came back. */
function differences(config: Config, found: Config): string[] {
  const plain: Config = { ...config }
  // An encoder's output isn't in the file; Qwen's layers are full.
  if (config['model_type'] === 'bert') delete plain['tie_word_embeddings']
  if (String(config['model_type']).startsWith('qwen')) delete plain['layer_types']
  return Object.entries(plain)
    .filter(([name, value]) => !leftOut.has(name) && value !== null && value !== false)
    .filter(([name, value]) => sorted(found[name]) !== sorted(value))
    .map(([name, value]) => `${name}: ${sorted(value)} became ${sorted(found[name])}`)
}

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return JSON.stringify(value) ?? 'none'
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => `${name}: ${sorted(item)}`)
    .join(', ')}}`
}

/** A file that has a model's metadata, and of its tensors those that the configuration depends on. */
function fileOf(config: Config): GgufFile {
  const { metadata, vectors, architecture } = ggufMetadata(config)
  const one = ggufNumbers([1], new Float32Array(1))
  const table = (rows: number): ReturnType<typeof ggufNumbers> =>
    ggufNumbers([rows, 1], new Float32Array(rows))
  const tensors = new Map([['token_embd.weight', table(config['vocab_size'] as number)]])
  for (const [name, numbers] of vectors) tensors.set(name, ggufNumbers([numbers.length], numbers))
  if (config['tie_word_embeddings'] === false) tensors.set('output.weight', one)
  if (config['attention_bias'] === true) {
    tensors.set('blk.0.attn_q.bias', one)
    tensors.set('blk.0.attn_qkv.bias', one)
  }
  if (config['mlp_bias'] === true) tensors.set('blk.0.ffn_up.bias', one)
  if (config['feed_forward_proj'] === 'gated-gelu') tensors.set('enc.blk.0.ffn_gate.weight', one)
  if (architecture.name === 'bert')
    tensors.set('token_types.weight', table(config['type_vocab_size'] as number))
  return readGguf(ggufBytes({ metadata, tensors }))
}

const folders =
  'llama llama-rope3 llama-tied llama-bf16-shards mistral qwen2 qwen3 gemma2 gemma3 phi3 olmo2 gpt2 gpt-neox ' +
  'gpt-neox-sequential bert bert-mlm t5 flan-t5 sentence-transformers-dense'

describe.skipIf(!existsSync(models))('configurations of the hub (set HEED_SHARED to run)', () => {
  const configOf = (folder: string): Config | undefined => {
    const file = join(models, folder, 'config.json')
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Config) : undefined
  }

  it.each(folders.split(' '))('%s is what it was after it was GGUF', (folder) => {
    const config = configOf(folder)
    if (config === undefined) return
    const { metadata, tensors } = fileOf(config)
    expect(differences(config, hubConfig(metadata, tensors))).toEqual([])
  })
})

describe.each([
  [
    'SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf',
    {
      model_type: 'llama',
      vocab_size: 49152,
      hidden_size: 576,
      intermediate_size: 1536,
      num_hidden_layers: 30,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      head_dim: 64,
      max_position_embeddings: 8192,
      rms_norm_eps: 1e-5,
      rope_parameters: { rope_theta: 100000, rope_type: 'default' },
      hidden_act: 'silu',
      attention_bias: false,
      mlp_bias: false,
      tie_word_embeddings: true,
      bos_token_id: 1,
      eos_token_id: 2,
      pad_token_id: 2,
    },
  ],
  [
    'gemma-3-270m/gemma-3-270m-q4_k_m.gguf',
    {
      model_type: 'gemma3_text',
      vocab_size: 262144,
      hidden_size: 640,
      intermediate_size: 2048,
      num_hidden_layers: 18,
      num_attention_heads: 4,
      num_key_value_heads: 1,
      head_dim: 256,
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      sliding_window: 512,
      rope_parameters: {
        full_attention: { rope_theta: 1000000, rope_type: 'default' },
        sliding_attention: { rope_theta: 10000, rope_type: 'default' },
      },
      layer_types: Array.from({ length: 18 }, (_, i) =>
        i % 6 === 5 ? 'full_attention' : 'sliding_attention',
      ),
      query_pre_attn_scalar: 256,
      hidden_activation: 'gelu_pytorch_tanh',
      final_logit_softcapping: null,
      tie_word_embeddings: true,
      bos_token_id: 2,
      eos_token_id: 1,
      pad_token_id: 0,
    },
  ],
])('%s (set HEED_REFERENCE_WEIGHTS to run)', (file, expected) => {
  const path = join(weights, file)
  it.skipIf(weights === '' || !existsSync(path))('has the configuration of the original', () => {
    withGguf(path, ({ metadata, tensors }) => {
      const { architectures, ...config } = hubConfig(metadata, tensors)
      expect(architectures).toHaveLength(1)
      expect(sorted(config)).toBe(sorted(expected))
    })
  })
})
