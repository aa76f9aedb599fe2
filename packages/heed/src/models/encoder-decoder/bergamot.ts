/**
 * Bergamot's students, with which browsers translate (Bogoychev et al. 2020, "Edinburgh's Submissions to the
 * 2020 Machine Translation Efficiency Task"; Kim et al. 2019): Marian's encoder, and a shallow decoder with a
 * simple recurrent unit in place of self-attention. Their files have Marian's own names, and matrices of
 * whole numbers with a scale.
 */
import type { Binding, CheckpointConfig } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { encoderDecoderArchitecture } from './architecture.js'
import { idOf } from './config.js'
import type { EncoderDecoderDesign, StackDesign } from './design.js'
import type { EncoderDecoder } from './encoder-decoder.js'

export const bergamot: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 'bergamot',
  source: "Bogoychev et al. 2020, Edinburgh's Submissions to the 2020 Machine Translation Efficiency Task",
  modelTypes: ['marian-ssru'],

  design(config) {
    const vocabulary = config.size('vocab_size')
    const width = config.size('d_model')
    const norm = { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-9 }) } as const
    const activation = activationOf(config, 'activation_function', 'relu')
    const stack = (name: 'encoder' | 'decoder'): StackDesign => {
      const heads = config.size(`${name}_attention_heads`, { most: 1024 })
      if (width % heads !== 0)
        config.field(`${name}_attention_heads`).refuse(`a number that divides the width, ${width}`)
      const layer: LayerDesign = {
        shape: { width, heads, hidden: config.size(`${name}_ffn_dim`) },
        arrangement: 'post',
        norm,
        activation,
        attention: {},
      }
      return { blocks: Array.from({ length: config.size(`${name}_layers`, { most: 1024 }) }, () => layer) }
    }
    onlyStudents(config)
    const decoder = stack('decoder')
    return {
      architecture: 'bergamot',
      vocabulary,
      // Positions are computed; what its makers trained it on is not in the file.
      context: config.size('max_position_embeddings', { absent: 512 }),
      width,
      layers: decoder.blocks.length,
      heads: decoder.blocks[0]!.shape.heads,
      encoder: stack('encoder'),
      decoder: { ...decoder, recurrent: true },
      position: { kind: 'sinusoidal', arrangement: 'halves', frequencies: 'endpoint' },
      embeddingScale: config.flag('scale_embedding', true) ? Math.sqrt(width) : undefined,
      tied: true,
      outputBias: true,
      padding: 0,
      start: 0,
      sourceEnd: idOf(config, 'eos_token_id', 0, vocabulary),
      emptyStart: true,
    }
  },

  bindings: ({ encoder, decoder }) => ({
    leaves: [
      matrix('embedding.weight', 'Wemb', 'vocabulary', 'width'),
      ...encoder.blocks.flatMap((_, layer) => {
        const [path, file] = [`encoder.blocks.${layer}`, `encoder_l${layer + 1}`]
        return [
          ...attention(`${path}.attention`, `${file}_self`),
          ...feedForward(`${path}.feedForward`, `${file}_ffn`),
        ]
      }),
      ...decoder.blocks.flatMap((_, layer) => {
        const [path, file] = [`decoder.blocks.${layer}`, `decoder_l${layer + 1}`]
        return [
          matrix(`${path}.recurrent.candidate.weight`, `${file}_rnn_W`, 'unit', 'width'),
          matrix(`${path}.recurrent.forget.weight`, `${file}_rnn_Wf`, 'unit', 'width'),
          vector(`${path}.recurrent.forget.bias`, `${file}_rnn_bf`, 'unit'),
          ...norm(`${path}.recurrentNorm`, `${file}_rnn_ffn`),
          ...attention(`${path}.crossAttention`, `${file}_context`),
          ...feedForward(`${path}.feedForward`, `${file}_ffn`),
        ]
      }),
      vector('outputBias', 'decoder_ff_logit_out_b', 'vocabulary'),
    ],
    // For arithmetic on whole numbers alone.
    ignored: ['*.activation_scale'],
  }),
})

/** What all of these have. */
function onlyStudents(config: CheckpointConfig): void {
  config.only('decoder_cell', 'ssru')
  config.only('static_position_embeddings', true)
  config.only('normalize_before', false)
  config.only('tie_word_embeddings', true)
  // Of writing: how many times the source's length a target may have.
  config.ignore('max_length_factor')
}

function matrix(path: string, file: string, to: string, from: string): Binding {
  return { path, file, axes: [to, from], over: from.split(' '), scale: `${file}.scale` }
}

function vector(path: string, file: string, axes: string): Binding {
  return { path, file, axes: [axes] }
}

function norm(path: string, file: string): Binding[] {
  return [
    vector(`${path}.weight`, `${file}_ln_scale`, 'width'),
    vector(`${path}.bias`, `${file}_ln_bias`, 'width'),
  ]
}

function attention(path: string, file: string): Binding[] {
  const heads = 'head headWidth'
  return [
    ...(['query', 'key', 'value'] as const).flatMap((part) => [
      matrix(`${path}.${part}.weight`, `${file}_W${part[0]!}`, heads, 'width'),
      vector(`${path}.${part}.bias`, `${file}_b${part[0]!}`, heads),
    ]),
    matrix(`${path}.output.weight`, `${file}_Wo`, 'width', heads),
    vector(`${path}.output.bias`, `${file}_bo`, 'width'),
    ...norm(`${path}Norm`, `${file}_Wo`),
  ]
}

function feedForward(path: string, file: string): Binding[] {
  return [
    matrix(`${path}.up.weight`, `${file}_W1`, 'hidden', 'width'),
    vector(`${path}.up.bias`, `${file}_b1`, 'hidden'),
    matrix(`${path}.down.weight`, `${file}_W2`, 'width', 'hidden'),
    vector(`${path}.down.bias`, `${file}_b2`, 'width'),
    ...norm(`${path}Norm`, `${file}_ffn`),
  ]
}
