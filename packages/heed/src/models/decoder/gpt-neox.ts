/**
 * GPT-NeoX (Black et al. 2022, "GPT-NeoX-20B: An Open-Source Autoregressive Language Model", section 2):
 * attention and feed-forward layer read the same residual stream, each through a norm of its own, and a share
 * of each head is turned. Pythia has the same. Files keep query, key and value as one, head by head.
 */
import { type Binding, linearBinding, normBinding, tableBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { rotaryOf } from '../rotary-config.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'

export const gptNeoX: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'gpt-neox',
  source: 'Black et al. 2022, GPT-NeoX-20B: An Open-Source Autoregressive Language Model',
  modelTypes: ['gpt_neox'],
  gguf: ['gptneox'],

  design(config) {
    const width = config.size('hidden_size')
    const layers = config.size('num_hidden_layers', { most: 1024 })
    const heads = config.size('num_attention_heads', { most: 1024 })
    if (width % heads !== 0) config.field('hidden_size').refuse(`a multiple of the ${heads} heads`)
    const headWidth = width / heads
    const context = config.size('max_position_embeddings')
    const norm = { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-5 }) } as const
    const layer: LayerDesign = {
      shape: {
        width,
        heads,
        hidden: config.size('intermediate_size'),
        bias: config.flag('attention_bias', true),
        feedForwardBias: true,
        normBias: true,
      },
      arrangement: config.flag('use_parallel_residual', true) ? 'parallel' : 'pre',
      norm,
      activation: activationOf(config, 'hidden_act', 'gelu'),
      attention: {
        rotary: rotaryOf(config, { headWidth, context, older: 'rotary_emb_base', share: 0.25 }),
      },
    }
    return {
      architecture: 'gpt-neox',
      vocabulary: config.size('vocab_size'),
      context,
      width,
      layers,
      heads,
      blocks: Array.from({ length: layers }, () => layer),
      finalNorm: norm,
      finalNormBias: true,
      tied: config.flag('tie_word_embeddings', false),
    }
  },

  bindings: () => ({
    prefixes: ['gpt_neox.'],
    leaves: [
      tableBinding('embedding.weight', 'gpt_neox.embed_in.weight', 'token_embd.weight'),
      ...(['query', 'key', 'value'] as const).flatMap((name, index) =>
        linearBinding(`blocks.#.attention.${name}`, {
          file: 'gpt_neox.layers.#.attention.query_key_value',
          gguf: 'blk.#.attn_qkv',
          from: 'width',
          to: 'head part headWidth',
          ggufTo: 'part head headWidth',
          part: { index, of: 3 },
        }),
      ),
      ...linear('attention.output', 'attention.dense', 'attn_output', 'head headWidth', 'width'),
      ...linear('feedForward.up', 'mlp.dense_h_to_4h', 'ffn_up', 'width', 'hidden'),
      ...linear('feedForward.down', 'mlp.dense_4h_to_h', 'ffn_down', 'hidden', 'width'),
      ...normBinding('blocks.#.attentionNorm', 'gpt_neox.layers.#.input_layernorm', 'blk.#.attn_norm'),
      ...normBinding(
        'blocks.#.feedForwardNorm',
        'gpt_neox.layers.#.post_attention_layernorm',
        'blk.#.ffn_norm',
      ),
      ...normBinding('norm', 'gpt_neox.final_layer_norm', 'output_norm'),
      ...linearBinding('head', { file: 'embed_out', gguf: 'output', from: 'width', to: 'vocabulary' }),
    ],
    ignored: [
      'layers.#.attention.bias',
      'layers.#.attention.masked_bias',
      'layers.#.attention.rotary_emb.inv_freq',
      'embed_out.weight',
      'output.weight',
    ],
  }),
})

function linear(path: string, file: string, gguf: string, from: string, to: string): Binding[] {
  const place = { file: `gpt_neox.layers.#.${file}`, gguf: `blk.#.${gguf}`, from, to }
  return linearBinding(`blocks.#.${path}`, place)
}
