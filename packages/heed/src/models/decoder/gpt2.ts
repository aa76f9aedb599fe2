/**
 * GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"): learned positions,
 * norms before each layer, GELU by tanh, tied output. Its files keep linear maps as [in, out] (Conv1D) and
 * query, key and value as one.
 */
import { linearBinding, normBinding, tableBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'

export const gpt2: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'gpt2',
  source: 'Radford et al. 2019, Language Models are Unsupervised Multitask Learners',
  modelTypes: ['gpt2'],
  gguf: ['gpt2'],

  design(config) {
    const width = config.size('n_embd', { absent: 768, older: ['hidden_size'] })
    const layers = config.size('n_layer', { absent: 12, most: 1024, older: ['num_hidden_layers'] })
    const heads = config.size('n_head', { absent: 12, most: 1024, older: ['num_attention_heads'] })
    const context = config.size('n_positions', { absent: 1024, older: ['n_ctx'] })
    config.ignore('n_ctx')
    config.only('scale_attn_weights', true)
    config.only('reorder_and_upcast_attn', false)
    const perLayer = config.flag('scale_attn_by_inverse_layer_idx', false)
    const norm = { kind: 'layer', epsilon: config.positive('layer_norm_epsilon', { absent: 1e-5 }) } as const
    const layer: LayerDesign = {
      shape: { width, heads, hidden: config.size('n_inner', { absent: 4 * width }) },
      norm,
      activation: activationOf(config, 'activation_function', 'gelu_new'),
      attention: {},
    }
    const scale = 1 / Math.sqrt(width / heads)
    return {
      architecture: 'gpt2',
      vocabulary: config.size('vocab_size', { absent: 50257 }),
      context,
      width,
      layers,
      heads,
      position: 'learned',
      blocks: Array.from({ length: layers }, (_, i) =>
        perLayer ? { ...layer, attention: { scale: scale / (i + 1) } } : layer,
      ),
      finalNorm: norm,
      tied: config.flag('tie_word_embeddings', true),
    }
  },

  bindings: () => ({
    prefixes: ['transformer.'],
    leaves: [
      tableBinding('embedding.weight', 'transformer.wte.weight', 'token_embd.weight'),
      {
        path: 'position',
        file: 'transformer.wpe.weight',
        gguf: 'position_embd.weight',
        axes: ['position', 'width'],
      },
      ...(['query', 'key', 'value'] as const).flatMap((name, index) =>
        linearBinding(`blocks.#.attention.${name}`, {
          file: 'transformer.h.#.attn.c_attn',
          gguf: 'blk.#.attn_qkv',
          from: 'width',
          to: 'part head headWidth',
          inFirst: true,
          part: { index, of: 3 },
        }),
      ),
      ...linearBinding('blocks.#.attention.output', {
        file: 'transformer.h.#.attn.c_proj',
        gguf: 'blk.#.attn_output',
        from: 'head headWidth',
        to: 'width',
        inFirst: true,
      }),
      ...linearBinding('blocks.#.feedForward.up', {
        file: 'transformer.h.#.mlp.c_fc',
        gguf: 'blk.#.ffn_up',
        from: 'width',
        to: 'hidden',
        inFirst: true,
      }),
      ...linearBinding('blocks.#.feedForward.down', {
        file: 'transformer.h.#.mlp.c_proj',
        gguf: 'blk.#.ffn_down',
        from: 'hidden',
        to: 'width',
        inFirst: true,
      }),
      ...normBinding('blocks.#.attentionNorm', 'transformer.h.#.ln_1', 'blk.#.attn_norm'),
      ...normBinding('blocks.#.feedForwardNorm', 'transformer.h.#.ln_2', 'blk.#.ffn_norm'),
      ...normBinding('norm', 'transformer.ln_f', 'output_norm'),
      ...linearBinding('head', { file: 'lm_head', gguf: 'output', from: 'width', to: 'vocabulary' }),
    ],
    ignored: ['h.#.attn.bias', 'h.#.attn.masked_bias', 'lm_head.weight', 'output.weight'],
  }),
})
