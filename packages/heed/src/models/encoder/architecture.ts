import type { Architecture, ArchitectureFile, AttentionPlace } from '../architecture.js'
import type { EncoderDesign } from './design.js'
import { createEncoder, type Encoder } from './encoder.js'

/** An encoder as an architecture. */
export function encoderArchitecture(
  file: ArchitectureFile<EncoderDesign>,
): Architecture<EncoderDesign, Encoder> {
  return { ...file, family: 'encoder', create: createEncoder, attentions: encoderAttentions, fitted }
}

/** The attentions of an encoder: one a layer, among the text's own positions. */
export function encoderAttentions({ layers }: { readonly layers: number }): AttentionPlace[] {
  return Array.from({ length: layers }, (_, layer) => ({
    name: `blocks.${layer}.attention.filter`,
    kind: 'self',
    queries: 'source',
    keys: 'source',
    layer,
  }))
}

/**
 * Files often have less than their configuration's class: sentence-transformers keeps the class of the model
 * that was trained on, but not its head. Where nothing of the head, or of the pooler, is there, it is left
 * out.
 */
function fitted(design: EncoderDesign, has: (path: string) => boolean): EncoderDesign {
  const { head, pooler, ...rest } = design
  const parts = ['dense.weight', 'norm.weight', 'output.weight', 'table.weight', 'bias']
  const headed = head !== undefined && parts.some((part) => has(`head.${part}`))
  const pooled = pooler !== undefined && (has('pooler.weight') || (headed && needsPooler(head)))
  return { ...rest, ...(pooled && { pooler }), ...(headed && { head }) }
}

function needsPooler(head: NonNullable<EncoderDesign['head']>): boolean {
  return head.kind === 'classification' && head.from === 'pooled'
}
