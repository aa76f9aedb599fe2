/**
 * What the decoders that are built like Llama share: fields of their configuration, names of their weights.
 */
import {
  type Binding,
  type Bindings,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { LayerDesign } from '../layer-design.js'
import { type RotaryFields, rotaryOf } from '../rotary-config.js'
import type { DecoderDesign } from './design.js'

/** What the models that are built like Llama have in their configuration, in the hub's words. */
export interface LlamaLike {
  readonly design: Omit<DecoderDesign, 'architecture' | 'blocks'>
  readonly layer: LayerDesign
  readonly headWidth: number
}

/** What an architecture means where its configuration says nothing. */
export interface LlamaDefaults {
  /** Default 1e-6. */
  readonly epsilon?: number
  /** Default false. */
  readonly tied?: boolean
  /** Default width / heads. */
  readonly headWidth?: number
  /** The field of the activation, and which one it is; default `hidden_act`, SiLU. */
  readonly activation?: readonly [field: string, absent: string]
  /** Norms multiply by 1 + weight; default false. */
  readonly onePlus?: boolean
  readonly rotary?: Omit<RotaryFields, 'headWidth' | 'context'>
}

/** Reads what all models that are built like Llama share. A file changes of it what differs. */
export function llamaLike(config: CheckpointConfig, defaults: LlamaDefaults = {}): LlamaLike {
  const { epsilon = 1e-6, tied = false, onePlus = false } = defaults
  const width = config.size('hidden_size')
  const layers = config.size('num_hidden_layers', { most: 1024 })
  const heads = config.size('num_attention_heads', { most: 1024 })
  const keyValueHeads = config.size('num_key_value_heads', { absent: heads, most: 1024 })
  if (heads % keyValueHeads !== 0)
    config.field('num_key_value_heads').refuse(`a number that divides the ${heads} heads`)
  if (!config.has('head_dim') && defaults.headWidth === undefined && width % heads !== 0)
    config.field('hidden_size').refuse(`a multiple of the ${heads} heads`)
  const headWidth = config.size('head_dim', { absent: defaults.headWidth ?? width / heads })
  const context = config.size('max_position_embeddings', { older: ['max_sequence_length'] })
  const norm = {
    kind: 'rms',
    epsilon: config.positive('rms_norm_eps', { absent: epsilon }),
    ...(onePlus && { onePlus }),
  } as const
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
        onePlus,
      },
      norm,
      activation: activationOf(config, ...(defaults.activation ?? (['hidden_act', 'silu'] as const))),
      attention: { rotary: rotaryOf(config, { ...defaults.rotary, headWidth, context }) },
    },
    design: {
      vocabulary: config.size('vocab_size'),
      context,
      width,
      layers,
      heads,
      finalNorm: norm,
      tied: config.flag('tie_word_embeddings', tied),
    },
  }
}

/** What differs in the names of their weights. */
export interface LlamaNames {
  /** GGUF keeps the rows of queries and keys in rotary pairs; default false. */
  readonly ggufPairs?: boolean
  /** Norms of what each layer gives: `post_attention_layernorm` is one of them; default false. */
  readonly outputNorms?: boolean
  /** What the norms of queries and keys run over; default each head. */
  readonly headNorm?: 'headWidth' | 'head headWidth'
  /** GGUF keeps norms as 1 + weight; default false. */
  readonly ggufOnePlus?: boolean
}

/** The names of files as Llama has them, but for what differs. */
export function llamaBindings(design: DecoderDesign, names: LlamaNames = {}): Bindings {
  const scaled = design.blocks[0]!.attention.rotary?.scaling !== undefined
  return {
    leaves: llamaLeaves(names),
    prefixes: ['model.'],
    ignored: [
      'layers.#.self_attn.rotary_emb.inv_freq',
      'lm_head.weight',
      'output.weight',
      // The factors of the scaling, which the design has.
      ...(scaled ? ['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight'] : []),
    ],
  }
}

/** Where each weight stands; of what a model lacks, the binding is without effect. */
export function llamaLeaves(names: LlamaNames = {}): Binding[] {
  const { ggufPairs, outputNorms, headNorm = 'headWidth', ggufOnePlus } = names
  const block = 'model.layers.#'
  const linear = (path: string, file: string, gguf: string, from: string, to: string): Binding[] =>
    linearBinding(`blocks.#.${path}`, { file: `${block}.${file}`, gguf: `blk.#.${gguf}`, from, to })
  const projection = (path: string, letter: string, pairs = false): Binding[] =>
    linear(`attention.${path}`, `self_attn.${letter}_proj`, `attn_${letter}`, 'width', 'head headWidth').map(
      (binding) => ({ ...binding, ...(pairs && { ggufPairs }) }),
    )
  const norm = (path: string, file: string, gguf: string, axes?: string): Binding[] =>
    normBinding(path, file, gguf, axes).map((binding) => ({ ...binding, ggufOnePlus }))
  const blockNorm = (path: string, file: string, gguf: string, axes?: string): Binding[] =>
    norm(`blocks.#.${path}`, `${block}.${file}`, `blk.#.${gguf}`, axes)
  return [
    tableBinding('embedding.weight', 'model.embed_tokens.weight', 'token_embd.weight'),
    ...projection('query', 'q', true),
    ...projection('key', 'k', true),
    ...projection('value', 'v'),
    ...linear('attention.output', 'self_attn.o_proj', 'attn_output', 'head headWidth', 'width'),
    ...blockNorm('attention.queryNorm', 'self_attn.q_norm', 'attn_q_norm', headNorm),
    ...blockNorm('attention.keyNorm', 'self_attn.k_norm', 'attn_k_norm', headNorm),
    ...linear('feedForward.gate', 'mlp.gate_proj', 'ffn_gate', 'width', 'hidden'),
    ...linear('feedForward.up', 'mlp.up_proj', 'ffn_up', 'width', 'hidden'),
    ...linear('feedForward.down', 'mlp.down_proj', 'ffn_down', 'hidden', 'width'),
    ...blockNorm('attentionNorm', 'input_layernorm', 'attn_norm'),
    ...(outputNorms === true
      ? [
          ...blockNorm('attentionOutputNorm', 'post_attention_layernorm', 'post_attention_norm'),
          ...blockNorm('feedForwardNorm', 'pre_feedforward_layernorm', 'ffn_norm'),
          ...blockNorm('feedForwardOutputNorm', 'post_feedforward_layernorm', 'post_ffw_norm'),
        ]
      : blockNorm('feedForwardNorm', 'post_attention_layernorm', 'ffn_norm')),
    ...norm('norm', 'model.norm', 'output_norm'),
    ...linearBinding('head', { file: 'lm_head', gguf: 'output', from: 'width', to: 'vocabulary' }),
  ]
}
