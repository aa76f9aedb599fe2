import type { Architecture, ArchitectureFile, AttentionPlace } from '../architecture.js'
import { createDecoder, type Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'

/** A decoder as an architecture. */
export function decoderArchitecture(
  file: ArchitectureFile<DecoderDesign>,
): Architecture<DecoderDesign, Decoder> {
  return { ...file, family: 'decoder', create: createDecoder, attentions: decoderAttentions }
}

/** The attentions of a decoder: one a layer, among the text's own positions. */
export function decoderAttentions({ layers }: { readonly layers: number }): AttentionPlace[] {
  return Array.from({ length: layers }, (_, layer) => ({
    name: `blocks.${layer}.attention.filter`,
    kind: 'self',
    queries: 'target',
    keys: 'target',
    layer,
  }))
}
