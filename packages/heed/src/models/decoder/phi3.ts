/**
 * Phi-3 (Abdin et al. 2024, "Phi-3 Technical Report", section 2): built like Llama, with a window, LongRoPE
 * for long texts, and of a head perhaps a share turned. Its files keep query, key and value as one, and gate
 * and up.
 */
import { type Bindings, linearBinding } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { decoderArchitecture } from './architecture.js'
import type { Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'
import { windowOf } from './layer-types.js'
import { llamaBindings, llamaLike } from './llama-like.js'

export const phi3: Architecture<DecoderDesign, Decoder> = decoderArchitecture({
  name: 'phi3',
  source: 'Abdin et al. 2024, Phi-3 Technical Report',
  modelTypes: ['phi3'],
  gguf: ['phi3'],

  design(config) {
    const { design, layer } = llamaLike(config, {
      epsilon: 1e-5,
      rotary: { renamed: { su: 'longrope', yarn: 'longrope' } },
    })
    config.only('full_attn_mod', 1)
    config.only('interpolate_factor', 1)
    config.ignore('original_max_position_embeddings')
    const own: LayerDesign = { ...layer, attention: { ...layer.attention, window: windowOf(config) } }
    return { ...design, architecture: 'phi3', blocks: Array.from({ length: design.layers }, () => own) }
  },

  bindings(design): Bindings {
    const { heads, keyValueHeads = heads, headWidth, hidden } = design.blocks[0]!.shape
    const of = (heads + 2 * keyValueHeads) * headWidth!
    const projections = [
      { path: 'attention.query', from: 0, size: heads },
      { path: 'attention.key', from: heads, size: keyValueHeads },
      { path: 'attention.value', from: heads + keyValueHeads, size: keyValueHeads },
    ].flatMap(({ path, from, size }) =>
      linearBinding(`blocks.#.${path}`, {
        file: 'model.layers.#.self_attn.qkv_proj',
        gguf: 'blk.#.attn_qkv',
        from: 'width',
        to: 'head headWidth',
        part: { from: from * headWidth!, size: size * headWidth!, of },
      }),
    )
    const gated = ['feedForward.gate', 'feedForward.up'].flatMap((path, index) =>
      linearBinding(`blocks.#.${path}`, {
        file: 'model.layers.#.mlp.gate_up_proj',
        gguf: 'blk.#.ffn_up',
        from: 'width',
        to: 'hidden',
        part: { from: index * hidden, size: hidden, of: 2 * hidden },
      }),
    )
    const { leaves, ...rest } = llamaBindings(design)
    const fused = [...projections, ...gated]
    const apart = leaves.filter(({ path }) => fused.every((one) => one.path !== path))
    return { ...rest, leaves: [...apart, ...fused] }
  },
})
