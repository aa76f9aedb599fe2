import type { Architecture, ArchitectureFile, AttentionPlace } from '../architecture.js'
import type { VisionDesign } from './design.js'
import { createVisionEncoder, type VisionEncoder } from './vision-encoder.js'

/** An encoder of pictures as an architecture. */
export function visionArchitecture(
  file: ArchitectureFile<VisionDesign>,
): Architecture<VisionDesign, VisionEncoder> {
  return {
    ...file,
    family: 'vision-encoder',
    create: createVisionEncoder,
    attentions: (design) => visionAttentions(design),
    fitted: (design, has) => fittedVision(design, has),
  }
}

/**
 * A layer's attention is among the patches; a probe asks them at the end. `path`: where the encoder stands.
 */
export function visionAttentions({ layers, vector }: VisionDesign, path = ''): AttentionPlace[] {
  const places = Array.from({ length: layers }, (_, layer): AttentionPlace => ({
    name: `${path}blocks.${layer}.attention.filter`,
    kind: 'self',
    queries: 'patch',
    keys: 'patch',
    layer,
  }))
  if (vector.kind !== 'probe') return places
  const name = `${path}probe.attention.filter`
  return [...places, { name, kind: 'cross', queries: 'probe', keys: 'patch', layer: layers }]
}

/** Files may lack the pooler, or the vector of hidden patches. `path`: where the encoder stands. */
export function fittedVision(design: VisionDesign, has: (path: string) => boolean, path = ''): VisionDesign {
  const { vector, maskToken = false } = design
  return {
    ...design,
    maskToken: maskToken && has(`${path}maskToken`),
    vector: vector.kind === 'dense' && !has(`${path}pooler.weight`) ? { kind: 'first' } : vector,
  }
}
