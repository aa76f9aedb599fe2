/**
 * What writes about a picture: an encoder of pictures, and a decoder that attends to its patches (Vinyals et
 * al. 2015, "Show and Tell", with the transformer's attention in place of one vector). The decoder is that of
 * an encoder-decoder, so `targetStates` and `targetLogits` run it.
 */
import { foldIn, type RandomKey } from '../../base/index.js'
import {
  createLinear,
  type Initializer,
  linear,
  type Linear,
  type Quantized,
  type Sequence,
} from '../../nn/index.js'
import { tap, within } from '../../observe/index.js'
import { crossEntropy, scope, type Tensor } from '../../tensor/index.js'
import type { Pixels } from '../../vision/index.js'
import type { Architecture, ArchitectureFile, AttentionPlace } from '../architecture.js'
import {
  createTarget,
  shiftedLabels,
  type TargetParameters,
  type TargetDesign,
  targetLogits,
  type TargetOptions,
} from '../encoder-decoder/index.js'
import { fittedVision, visionAttentions } from './architecture.js'
import type { VisionDesign } from './design.js'
import { scaledInitializer } from './initial.js'
import { createVisionEncoder, imageStates, type VisionEncoder, type VisionOptions } from './vision-encoder.js'

/** How a captioner is built. The sizes of the design are those of the decoder. */
export interface CaptionerDesign extends TargetDesign {
  readonly encoder: VisionDesign
  /** Whether the patches' states are projected to the decoder's width; default false. */
  readonly projects?: boolean | undefined
  /** The id that ends a caption. */
  readonly end: number
}

/** The parameters of a captioner. */
export interface Captioner extends TargetParameters {
  readonly encoder: VisionEncoder
  /** From the patches' width to the decoder's. */
  readonly projection?: Linear<'width', 'projected'>
}

/** A captioner as an architecture. */
export function captionerArchitecture(
  file: ArchitectureFile<CaptionerDesign> & Pick<Architecture, 'textFields'>,
): Architecture<CaptionerDesign, Captioner> {
  return {
    ...file,
    family: 'captioner',
    create: createCaptioner,
    attentions: ({ encoder, decoder }) => [
      ...visionAttentions(encoder, 'encoder.'),
      ...decoder.blocks.flatMap((_, layer): AttentionPlace[] => [
        {
          name: `decoder.blocks.${layer}.attention.filter`,
          kind: 'self',
          queries: 'target',
          keys: 'target',
          layer,
        },
        {
          name: `decoder.blocks.${layer}.crossAttention.filter`,
          kind: 'cross',
          queries: 'target',
          keys: 'patch',
          layer,
        },
      ]),
    ],
    fitted: (design, has) => ({ ...design, encoder: fittedVision(design.encoder, has, 'encoder.') }),
  }
}

/**
 * A captioner before training: as `scaledInitializer` makes it, biases 0.
 *
 * @param initializer another one for all weights
 */
export function createCaptioner(
  design: CaptionerDesign,
  key: RandomKey,
  { initializer = scaledInitializer }: { readonly initializer?: Initializer } = {},
): Captioner {
  const { encoder, projects = false, width } = design
  return {
    ...createTarget(design, foldIn(key, 'target'), initializer),
    encoder: createVisionEncoder(encoder, foldIn(key, 'encoder'), { initializer }),
    ...(projects && {
      projection: createLinear(
        foldIn(key, 'projection'),
        { width: encoder.width },
        { projected: width },
        { initializer },
      ),
    }),
  }
}

/**
 * What the decoder attends to: a state for each token in front and each patch, as `targetStates` takes its
 * source. Names: encoder.* as of `imageStates`, projection.
 *
 * @throws as `imageStates` does
 */
export function encodeImage(
  { encoder, projection }: Pick<Quantized<Captioner>, 'encoder' | 'projection'>,
  design: CaptionerDesign,
  pixels: Pixels,
  options: VisionOptions = {},
): Sequence {
  return scope(() => {
    const { dropout } = options
    const states = within('encoder', () =>
      imageStates(encoder, design.encoder, pixels, {
        ...options,
        dropout: dropout && { ...dropout, key: foldIn(dropout.key, 'encoder') },
      }),
    )
    if (projection === undefined) return states
    const made = linear<'batch' | 'position' | 'width', 'width', 'projected'>(projection, states, 'width')
    return tap('projection', made.rename({ projected: 'width' }))
  })
}

/**
 * The mean cross-entropy, in nats, of each label given those before it and the picture; labels of −100 don't
 * count.
 *
 * @param labels i32: a caption and its end token in each row, without the start token
 * @throws as `imageStates` and `targetStates` do
 */
export function captionLoss(
  model: Quantized<Captioner>,
  design: CaptionerDesign,
  pixels: Pixels,
  labels: Tensor<'batch' | 'position'>,
  options: VisionOptions & Pick<TargetOptions, 'dropout' | 'rematerialize'> = {},
): Tensor<never> {
  return scope(() => {
    const source = encodeImage(model, design, pixels, options)
    const logits = targetLogits(model, design, shiftedLabels(design, labels), source, options)
    return crossEntropy(logits, labels, 'vocabulary', { ignore: -100 })
  })
}
