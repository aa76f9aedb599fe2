/**
 * OLMo 2 (OLMo et al. 2024, "2 OLMo 2 Furious", section 2.1): Llama with norms behind each layer only, before
 * its result is added, and with norms of queries and keys over all heads together.
 */
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'
import { llamaBindings, llamaLike } from './llama-like.js'

export const olmo2: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'olmo2',
  source: 'OLMo et al. 2024, 2 OLMo 2 Furious',
  modelTypes: ['olmo2'],
  gguf: ['olmo2'],

  design(config) {
    const { design, layer } = llamaLike(config, { epsilon: 1e-5 })
    const own: LayerDesign = {
      ...layer,
      shape: {
        ...layer.shape,
        norms: ['attentionOutputNorm', 'feedForwardOutputNorm'],
        headNorm: 'together',
        bias: config.flag('attention_bias', false),
        feedForwardBias: false,
      },
      attention: { ...layer.attention, headNorm: layer.norm },
    }
    return { ...design, architecture: 'olmo2', blocks: Array.from({ length: design.layers }, () => own) }
  },

  bindings: (design) => llamaBindings(design, { outputNorms: true, headNorm: 'head headWidth' }),
})
