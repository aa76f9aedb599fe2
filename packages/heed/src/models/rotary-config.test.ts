import { expect, test } from 'vitest'
import { rotaryFrequencies } from '../nn/index.js'
import { designOf, type HubConfig } from './testing/decoders.js'

// Radians a position of every kind of scaling, and what cosines and sines are multiplied by, as transformers
// 5.24 computes them for a text of so many tokens (f32).

type Case = readonly [
  type: string,
  fields: HubConfig,
  length: number,
  radians: readonly number[],
  magnitude: number,
]

const cases: readonly Case[] = [
  [
    'llama',
    { rope_theta: 5000.0, rope_scaling: { rope_type: 'linear', factor: 4.0 } },
    100,
    [0.25, 0.08621221, 0.029730178, 0.010252417, 0.003535534, 0.0012192247, 0.0004204482, 0.00014499106],
    1.0,
  ],
  [
    'llama',
    { rope_theta: 5000.0, rope_scaling: { type: 'dynamic', factor: 4.0 } },
    200,
    [1.0, 0.29140872, 0.08491905, 0.024746152, 0.0072112447, 0.0021014197, 0.00061237201, 0.00017845054],
    1.0,
  ],
  [
    'llama',
    {
      rope_theta: 5000.0,
      rope_scaling: { rope_type: 'yarn', factor: 4.0, original_max_position_embeddings: 32 },
    },
    100,
    [1.0, 0.21553053, 0.029730178, 0.010252417, 0.003535534, 0.0012192247, 0.0004204482, 0.00014499106],
    1.138629436,
  ],
  [
    'llama',
    {
      rope_theta: 5000.0,
      rope_scaling: {
        rope_type: 'yarn',
        factor: 4.0,
        original_max_position_embeddings: 32,
        beta_fast: 8,
        beta_slow: 2,
        mscale: 0.7,
        mscale_all_dim: 0.5,
      },
    },
    100,
    [1.0, 0.08621221, 0.029730178, 0.010252417, 0.003535534, 0.0012192247, 0.0004204482, 0.00014499106],
    1.02592865,
  ],
  [
    'llama',
    {
      rope_theta: 5000.0,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8.0,
        original_max_position_embeddings: 64,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
      },
    },
    100,
    [1.0, 0.29582581, 0.022194639, 0.0051262085, 0.001767767, 0.00060961233, 0.0002102241, 7.2495532e-5],
    1.0,
  ],
  [
    'phi3',
    {
      rope_theta: 5000.0,
      partial_rotary_factor: 0.5,
      original_max_position_embeddings: 32,
      rope_scaling: {
        type: 'longrope',
        short_factor: [1.0, 1.1, 1.2, 1.3],
        long_factor: [1.0, 2.0, 4.0, 7.5],
      },
    },
    20,
    [1.0, 0.10810973, 0.011785113, 0.0012936868],
    1.183215957,
  ],
  [
    'phi3',
    {
      rope_theta: 5000.0,
      partial_rotary_factor: 0.5,
      original_max_position_embeddings: 32,
      rope_scaling: {
        type: 'longrope',
        short_factor: [1.0, 1.1, 1.2, 1.3],
        long_factor: [1.0, 2.0, 4.0, 7.5],
      },
    },
    33,
    [1.0, 0.059460357, 0.003535534, 0.00022423903],
    1.183215957,
  ],
  [
    'phi3',
    {
      rope_theta: 5000.0,
      original_max_position_embeddings: 32,
      rope_scaling: {
        type: 'longrope',
        attention_factor: 1.25,
        short_factor: [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        long_factor: [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
      },
    },
    32,
    [1.0, 0.34484884, 0.11892071, 0.041009668, 0.014142136, 0.0048768986, 0.0016817928, 0.00057996425],
    1.25,
  ],
  ['gpt_neox', { rotary_emb_base: 5000, rotary_pct: 0.2 }, 20, [1.0, 0.0034199513], 1.0],
]

const sizes = {
  vocab_size: 8,
  hidden_size: 32,
  num_attention_heads: 2,
  num_hidden_layers: 1,
  intermediate_size: 8,
  max_position_embeddings: 128,
}

test.each(cases)('%s, %j, %i tokens', (type, fields, length, radians, magnitude) => {
  const { rotary } = designOf({ ...sizes, ...fields, model_type: type }).blocks[0]!.attention
  const { scaling, ...rest } = rotary!
  const stretched = scaling !== undefined && 'length' in scaling ? { ...scaling, length } : scaling
  const found = rotaryFrequencies({ ...rest, scaling: stretched })
  expect(found.radiansPerPosition).toHaveLength(radians.length)
  radians.forEach((one, i) => expect(found.radiansPerPosition[i]! / one).toBeCloseTo(1, 6))
  expect(found.magnitude).toBeCloseTo(magnitude, 6)
})
