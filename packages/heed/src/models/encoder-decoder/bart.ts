/**
 * BART (Lewis et al. 2020, "BART: Denoising Sequence-to-Sequence Pre-training"): norms after each layer,
 * learned positions from row 2 on, normalized embeddings. mBART (Liu et al. 2020, "Multilingual Denoising
 * Pre-training for Neural Machine Translation") has the norms in front, and a target starts with its
 * language.
 */
import type { Architecture } from '../architecture.js'
import { encoderDecoderArchitecture } from './architecture.js'
import { bartLikeBindings, bartLikeDesign } from './bart-like.js'
import type { EncoderDecoderDesign, PositionDesign } from './design.js'
import type { EncoderDecoder } from './encoder-decoder.js'

const fromRow2 = ({ context }: { readonly context: number }): PositionDesign => ({
  kind: 'learned',
  rows: context + 2,
  offset: 2,
})

export const bart: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 'bart',
  source: 'Lewis et al. 2020, BART: Denoising Sequence-to-Sequence Pre-training',
  modelTypes: ['bart'],
  design: (config) =>
    bartLikeDesign(config, {
      architecture: 'bart',
      classes: ['BartForConditionalGeneration', 'BartModel'],
      norms: 'post',
      embeddingNorm: true,
      position: fromRow2,
      scaled: false,
      activation: 'gelu',
      outputBias: true,
      padding: 1,
      start: 2,
    }),
  bindings: bartLikeBindings,
})

export const mbart: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 'mbart',
  source: 'Liu et al. 2020, Multilingual Denoising Pre-training for Neural Machine Translation',
  modelTypes: ['mbart'],
  design: (config) =>
    bartLikeDesign(config, {
      architecture: 'mbart',
      classes: ['MBartForConditionalGeneration', 'MBartModel'],
      norms: 'pre',
      embeddingNorm: true,
      position: fromRow2,
      scaled: false,
      activation: 'gelu',
      outputBias: true,
      padding: 1,
      start: undefined,
    }),
  bindings: bartLikeBindings,
})
