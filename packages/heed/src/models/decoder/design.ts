import type { NormOptions } from '../../nn/index.js'
import type { Design } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import type { DecoderConfig } from './decoder-config.js'

/**
 * How a decoder is built, layer by layer. Each architecture makes one of its configuration; all decoders run
 * by it.
 */
export interface DecoderDesign extends Design {
  /** One for each layer; layers that are alike share one. */
  readonly blocks: readonly LayerDesign[]
  /** Positions that are added to the embeddings; default none. */
  readonly position?: 'learned' | 'sinusoidal' | undefined
  /** What embeddings are multiplied by (Gemma: √width). */
  readonly embeddingScale?: number | undefined
  readonly finalNorm: NormOptions
  /** Whether the last norm has a bias; default as the blocks' norms. */
  readonly finalNormBias?: boolean | undefined
  /** Whether the output shares the embedding's table (Press and Wolf 2017). */
  readonly tied: boolean
  /** A bias of the output; default false. */
  readonly headBias?: boolean | undefined
  /** Logits go through cap × tanh(logit / cap) (Gemma 2). */
  readonly softCap?: number | undefined
}

const designs = new WeakMap<DecoderConfig, DecoderDesign>()

/** The design of heed's own decoder, from its configuration; of others it is what is given. */
export function decoderDesign(config: DecoderConfig | DecoderDesign): DecoderDesign {
  if ('blocks' in config) return config
  const known = designs.get(config)
  if (known !== undefined) return known
  const { vocabulary, context, width, layers, heads, keyValueHeads, hidden, gated, bias } = config
  const { position, tied, activation, epsilon, norm: kind } = config
  const layer: LayerDesign = {
    shape: { width, heads, keyValueHeads, hidden, gated, bias, normBias: bias && kind === 'layer' },
    norm: { kind, epsilon },
    activation,
    attention: {
      ...(position === 'rotary' && { rotary: { width: width / heads, base: config.rotaryBase } }),
      ...(position === 'alibi' && { alibi: true }),
    },
  }
  const design: DecoderDesign = {
    architecture: 'decoder',
    vocabulary,
    context,
    width,
    layers,
    heads,
    blocks: Array.from({ length: layers }, () => layer),
    position: position === 'learned' || position === 'sinusoidal' ? position : undefined,
    finalNorm: layer.norm,
    tied,
  }
  designs.set(config, design)
  return design
}
