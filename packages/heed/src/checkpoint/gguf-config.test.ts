import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../base/index.js'
import {
  type GgufEntry,
  type GgufFile,
  ggufBytes,
  ggufNumbers,
  type GgufValue,
  readGguf,
} from '../formats/index.js'
import { ggufMetadata, hubConfig } from './index.js'

type Values = Record<string, GgufValue>

const u32 = (value: GgufValue['value']): GgufValue => ({ type: 'u32', value })
const f32 = (value: GgufValue['value']): GgufValue => ({ type: 'f32', value })
const text = (value: string): GgufValue => ({ type: 'string', value })

const sizes: Values = {
  'general.architecture': text('llama'),
  'llama.embedding_length': u32(8),
  'llama.feed_forward_length': u32(16),
  'llama.block_count': u32(2),
  'llama.attention.head_count': u32(2),
  'llama.context_length': u32(64),
  'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
}
const table = ggufNumbers([5, 1], new Float32Array(5))

function fileOf(values: Values, tensors: Record<string, GgufEntry> = {}): GgufFile {
  return readGguf(
    ggufBytes({
      metadata: new Map(Object.entries(values)),
      tensors: new Map(Object.entries({ 'token_embd.weight': table, ...tensors })),
    }),
  )
}

function configOf(more: Values, tensors: Record<string, number[]> = {}): Record<string, unknown> {
  const entries = Object.entries(tensors).map(([name, numbers]) => [
    name,
    ggufNumbers([numbers.length], Float32Array.from(numbers)),
  ])
  const file = fileOf({ ...sizes, ...more }, Object.fromEntries(entries) as Record<string, GgufEntry>)
  return hubConfig(file.metadata, file.tensors)
}

