/**
 * M2M100 (Fan et al. 2021, "Beyond English-Centric Multilingual Machine Translation") and NLLB (NLLB Team
 * 2022, "No Language Left Behind"): norms before each layer, and positions as fairseq counts them, from the
 * padding's id + 1 on and without padding. A target starts with its language, which generation forces.
 */
import type { Architecture } from '../architecture.js'
import { encoderDecoderArchitecture } from './architecture.js'
import { bartLikeBindings, bartLikeDesign } from './bart-like.js'
import type { EncoderDecoderDesign } from './design.js'
import type { EncoderDecoder } from './encoder-decoder.js'

export const m2m100: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 'm2m100',
  source: 'Fan et al. 2021, Beyond English-Centric Multilingual Machine Translation',
  modelTypes: ['m2m_100'],
  design: (config) =>
    bartLikeDesign(config, {
      architecture: 'm2m100',
      classes: ['M2M100ForConditionalGeneration', 'M2M100Model'],
      norms: 'pre',
      embeddingNorm: false,
      position: ({ padding }) => ({
        kind: 'sinusoidal',
        arrangement: 'halves',
        frequencies: 'endpoint',
        padding,
      }),
      scaled: true,
      activation: 'relu',
      outputBias: false,
      padding: 1,
      start: 2,
    }),
  bindings: bartLikeBindings,
})
