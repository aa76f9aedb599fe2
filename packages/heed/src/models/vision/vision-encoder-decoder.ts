/**
 * An encoder of pictures and a decoder of another model, joined by cross-attention: vit-gpt2 (captions), and
 * TrOCR (Li et al. 2023, "TrOCR: Transformer-based Optical Character Recognition with Pre-trained Models").
 */
import { type Binding, type CheckpointConfig, linearBinding } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import { idOf } from '../encoder-decoder/index.js'
import { type CaptionDecoder, captionDecoders } from './caption-decoders.js'
import { type Captioner, captionerArchitecture, type CaptionerDesign } from './captioner.js'
import type { VisionDesign } from './design.js'
import { dinov2Bindings, dinov2Design } from './dinov2.js'
import { vitBindings, vitDesign } from './vit-like.js'

/** An encoder of pictures below a decoder. */
interface CaptionEncoder {
  design(config: CheckpointConfig): VisionDesign
  bindings(design: VisionDesign): Binding[]
}

const place = { path: 'encoder.', file: 'encoder.' }
const vitEncoder = { bindings: () => vitBindings(place) }

/** By `model_type` of the encoder's configuration. */
const captionEncoders: Readonly<Record<string, CaptionEncoder>> = {
  vit: { ...vitEncoder, design: (config) => vitDesign(config, 'vit', ['class']) },
  deit: { ...vitEncoder, design: (config) => vitDesign(config, 'deit', ['class', 'distillation']) },
  dinov2: {
    design: dinov2Design,
    bindings: ({ blocks }) => dinov2Bindings(place, blocks[0]?.shape.gated === true),
  },
}

/** The design of both halves, and the names of the decoder's, which bindings ask for. */
interface JoinedDesign extends CaptionerDesign {
  readonly decoderType: string
}

export const visionEncoderDecoder: Architecture<CaptionerDesign, Captioner> = captionerArchitecture({
  name: 'vision-encoder-decoder',
  source: 'Li et al. 2023, TrOCR: Transformer-based Optical Character Recognition with Pre-trained Models',
  modelTypes: ['vision-encoder-decoder'],
  textFields: 'decoder',

  design(config): JoinedDesign {
    const [below, above] = [config.part('encoder'), config.part('decoder')]
    const encoder = chosen(below, captionEncoders).design(below)
    const attends = above.field('add_cross_attention')
    if (attends.value !== true)
      attends.refuse('true: the decoder attends to the picture', { hint: 'write true there' })
    const attended = above.field('cross_attention_hidden_size')
    const crossWidth = attended.isNull ? undefined : attended.count(2 ** 24)
    if (crossWidth !== undefined && crossWidth !== encoder.width)
      attended.refuse(`the encoder's width, ${encoder.width}`)
    const design = chosen<CaptionDecoder>(above, captionDecoders).design(above, (own) => crossWidth ?? own)
    const { vocabulary, width } = design
    // Both halves keep their own tables.
    config.ignore('tie_word_embeddings', 'processor_class')
    const ids = (name: string, absent: number): number =>
      idOf(config, name, idOf(above, name, absent, vocabulary), vocabulary)
    const end = ids('eos_token_id', 0)
    return {
      ...design,
      architecture: 'vision-encoder-decoder',
      decoderType: above.modelType,
      encoder,
      projects: crossWidth === undefined && encoder.width !== width,
      padding: ids('pad_token_id', end),
      start: ids('decoder_start_token_id', ids('bos_token_id', end)),
      end,
    }
  },

  bindings(design) {
    const { encoder, decoderType } = design as JoinedDesign
    const { leaves, ignored } = captionDecoders[decoderType]!
    return {
      leaves: [
        ...captionEncoders[encoder.architecture]!.bindings(encoder),
        ...linearBinding('projection', { file: 'enc_to_dec_proj', from: 'width', to: 'projected' }),
        ...leaves,
      ],
      ignored: [...ignored, 'encoder.pooler.*', 'encoder.embeddings.mask_token'],
    }
  },
})

/** What a half's `model_type` names. */
function chosen<T>(config: CheckpointConfig, known: Readonly<Record<string, T>>): T {
  const field = config.field('model_type')
  return known[field.choice(Object.keys(known))]!
}