describe('the configuration in a GGUF file', () => {
  it('has what the file says, and what is assumed where it says nothing', () => {
    expect(configOf({})).toEqual({
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: 5,
      hidden_size: 8,
      intermediate_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 2,
      head_dim: 4,
      max_position_embeddings: 64,
      rms_norm_eps: 1e-5,
      rope_parameters: { rope_theta: 10000, rope_type: 'default' },
      tie_word_embeddings: true,
      hidden_act: 'silu',
      attention_bias: false,
      mlp_bias: false,
    })
  })

  it('takes lists that have the same number for each layer', () => {
    const same = { 'llama.attention.head_count_kv': u32(Uint32Array.of(1, 1)) }
    expect(configOf(same)['num_key_value_heads']).toBe(1)
    const other = { 'llama.attention.head_count_kv': u32(Uint32Array.of(1, 2)) }
    expect(() => configOf(other)).toThrow('the same for each layer, found 1 and 2')
  })

  it('has every kind of scaled rotary positions', () => {
    const rope = (more: Values, tensors?: Record<string, number[]>): unknown =>
      configOf(more, tensors)['rope_parameters']
    const base = { rope_theta: 10000 }
    const linear = { 'llama.rope.scaling.type': text('linear'), 'llama.rope.scaling.factor': f32(4) }
    expect(rope(linear)).toEqual({ ...base, rope_type: 'linear', factor: 4 })
    expect(rope({ 'llama.rope.scale_linear': f32(2) })).toEqual({ ...base, rope_type: 'linear', factor: 2 })
    const yarn = {
      'llama.rope.scaling.type': text('yarn'),
      'llama.rope.scaling.factor': f32(4),
      'llama.rope.scaling.original_context_length': u32(32),
    }
    expect(rope(yarn)).toEqual({
      ...base,
      rope_type: 'yarn',
      factor: 4,
      original_max_position_embeddings: 32,
    })
    const both = { 'rope_factors_short.weight': [1, 2], 'rope_factors_long.weight': [3, 4] }
    expect(rope({ 'llama.rope.scaling.attn_factor': f32(1.25) }, both)).toEqual({
      ...base,
      rope_type: 'longrope',
      short_factor: [1, 2],
      long_factor: [3, 4],
      attention_factor: 1.25,
    })
    // Factors that Llama 3's formula does not give.
    expect(rope({}, { 'rope_freqs.weight': [3, 2] })).toEqual({
      ...base,
      rope_type: 'longrope',
      short_factor: [3, 2],
      long_factor: [3, 2],
      attention_factor: 1,
    })
    expect(() => rope({}, { 'rope_freqs.weight': [1, 2, 3] })).toThrow("'rope_freqs.weight' of 2 numbers")
    expect(() => rope({ 'llama.rope.scaling.type': text('other') })).toThrow(FormatError)
  })

  it("finds the parameters of Llama 3's scaling, whatever they were", () => {
    for (const [factor, high, context, theta] of [
      [8, 4, 8192, 500000],
      [32, 4, 8192, 500000],
      [8, 4, 32, 5000],
      [16, 3, 1000, 10000],
    ] as const) {
      const rope_parameters = {
        rope_theta: theta,
        rope_type: 'llama3',
        factor,
        low_freq_factor: 1,
        high_freq_factor: high,
        original_max_position_embeddings: context,
      }
      const { metadata, vectors } = ggufMetadata({
        model_type: 'llama',
        vocab_size: 5,
        hidden_size: 256,
        intermediate_size: 8,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        max_position_embeddings: 131072,
        rms_norm_eps: 1e-5,
        rope_parameters,
      })
      const freqs = vectors.get('rope_freqs.weight')!
      expect(freqs).toHaveLength(32)
      const file = fileOf(Object.fromEntries(metadata), { 'rope_freqs.weight': ggufNumbers([32], freqs) })
      expect(hubConfig(file.metadata, file.tensors)['rope_parameters']).toEqual(rope_parameters)
    }
  })

  it.each<[string, Values, string]>([
    [
      'of an architecture that is close to one',
      { 'general.architecture': text('gemma4') },
      "the nearest is 'gemma",
    ],
    ['of no architecture', { 'general.architecture': u32(1) }, 'general.architecture to be a text'],
    ['without heads', { 'llama.attention.head_count': u32(0) }, 'a whole number from 1'],
    ['of a billion layers', { 'llama.block_count': u32(1e9) }, 'a whole number from 1 to 65536'],
    ['of half a layer', { 'llama.block_count': f32(1.5) }, 'a whole number from 1'],
    ['with a text for a size', { 'llama.block_count': text('2') }, 'to be a number'],
    ['of heads that do not divide the width', { 'llama.attention.head_count': u32(3) }, 'a whole number'],
    ['of experts', { 'llama.expert_count': u32(8) }, 'experts'],
    ['of values of another width', { 'llama.attention.value_length': u32(2) }, 'as that of keys'],
    [
      'of a list without end',
      { 'llama.block_count': u32(new Uint32Array(2 ** 17)) },
      'a number for each layer',
    ],
  ])('%s is refused', (_, more, message) => {
    expect(() => configOf(more)).toThrow(FormatError)
    expect(() => configOf(more)).toThrow(message)
  })

  it('without a size or a table is refused', () => {
    const { 'llama.block_count': _, ...rest } = sizes
    const file = fileOf(rest)
    expect(() => hubConfig(file.metadata, file.tensors)).toThrow(
      'llama.block_count to be a number, found none',
    )
    expect(() => hubConfig(fileOf(sizes).metadata, new Map())).toThrow("a tensor 'token_embd.weight'")
  })
})

describe('metadata of a GGUF file', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['a type that GGUF has not', { model_type: 'albert' }, 'a model_type of'],
    ['no type', {}, 'found none'],
    ['no sizes', { model_type: 'llama' }, 'hidden_size to be a number'],
    ['a null where a number would be assumed', { model_type: 'gemma2', hidden_size: null }, 'found null'],
  ])('%s is refused', (_, config, message) => {
    expect(() => ggufMetadata(config)).toThrow(UsageError)
    expect(() => ggufMetadata(config)).toThrow(message)
  })
})
