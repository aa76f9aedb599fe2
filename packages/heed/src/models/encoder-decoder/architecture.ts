import type { Architecture, ArchitectureFile, AttentionPlace } from '../architecture.js'
import type { EncoderDecoderDesign } from './design.js'
import { createEncoderDecoder, type EncoderDecoder } from './encoder-decoder.js'

/** An encoder-decoder as an architecture. */
export function encoderDecoderArchitecture(
  file: ArchitectureFile<EncoderDecoderDesign>,
): Architecture<EncoderDecoderDesign, EncoderDecoder> {
  return {
    ...file,
    family: 'encoder-decoder',
    create: createEncoderDecoder,
    attentions: encoderDecoderAttentions,
    fitted,
  }
}

/** Files of a class without the output lack its bias, which is then 0; others a head that is shared. */
function fitted(design: EncoderDecoderDesign, has: (path: string) => boolean): EncoderDecoderDesign {
  const { outputBias = false, headOptional = false, tied } = design
  return {
    ...design,
    outputBias: outputBias && has('outputBias'),
    tied: tied || (headOptional && !has('head.weight')),
  }
}

/** The source among itself; then in each layer the target among itself, and the target to the source. */
export function encoderDecoderAttentions({ encoder, decoder }: EncoderDecoderDesign): AttentionPlace[] {
  return [
    ...encoder.blocks.map((_, layer): AttentionPlace => ({
      name: `encoder.blocks.${layer}.attention.filter`,
      kind: 'self',
      queries: 'source',
      keys: 'source',
      layer,
    })),
    ...decoder.blocks.flatMap((_, layer): AttentionPlace[] => [
      ...(decoder.recurrent === true ? [] : [targetPlace(layer)]),
      {
        name: `decoder.blocks.${layer}.crossAttention.filter`,
        kind: 'cross',
        queries: 'target',
        keys: 'source',
        layer,
      },
    ]),
  ]
}

function targetPlace(layer: number): AttentionPlace {
  return {
    name: `decoder.blocks.${layer}.attention.filter`,
    kind: 'self',
    queries: 'target',
    keys: 'target',
    layer,
  }
}
