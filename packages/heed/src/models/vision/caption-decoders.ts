/** The decoders that a VisionEncoderDecoder of the hub may have: GPT-2's, and TrOCR's. */
import {
  type Binding,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import { gpt2 } from '../decoder/index.js'
import { stackBindings, type TargetDesign } from '../encoder-decoder/index.js'
import type { LayerDesign } from '../layer-design.js'

/** A decoder in the words of its own configuration. */
export interface CaptionDecoder {
  /** All but the ids of padding and start. `contextWidth`: of the states that it attends to. */
  design(
    config: CheckpointConfig,
    contextWidth: (own: number) => number,
  ): Omit<TargetDesign, 'padding' | 'start' | 'architecture'>
  readonly leaves: readonly Binding[]
  readonly ignored: readonly string[]
}

const gpt2Leaves = gpt2.bindings(undefined as never).leaves.map((leaf): Binding => {
  const path = /^(blocks|norm|position)\b/.test(leaf.path) ? `decoder.${leaf.path}` : leaf.path
  return { ...leaf, path, file: `decoder.${leaf.file}`, gguf: undefined, ggufAxes: undefined }
})

/** GPT-2 with attention to the picture between its two layers. */
const gpt2Decoder: CaptionDecoder = {
  design(config, contextWidth) {
    const { blocks, finalNorm, position: _, ...design } = gpt2.design(config)
    const attending = ({ shape, ...layer }: LayerDesign): LayerDesign => ({
      ...layer,
      shape: { ...shape, contextWidth: contextWidth(shape.width) },
    })
    return {
      vocabulary: design.vocabulary,
      context: design.context,
      width: design.width,
      layers: design.layers,
      heads: design.heads,
      tied: design.tied,
      decoder: { blocks: blocks.map(attending), finalNorm },
      position: { kind: 'learned', rows: design.context, offset: 0 },
    }
  },
  leaves: [
    ...gpt2Leaves,
    ...linearBinding('decoder.blocks.#.crossAttention.query', {
      file: 'decoder.transformer.h.#.crossattention.q_attn',
      from: 'width',
      to: 'head headWidth',
      inFirst: true,
    }),
    ...(['key', 'value'] as const).flatMap((name, index) =>
      linearBinding(`decoder.blocks.#.crossAttention.${name}`, {
        file: 'decoder.transformer.h.#.crossattention.c_attn',
        from: 'width',
        to: 'part head headWidth',
        inFirst: true,
        part: { index, of: 2 },
      }),
    ),
    ...linearBinding('decoder.blocks.#.crossAttention.output', {
      file: 'decoder.transformer.h.#.crossattention.c_proj',
      from: 'head headWidth',
      to: 'width',
      inFirst: true,
    }),
    ...normBinding('decoder.blocks.#.crossAttentionNorm', 'decoder.transformer.h.#.ln_cross_attn'),
  ],
  ignored: [
    'decoder.lm_head.weight',
    'decoder.transformer.h.#.attn.bias',
    'decoder.transformer.h.#.attn.masked_bias',
    'decoder.transformer.h.#.crossattention.bias',
    'decoder.transformer.h.#.crossattention.masked_bias',
  ],
}

/** TrOCR's (Li et al. 2023, "TrOCR", section 3.1): a BART's decoder. */
const trocrDecoder: CaptionDecoder = {
  design(config, contextWidth) {
    const width = config.size('d_model', { absent: 1024, older: ['hidden_size'] })
    const heads = config.size('decoder_attention_heads', { absent: 16, most: 1024 })
    if (width % heads !== 0)
      config.field('decoder_attention_heads').refuse(`a number that divides the width, ${width}`)
    const layers = config.size('decoder_layers', { absent: 12, most: 1024 })
    const context = config.size('max_position_embeddings', { absent: 512 })
    const norm = { kind: 'layer', epsilon: 1e-5 } as const
    const layer: LayerDesign = {
      shape: {
        width,
        heads,
        hidden: config.size('decoder_ffn_dim', { absent: 4096 }),
        contextWidth: contextWidth(width),
      },
      arrangement: 'post',
      norm,
      activation: activationOf(config, 'activation_function', 'gelu'),
      attention: {},
    }
    const padding = config.field('pad_token_id')
    // Of an encoder that this half never had.
    config.ignore('classifier_dropout', 'num_hidden_layers', 'max_source_positions')
    return {
      vocabulary: config.size('vocab_size', { absent: 50265 }),
      context,
      width,
      layers,
      heads,
      decoder: {
        blocks: Array.from({ length: layers }, () => layer),
        ...(config.flag('layernorm_embedding', true) && { embeddingNorm: norm }),
      },
      position: config.flag('use_learned_position_embeddings', true)
        ? { kind: 'learned', rows: context + 2, offset: 2 }
        : {
            kind: 'sinusoidal',
            arrangement: 'halves',
            frequencies: 'endpoint',
            padding: padding.isNull ? 1 : padding.count(),
          },
      embeddingScale: config.flag('scale_embedding', false) ? Math.sqrt(width) : undefined,
      tied: config.flag('tie_word_embeddings', true),
    }
  },
  leaves: [
    tableBinding('embedding.weight', 'decoder.model.decoder.embed_tokens.weight'),
    ...stackBindings('decoder').map((leaf): Binding => ({ ...leaf, file: `decoder.${leaf.file}` })),
    ...linearBinding('head', { file: 'decoder.output_projection', from: 'width', to: 'vocabulary' }),
  ],
  ignored: ['decoder.output_projection.weight', 'decoder.model.decoder.embed_positions.*'],
}

/** By `model_type` of the decoder's configuration. */
export const captionDecoders: Readonly<Record<string, CaptionDecoder>> = {
  gpt2: gpt2Decoder,
  trocr: trocrDecoder,
}
