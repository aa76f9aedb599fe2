/**
 * Gemma 2 (Gemma Team 2024, "Gemma 2: Improving Open Language Models at a Practical Size", section 2): norms
 * before and behind each layer, GeGLU, every other layer with a window, soft caps of scores and logits.
 * Gemma 3 (Gemma Team 2025, "Gemma 3 Technical Report", section 2) has norms of queries and keys in the place
 * of the caps, five layers with a window to one without, and rotary positions for each kind.
 */
import type { CheckpointConfig } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { type RotaryFields, rotaryOf } from '../rotary-config.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'
import { layerTypesOf, windowOf } from './layer-types.js'
import { llamaBindings, type LlamaLike, llamaLike } from './llama-like.js'

export const gemma2: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'gemma2',
  source: 'Gemma Team 2024, Gemma 2: Improving Open Language Models at a Practical Size',
  modelTypes: ['gemma2'],
  gguf: ['gemma2'],

  design(config) {
    const like = gemmaLike(config)
    const { layer, design } = like
    const window = windowOf(config, 4096)
    const global: LayerDesign = {
      ...layer,
      attention: { ...layer.attention, softCap: capOf(config, 'attn_logit_softcapping', 50) },
    }
    const local: LayerDesign = { ...global, attention: { ...global.attention, window } }
    const types = layerTypesOf(config, design.layers, (i) => i % 2 === 0)
    return {
      ...design,
      architecture: 'gemma2',
      softCap: capOf(config, 'final_logit_softcapping', 30),
      blocks: types.map((type) => (type === 'sliding_attention' ? local : global)),
    }
  },

  bindings,
})

export const gemma3: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'gemma3',
  source: 'Gemma Team 2025, Gemma 3 Technical Report',
  modelTypes: ['gemma3_text', 'gemma3'],
  gguf: ['gemma3'],

  design(config) {
    if (config.modelType === 'gemma3')
      config.json.member('model_type').refuse("'gemma3_text', a model of text alone", {
        found: "'gemma3', a model of texts and pictures",
        hint: 'heed does not read pictures; take a checkpoint of the text model, or a GGUF file of it',
      })
    const full: Omit<RotaryFields, 'headWidth' | 'context'> = { kind: 'full_attention', base: 1e6 }
    const near = { kind: 'sliding_attention', older: 'rope_local_base_freq', scaled: false }
    const { layer: shared, design, headWidth } = gemmaLike(config, full)
    const { context } = design
    const layer = { ...shared, shape: { ...shared.shape, headNorm: true } }
    const attention = { ...shared.attention, headNorm: shared.norm }
    const global: LayerDesign = { ...layer, attention }
    const local: LayerDesign = {
      ...layer,
      attention: {
        ...attention,
        rotary: rotaryOf(config, { ...near, headWidth, context }),
        window: windowOf(config, 4096),
      },
    }
    const pattern = config.size('sliding_window_pattern', { absent: 6, older: ['_sliding_window_pattern'] })
    const types = layerTypesOf(config, design.layers, (i) => (i + 1) % pattern !== 0)
    return {
      ...design,
      architecture: 'gemma3',
      softCap: capOf(config, 'final_logit_softcapping'),
      blocks: types.map((type) => (type === 'sliding_attention' ? local : global)),
    }
  },

  bindings,
})

/** What both share, and Llama has otherwise. */
function gemmaLike(
  config: CheckpointConfig,
  rotary: Omit<RotaryFields, 'headWidth' | 'context'> = {},
): LlamaLike {
  const { layer, design, headWidth } = llamaLike(config, {
    tied: true,
    headWidth: 256,
    activation: ['hidden_activation', 'gelu_pytorch_tanh'],
    onePlus: true,
    rotary,
  })
  // Older files name the activation and the window twice; these have no effect.
  config.ignore('hidden_act', 'sliding_window_size')
  config.only('use_bidirectional_attention', false)
  return {
    headWidth,
    design: { ...design, embeddingScale: Math.sqrt(design.width) },
    layer: {
      ...layer,
      shape: {
        ...layer.shape,
        norms: ['attentionNorm', 'attentionOutputNorm', 'feedForwardNorm', 'feedForwardOutputNorm'],
        bias: config.flag('attention_bias', false),
        feedForwardBias: false,
      },
      attention: {
        ...layer.attention,
        scale: 1 / Math.sqrt(config.positive('query_pre_attn_scalar', { absent: 256 })),
      },
    },
  }
}

function capOf(config: CheckpointConfig, name: string, absent?: number): number | undefined {
  const field = config.field(name)
  return field.value === null ? undefined : field.isNull ? absent : config.positive(name)
}

function bindings(design: DecoderDesign): ReturnType<typeof llamaBindings> {
  return llamaBindings(design, { outputNorms: true, ggufOnePlus: true })
}
