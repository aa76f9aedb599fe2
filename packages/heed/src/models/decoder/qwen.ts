/**
 * Qwen2 (Yang et al. 2024, "Qwen2 Technical Report", section 2.2) is Llama with biases of query, key and
 * value. Qwen3 (Yang et al. 2025, "Qwen3 Technical Report", section 2) has norms of queries and keys in their
 * place, head by head. In both the later layers may have a window.
 */
import type { CheckpointConfig } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'
import { layerTypesOf, windowOf } from './layer-types.js'
import { llamaBindings, type LlamaLike, llamaLike } from './llama-like.js'

export const qwen2: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'qwen2',
  source: 'Yang et al. 2024, Qwen2 Technical Report',
  modelTypes: ['qwen2'],
  gguf: ['qwen2'],

  design(config) {
    const like = llamaLike(config)
    const { layer } = like
    const shape = { ...layer.shape, bias: true, outputBias: false, feedForwardBias: false }
    return { ...like.design, architecture: 'qwen2', blocks: blocksOf(config, like, { ...layer, shape }) }
  },

  bindings: (design) => llamaBindings(design),
})

export const qwen3: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'qwen3',
  source: 'Yang et al. 2025, Qwen3 Technical Report',
  modelTypes: ['qwen3'],
  gguf: ['qwen3'],

  design(config) {
    const like = llamaLike(config, { headWidth: 128 })
    const { layer } = like
    const bias = config.flag('attention_bias', false)
    const shape = { ...layer.shape, bias, feedForwardBias: false, headNorm: true }
    const attention = { ...layer.attention, headNorm: layer.norm }
    const blocks = blocksOf(config, like, { ...layer, shape, attention })
    return { ...like.design, architecture: 'qwen3', blocks }
  },

  bindings: (design) => llamaBindings(design),
})

/** The layers, of which those from `max_window_layers` on have the window where the model uses it. */
function blocksOf(
  config: CheckpointConfig,
  { design: { layers } }: LlamaLike,
  layer: DecoderDesign['blocks'][number],
): DecoderDesign['blocks'] {
  const windowed = config.flag('use_sliding_window', false)
  const given = windowOf(config, 4096)
  const window = windowed ? given : undefined
  const first = config.field('max_window_layers')
  const from = first.isNull ? 28 : first.count()
  const types = layerTypesOf(config, layers, (i) => window !== undefined && i >= from)
  if (window === undefined && types.includes('sliding_attention'))
    config.field('layer_types').refuse('layers without a window, as use_sliding_window says')
  const near = { ...layer, attention: { ...layer.attention, window } }
  return types.map((type) => (type === 'sliding_attention' ? near : layer))
}
