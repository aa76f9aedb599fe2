/**
 * Llama (Touvron et al. 2023, "LLaMA: Open and Efficient Foundation Language Models"): rotary positions, RMS
 * norms before each layer, a gated feed-forward layer (SwiGLU), grouped heads. Mistral (Jiang et al. 2023) is
 * the same with a window.
 */
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'
import { windowOf } from './layer-types.js'
import { llamaBindings, llamaLike } from './llama-like.js'

export const llama: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'llama',
  source: 'Touvron et al. 2023, LLaMA: Open and Efficient Foundation Language Models',
  modelTypes: ['llama', 'mistral'],
  gguf: ['llama'],

  design(config) {
    const { design, layer } = llamaLike(config)
    const mistral = config.modelType === 'mistral'
    if (!mistral) config.ignore('is_llama_config')
    const own: LayerDesign = {
      ...layer,
      shape: {
        ...layer.shape,
        bias: !mistral && config.flag('attention_bias', false),
        feedForwardBias: !mistral && config.flag('mlp_bias', false),
      },
      attention: { ...layer.attention, window: mistral ? windowOf(config, 4096) : undefined },
    }
    return { ...design, architecture: 'llama', blocks: Array.from({ length: design.layers }, () => own) }
  },

  bindings: (design) => llamaBindings(design, { ggufPairs: true }),
})
