import type { Bindings, CheckpointConfig } from '../../checkpoint/index.js'
import type { Architecture, AttentionPlace } from '../architecture.js'
import { createDecoder, type Decoder } from './decoder.js'
import type { DecoderDesign } from './design.js'

/** What one decoder's file says: all that differs from other decoders. */
export interface DecoderFile {
  readonly name: string
  readonly source: string
  readonly modelTypes: readonly string[]
  readonly gguf?: readonly string[] | undefined
  design(config: CheckpointConfig): DecoderDesign
  bindings(design: DecoderDesign): Bindings
}

/** A decoder as an architecture. */
export function decoderArchitecture(file: DecoderFile): Architecture<DecoderDesign, Decoder> {
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
