/**
 * Marian (Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in C++"): the transformer of
 * Vaswani et al. 2017, its norms after each layer, its sines in the first half of the numbers and its cosines
 * in the second. Source and target have a vocabulary each, or share one.
 */
import type { Architecture } from '../architecture.js'
import { encoderDecoderArchitecture } from './architecture.js'
import { bartLikeBindings, bartLikeDesign } from './bart-like.js'
import type { EncoderDecoderDesign } from './design.js'
import type { EncoderDecoder } from './encoder-decoder.js'

export const marian: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 'marian',
  source: 'Junczys-Dowmunt et al. 2018, Marian: Fast Neural Machine Translation in C++',
  modelTypes: ['marian'],
  design(config) {
    const shared = config.flag('share_encoder_decoder_embeddings', true)
    const design = bartLikeDesign(config, {
      architecture: 'marian',
      classes: ['MarianMTModel', 'MarianModel'],
      norms: 'post',
      embeddingNorm: false,
      position: () => ({ kind: 'sinusoidal', arrangement: 'halves' }),
      scaled: false,
      activation: 'gelu',
      outputBias: true,
      ownHead: !shared,
      padding: 58100,
      start: 58100,
    })
    const vocabulary = config.size('decoder_vocab_size', { absent: design.vocabulary })
    if (!shared) return { ...design, vocabulary, sourceVocabulary: design.vocabulary }
    if (vocabulary !== design.vocabulary)
      config.field('decoder_vocab_size').refuse(`${design.vocabulary}, as both share their embeddings`)
    return design
  },
  bindings: bartLikeBindings,
})
