/**
 * Pegasus (Zhang et al. 2020, "PEGASUS: Pre-training with Extracted Gap-sentences for Abstractive
 * Summarization"): norms before each layer, sines in the first half of the numbers and cosines in the second.
 */
import type { Architecture } from '../architecture.js'
import { encoderDecoderArchitecture } from './architecture.js'
import { bartLikeBindings, bartLikeDesign } from './bart-like.js'
import type { EncoderDecoderDesign } from './design.js'
import type { EncoderDecoder } from './encoder-decoder.js'

export const pegasus: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 'pegasus',
  source:
    'Zhang et al. 2020, PEGASUS: Pre-training with Extracted Gap-sentences for Abstractive Summarization',
  modelTypes: ['pegasus'],
  design: (config) =>
    bartLikeDesign(config, {
      architecture: 'pegasus',
      classes: ['PegasusForConditionalGeneration', 'PegasusModel'],
      norms: 'pre',
      embeddingNorm: false,
      position: () => ({ kind: 'sinusoidal', arrangement: 'halves' }),
      scaled: false,
      activation: 'gelu',
      outputBias: true,
      padding: 0,
      start: 0,
    }),
  bindings: bartLikeBindings,
})
