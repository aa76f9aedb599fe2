/**
 * Llama (Touvron et al. 2023, "LLaMA: Open and Efficient Foundation Language Models"): rotary positions, RMS
 * norms before each layer, a gated feed-forward layer (SwiGLU), grouped heads. Mistral (Jiang et al. 2023) is
 * the same with a window.
 */
import {
  type Binding,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { rotaryOf } from '../rotary-config.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'

/** What the models that are built like Llama have in their configuration, in the hub's words. */
export interface LlamaLike {
  readonly design: Omit<DecoderDesign, 'architecture' | 'blocks'>
  readonly layer: LayerDesign
  readonly headWidth: number
}

/** Reads what all models that are built like Llama share. A file changes of it what differs. */
export function llamaLike(config: CheckpointConfig): LlamaLike {
  const width = config.size('hidden_size')
  const layers = config.size('num_hidden_layers', { most: 1024 })
  const heads = config.size('num_attention_heads', { most: 1024 })
  const keyValueHeads = config.size('num_key_value_heads', { absent: heads, most: 1024 })
  if (heads % keyValueHeads !== 0)
    config.field('num_key_value_heads').refuse(`a number that divides the ${heads} heads`)
  if (!config.has('head_dim') && width % heads !== 0)
    config.field('hidden_size').refuse(`a multiple of the ${heads} heads`)
  const headWidth = config.size('head_dim', { absent: width / heads })
  const context = config.size('max_position_embeddings')
  const norm = { kind: 'rms', epsilon: config.positive('rms_norm_eps', { absent: 1e-6 }) } as const
  return {
    headWidth,
    layer: {
      shape: {
        width,
        heads,
        keyValueHeads,
        headWidth,
        hidden: config.size('intermediate_size'),
        gated: true,
        bias: false,
        normBias: false,
      },
      norm,
      activation: activationOf(config, 'hidden_act', 'silu'),
      attention: { rotary: rotaryOf(config, { headWidth, context }) },
    },
    design: {
      vocabulary: config.size('vocab_size'),
      context,
      width,
      layers,
      heads,
      finalNorm: norm,
      tied: config.flag('tie_word_embeddings', false),
    },
  }
}

/** The window of a configuration, where it has one. */
export function windowOf(config: CheckpointConfig): number | undefined {
  return config.has('sliding_window') ? config.size('sliding_window') : undefined
}

export const llama: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'llama',
  source: 'Touvron et al. 2023, LLaMA: Open and Efficient Foundation Language Models',
  modelTypes: ['llama', 'mistral'],
  gguf: ['llama'],
  design(config) {
    const { design, layer } = llamaLike(config)
    const bias = config.flag('attention_bias', false)
    const window = config.modelType === 'mistral' ? windowOf(config) : undefined
    const own: LayerDesign = {
      ...layer,
      shape: { ...layer.shape, bias, feedForwardBias: config.flag('mlp_bias', false) },
      attention: { ...layer.attention, window },
    }
    return { ...design, architecture: 'llama', blocks: Array.from({ length: design.layers }, () => own) }
  },
  bindings: () => ({ leaves: llamaBindings({ ggufPairs: true }), ignored: llamaIgnored }),
})

/** What files of this kind may have beside the weights. */
export const llamaIgnored: readonly string[] = [
  'model.layers.#.self_attn.rotary_emb.inv_freq',
  'lm_head.weight',
  'output.weight',
  'rope_freqs.weight',
]

/** Names as Llama has them; of what a model lacks, the binding is without effect. */
export function llamaBindings({ ggufPairs = false }: { readonly ggufPairs?: boolean } = {}): Binding[] {
  const attention = 'blocks.#.attention'
  const projection = (name: string, letter: string, pairs: boolean): Binding[] =>
    linearBinding(`${attention}.${name}`, {
      file: `model.layers.#.self_attn.${letter}_proj`,
      gguf: `blk.#.attn_${letter}`,
      from: 'width',
      to: 'head headWidth',
      ggufPairs: pairs,
    })
  return [
    tableBinding('embedding.weight', 'model.embed_tokens.weight', 'token_embd.weight'),
    ...projection('query', 'q', ggufPairs),
    ...projection('key', 'k', ggufPairs),
    ...projection('value', 'v', false),
    ...linearBinding(`${attention}.output`, {
      file: 'model.layers.#.self_attn.o_proj',
      gguf: 'blk.#.attn_output',
      from: 'head headWidth',
      to: 'width',
    }),
    ...linearBinding('blocks.#.feedForward.gate', {
      file: 'model.layers.#.mlp.gate_proj',
      gguf: 'blk.#.ffn_gate',
      from: 'width',
      to: 'hidden',
    }),
    ...linearBinding('blocks.#.feedForward.up', {
      file: 'model.layers.#.mlp.up_proj',
      gguf: 'blk.#.ffn_up',
      from: 'width',
      to: 'hidden',
    }),
    ...linearBinding('blocks.#.feedForward.down', {
      file: 'model.layers.#.mlp.down_proj',
      gguf: 'blk.#.ffn_down',
      from: 'hidden',
      to: 'width',
    }),
    ...normBinding('blocks.#.attentionNorm', 'model.layers.#.input_layernorm', 'blk.#.attn_norm'),
    ...normBinding('blocks.#.feedForwardNorm', 'model.layers.#.post_attention_layernorm', 'blk.#.ffn_norm'),
    ...normBinding('norm', 'model.norm', 'output_norm'),
    ...linearBinding('head', { file: 'lm_head', gguf: 'output', from: 'width', to: 'vocabulary' }),
  ]
}
