import { describe, expect, test } from 'vitest'
import { FormatError } from '../../base/index.js'
import { designOf, type HubConfig } from '../testing/decoders.js'

// Configurations with the fields that files of well-known models have, of training and of other libraries
// too: what of them counts is read, and nothing is passed over.

const training = {
  attention_dropout: 0.0,
  initializer_range: 0.02,
  bos_token_id: 1,
  eos_token_id: 2,
  use_cache: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.42.3',
}
const smollm2: HubConfig = {
  ...training,
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  hidden_act: 'silu',
  hidden_size: 576,
  intermediate_size: 1536,
  is_llama_config: true,
  max_position_embeddings: 8192,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pad_token_id: 2,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_interleaved: false,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  'transformers.js_config': { kv_cache_dtype: { q4f16: 'float16' } },
  vocab_size: 49152,
}
const llama32: HubConfig = {
  ...smollm2,
  hidden_size: 2048,
  head_dim: 64,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  rope_theta: 500000,
  rope_scaling: {
    factor: 32,
    high_freq_factor: 4,
    low_freq_factor: 1,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
}
const mistral: HubConfig = {
  ...training,
  architectures: ['MistralForCausalLM'],
  hidden_act: 'silu',
  hidden_size: 4096,
  intermediate_size: 14336,
  max_position_embeddings: 32768,
  model_type: 'mistral',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 10000.0,
  sliding_window: 4096,
  tie_word_embeddings: false,
  vocab_size: 32000,
}
const qwen2: HubConfig = {
  ...training,
  architectures: ['Qwen2ForCausalLM'],
  hidden_act: 'silu',
  hidden_size: 3584,
  intermediate_size: 18944,
  max_position_embeddings: 32768,
  max_window_layers: 28,
  model_type: 'qwen2',
  num_attention_heads: 28,
  num_hidden_layers: 28,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 131072,
  tie_word_embeddings: false,
  use_mrope: false,
  use_sliding_window: false,
  vocab_size: 152064,
}
const gemma2: HubConfig = {
  ...training,
  architectures: ['Gemma2ForCausalLM'],
  attention_bias: false,
  attn_logit_softcapping: 50.0,
  cache_implementation: 'hybrid',
  eos_token_id: [1, 107],
  final_logit_softcapping: 30.0,
  head_dim: 256,
  hidden_act: 'gelu_pytorch_tanh',
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 3584,
  intermediate_size: 14336,
  max_position_embeddings: 8192,
  model_type: 'gemma2',
  num_attention_heads: 16,
  num_hidden_layers: 42,
  num_key_value_heads: 8,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10000.0,
  sliding_window: 4096,
  sliding_window_size: 4096,
  vocab_size: 256000,
}
const gemma3: HubConfig = {
  ...training,
  architectures: ['Gemma3ForCausalLM'],
  attention_bias: false,
  attn_logit_softcapping: null,
  cache_implementation: 'hybrid',
  final_logit_softcapping: null,
  head_dim: 256,
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 1152,
  intermediate_size: 6912,
  max_position_embeddings: 32768,
  model_type: 'gemma3_text',
  num_attention_heads: 4,
  num_hidden_layers: 26,
  num_key_value_heads: 1,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 10000,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: 512,
  sliding_window_pattern: 6,
  vocab_size: 262144,
}
const phi3: HubConfig = {
  ...training,
  _name_or_path: 'Phi-3-mini-4k-instruct',
  architectures: ['Phi3ForCausalLM'],
  auto_map: { AutoConfig: 'configuration_phi3.Phi3Config' },
  embd_pdrop: 0.0,
  hidden_act: 'silu',
  hidden_size: 3072,
  intermediate_size: 8192,
  max_position_embeddings: 4096,
  model_type: 'phi3',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 32,
  original_max_position_embeddings: 4096,
  pad_token_id: 32000,
  resid_pdrop: 0.0,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000.0,
  sliding_window: 2047,
  tie_word_embeddings: false,
  attention_bias: false,
  vocab_size: 32064,
}
/** Phi-4-mini: a share of the heads, tied, factors for 48 pairs. */
const phi4: HubConfig = {
  ...phi3,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  max_position_embeddings: 131072,
  full_attn_mod: 1,
  interpolate_factor: 1,
  lm_head_bias: false,
  mlp_bias: false,
  partial_rotary_factor: 0.75,
  rope_scaling: {
    type: 'longrope',
    short_factor: Array.from({ length: 48 }, () => 1),
    long_factor: Array.from({ length: 48 }, (_, i) => 1 + i),
  },
  sliding_window: 262144,
  tie_word_embeddings: true,
}
const olmo2: HubConfig = {
  ...training,
  architectures: ['Olmo2ForCausalLM'],
  attention_bias: false,
  hidden_act: 'silu',
  hidden_size: 4096,
  intermediate_size: 11008,
  max_position_embeddings: 4096,
  model_type: 'olmo2',
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 32,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 500000,
  tie_word_embeddings: false,
  vocab_size: 100352,
}
const pythia: HubConfig = {
  ...training,
  architectures: ['GPTNeoXForCausalLM'],
  hidden_act: 'gelu',
  hidden_size: 512,
  intermediate_size: 2048,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 2048,
  model_type: 'gpt_neox',
  num_attention_heads: 8,
  num_hidden_layers: 6,
  rotary_emb_base: 10000,
  rotary_pct: 0.25,
  tie_word_embeddings: false,
  use_parallel_residual: true,
  vocab_size: 50304,
}

describe('what well-known configurations mean', () => {
  test('SmolLM2 and Llama 3.2', () => {
    expect(designOf(smollm2)).toMatchObject({ tied: true, context: 8192, layers: 30 })
    expect(designOf(smollm2).blocks[0]!.attention.rotary).toEqual({ width: 64, base: 100000 })
    const { rotary } = designOf(llama32).blocks[0]!.attention
    expect(rotary?.scaling).toEqual({ type: 'llama3', factor: 32, trained: 8192, low: 1, high: 4 })
  })

  test("Mistral's window: as the file says, none where it is null, 4,096 where it says nothing", () => {
    const windowIn = (config: HubConfig): number | undefined => designOf(config).blocks[0]!.attention.window
    expect(windowIn({ ...mistral, sliding_window: 1024 })).toBe(1024)
    expect(windowIn({ ...mistral, sliding_window: null })).toBeUndefined()
    const { sliding_window: _, ...silent } = mistral
    expect(windowIn(silent)).toBe(4096)
  })

  test("Qwen2's window is off unless it is used, and then the later layers have it", () => {
    const windows = (config: HubConfig): string =>
      designOf(config)
        .blocks.map(({ attention }) => attention.window ?? '-')
        .join(' ')
    expect(windows({ ...qwen2, num_hidden_layers: 4 })).toBe('- - - -')
    const used = { ...qwen2, num_hidden_layers: 4, use_sliding_window: true, max_window_layers: 2 }
    expect(windows(used)).toBe('- - 131072 131072')
    const types = ['sliding_attention', 'full_attention', 'full_attention', 'sliding_attention']
    expect(windows({ ...used, layer_types: types })).toBe('131072 - - 131072')
    expect(designOf(qwen2).blocks[0]!.shape).toMatchObject({ bias: true, outputBias: false })
  })

  test('Gemma 2 and 3: the embedding is the output, though they do not say so', () => {
    const second = designOf(gemma2)
    expect(second).toMatchObject({ tied: true, softCap: 30 })
    expect(second.embeddingScale).toBeCloseTo(Math.sqrt(3584))
    expect(second.blocks.slice(0, 3).map(({ attention }) => attention.window)).toEqual([
      4096,
      undefined,
      4096,
    ])
    const third = designOf(gemma3)
    expect(third.softCap).toBeUndefined()
    expect(third.blocks.map(({ attention }) => attention.rotary!.base).slice(3, 7)).toEqual([
      1e4, 1e4, 1e6, 1e4,
    ])
    expect(third.blocks.map(({ attention }) => attention.window).slice(3, 7)).toEqual([
      512,
      512,
      undefined,
      512,
    ])
  })

  test('Phi-3 and Phi-4-mini', () => {
    expect(designOf(phi3).blocks[0]!.attention.window).toBe(2047)
    const { rotary } = designOf(phi4).blocks[0]!.attention
    expect(rotary?.width).toBe(96)
    expect(rotary?.scaling).toMatchObject({ type: 'longrope', trained: 4096 })
    // What Phi-3's first files call it.
    const first = { ...phi4, rope_scaling: { ...(phi4['rope_scaling'] as object), type: 'su' } }
    expect(designOf(first).blocks[0]!.attention.rotary).toEqual(rotary)
    expect(rotary?.scaling).toMatchObject({ magnitude: Math.sqrt(1 + Math.log(32) / Math.log(4096)) })
  })

  test('OLMo 2 and Pythia', () => {
    expect(designOf(olmo2).blocks[0]!.shape.norms).toEqual(['attentionOutputNorm', 'feedForwardOutputNorm'])
    expect(designOf(pythia).blocks[0]).toMatchObject({ arrangement: 'parallel' })
    expect(designOf(pythia).blocks[0]!.attention.rotary?.width).toBe(16)
  })
})

describe('what is refused by the name of its field', () => {
  const refusals: [string, HubConfig, RegExp][] = [
    ['10^9 layers', { ...smollm2, num_hidden_layers: 1e9 }, /num_hidden_layers.*to 1024/s],
    ['no layers', { ...smollm2, num_hidden_layers: 0 }, /num_hidden_layers/],
    ['half a layer', { ...smollm2, num_hidden_layers: 1.5 }, /num_hidden_layers/],
    ['a negative width', { ...smollm2, hidden_size: -576 }, /hidden_size/],
    ['no width', { ...smollm2, hidden_size: undefined }, /hidden_size/],
    ['a width as text', { ...smollm2, hidden_size: '576' }, /hidden_size/],
    ['a width of 2^53', { ...smollm2, hidden_size: 2 ** 53 }, /hidden_size/],
    ['heads that do not divide', { ...smollm2, num_attention_heads: 7 }, /hidden_size|num_key_value_heads/],
    ['groups that do not divide', { ...smollm2, num_key_value_heads: 2 }, /num_key_value_heads/],
    ["GPT-NeoX's heads that do not divide", { ...pythia, num_attention_heads: 7 }, /hidden_size/],
    ['a head of odd width', { ...smollm2, head_dim: 63 }, /head_dim.*even/s],
    ['an epsilon of 0', { ...smollm2, rms_norm_eps: 0 }, /rms_norm_eps/],
    ['an epsilon as text', { ...smollm2, rms_norm_eps: 'NaN' }, /rms_norm_eps/],
    ['an unknown activation', { ...smollm2, hidden_act: 'silux' }, /hidden_act/],
    ['a flag that is a number', { ...smollm2, attention_bias: 1 }, /attention_bias/],
    ['an unknown field', { ...smollm2, logit_scale: 0.5 }, /logit_scale/],
    ['a field that is nearly one', { ...smollm2, mlp_biases: true }, /mlp_biases.*did you mean 'mlp_bias'/s],
    ['turned pairs side by side', { ...smollm2, rope_interleaved: true }, /rope_interleaved/],
    ['an unknown rope', { ...llama32, rope_scaling: { rope_type: 'mrope' } }, /rope_type.*'longrope'/s],
    ['an unknown field of rope', { ...llama32, rope_scaling: { type: 'linear', factr: 2 } }, /factr/],
    ['a rope without its factor', { ...llama32, rope_scaling: { type: 'linear' } }, /rope_scaling.factor/],
    ['a negative rope factor', { ...llama32, rope_scaling: { type: 'linear', factor: -1 } }, /factor/],
    ['a rope that is a text', { ...llama32, rope_scaling: 'linear' }, /rope_scaling/],
    [
      'waves in the wrong order',
      { ...llama32, rope_scaling: { type: 'llama3', factor: 2, low_freq_factor: 4, high_freq_factor: 1 } },
      /low_freq_factor/,
    ],
    ['a negative base', { ...smollm2, rope_theta: -1 }, /rope_theta/],
    ['a share above 1', { ...pythia, rotary_pct: 1.5 }, /rotary_pct/],
    ['a share of nothing', { ...pythia, rotary_pct: 0.001 }, /rotary_pct/],
    ['too few factors', { ...phi4, partial_rotary_factor: 1 }, /short_factor/],
    ['too few layer types', { ...gemma3, layer_types: ['full_attention'] }, /layer_types.*26/s],
    [
      'an unknown layer type',
      { ...qwen2, num_hidden_layers: 1, layer_types: ['linear_attention'] },
      /layer_types\[0\]/,
    ],
    [
      'layers with a window that is off',
      { ...qwen2, num_hidden_layers: 1, layer_types: ['sliding_attention'] },
      /layer_types/,
    ],
    ['a window of 0', { ...mistral, sliding_window: 0 }, /sliding_window/],
    ['a cap of 0', { ...gemma2, attn_logit_softcapping: 0 }, /attn_logit_softcapping/],
    ['caps in Gemma 3', { ...gemma3, attn_logit_softcapping: 50 }, /attn_logit_softcapping/],
    ['attention both ways', { ...gemma3, use_bidirectional_attention: true }, /use_bidirectional_attention/],
    [
      'Gemma 3 with pictures',
      { model_type: 'gemma3', text_config: gemma3, vision_config: { hidden_size: 1152 } },
      /model_type.*text alone.*pictures/s,
    ],
    ["biases that Phi-3's files do not have", { ...phi3, attention_bias: true }, /attention_bias/],
    ['an unknown architecture', { ...smollm2, model_type: 'llamma' }, /model_type.*'llama'/s],
  ]
  test.each(refusals)('%s', (_, config, named) => {
    const begin = performance.now()
    expect(() => designOf(config)).toThrow(FormatError)
    expect(() => designOf(config)).toThrow(named)
    expect(performance.now() - begin).toBeLessThan(1000)
  })

  test.each(['NaN', 'Infinity', '1e999', '-0', '1e-400'])('%s as a number', (number) => {
    const text = JSON.stringify({ ...smollm2, rms_norm_eps: 'here' }).replace('"here"', number)
    expect(() => designOf(text)).toThrow(FormatError)
  })
})
