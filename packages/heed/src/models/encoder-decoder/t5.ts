/**
 * T5 (Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
 * Transformer", section 2.1): RMS norms before each layer, no biases, scores that are not divided by √width
 * and know the distance of two positions, nothing added to the embeddings. Version 1.1 and Flan-T5 have gates
 * in the feed-forward layers and a head of their own, and don't scale what goes into it.
 */
import {
  type Binding,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import type { Activation } from '../../tensor/index.js'
import { activationNamed } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { encoderDecoderArchitecture } from './architecture.js'
import { checkClass, idOf } from './config.js'
import type { EncoderDecoderDesign, RelativeDesign, StackDesign } from './design.js'
import type { EncoderDecoder } from './encoder-decoder.js'

export const t5: Architecture<EncoderDecoderDesign, EncoderDecoder> = encoderDecoderArchitecture({
  name: 't5',
  source:
    'Raffel et al. 2020, Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer',
  modelTypes: ['t5', 'mt5'],
  gguf: ['t5'],

  design(config) {
    checkClass(config, ['T5ForConditionalGeneration', 'MT5ForConditionalGeneration'])
    const vocabulary = config.size('vocab_size', { absent: 32128 })
    const width = config.size('d_model', { absent: 512 })
    const heads = config.size('num_heads', { absent: 8, most: 1024 })
    const layers = config.size('num_layers', { absent: 6, most: 1024 })
    const decoderLayers = config.size('num_decoder_layers', { absent: layers, most: 1024 })
    const { gated, activation } = feedForwardOf(config)
    const norm = { kind: 'rms', epsilon: config.positive('layer_norm_epsilon', { absent: 1e-6 }) } as const
    const layer: LayerDesign = {
      shape: {
        width,
        heads,
        headWidth: config.size('d_kv', { absent: 64 }),
        hidden: config.size('d_ff', { absent: 2048 }),
        gated,
        bias: false,
        normBias: false,
      },
      norm,
      activation,
      attention: { scale: 1 },
    }
    const relative = relativeOf(config)
    const stack = (count: number): StackDesign => ({
      blocks: Array.from({ length: count }, () => layer),
      finalNorm: norm,
      relative,
    })
    const shares = config.flag('tie_word_embeddings', true)
    // The first version alone scales; and where it does, the output is shared.
    const tied = config.modelType === 't5' && config.flag('scale_decoder_outputs', shares)
    config.ignore('tie_word_embeddings', 'scale_decoder_outputs')
    return {
      architecture: 't5',
      vocabulary,
      context: config.size('n_positions', { absent: 512 }),
      width,
      layers: decoderLayers,
      heads,
      encoder: stack(layers),
      decoder: stack(decoderLayers),
      tied,
      headOptional: shares,
      outputScale: tied ? 1 / Math.sqrt(width) : undefined,
      padding: idOf(config, 'pad_token_id', 0, vocabulary),
      start: idOf(config, 'decoder_start_token_id', 0, vocabulary),
    }
  },

  bindings: ({ encoder, decoder }) => ({
    leaves: [
      tableBinding('embedding.weight', 'shared.weight', 'token_embd.weight'),
      ...stackBindings('encoder', encoder.blocks[0]!.shape.gated === true),
      ...stackBindings('decoder', decoder.blocks[0]!.shape.gated === true),
      ...linearBinding('head', { file: 'lm_head', gguf: 'output', from: 'width', to: 'vocabulary' }),
    ],
    ignored: [
      'encoder.embed_tokens.weight',
      'decoder.embed_tokens.weight',
      'lm_head.weight',
      // A table that old files have and nothing reads.
      'decoder.block.#.layer.1.EncDecAttention.relative_attention_bias.weight',
      'dec.blk.#.cross_attn_rel_b.weight',
    ],
  }),
})

/** `relu`, `gated-gelu` or the like; that last one by tanh, as the original has it. */
function feedForwardOf(config: CheckpointConfig): { gated: boolean; activation: Activation } {
  config.ignore('dense_act_fn', 'is_gated_act')
  const field = config.field('feed_forward_proj')
  const name = field.isNull ? (config.modelType === 'mt5' ? 'gated-gelu' : 'relu') : field.string()
  if (name === 'gated-gelu') return { gated: true, activation: 'gelu-tanh' }
  const activation = activationNamed(name.replace(/^gated-/, ''))
  return activation === undefined
    ? field.refuse("'relu', 'gated-gelu', or another activation, with gated- in front or without")
    : { gated: name.startsWith('gated-'), activation }
}

function relativeOf(config: CheckpointConfig): RelativeDesign {
  const buckets = config.size('relative_attention_num_buckets', { absent: 32, most: 1024 })
  const maximumDistance = config.size('relative_attention_max_distance', { absent: 128 })
  if (buckets < 4 || buckets % 2 !== 0)
    config.field('relative_attention_num_buckets').refuse('an even number from 4 to 1024')
  if (maximumDistance <= buckets / 2)
    config
      .field('relative_attention_max_distance')
      .refuse(`more than ${buckets / 2}, the distances that have buckets of their own`)
  return { buckets, maximumDistance }
}

function stackBindings(name: 'encoder' | 'decoder', gated: boolean): Binding[] {
  const short = name === 'encoder' ? 'enc' : 'dec'
  const block = `${name}.blocks.#`
  const file = `${name}.block.#.layer`
  const gguf = `${short}.blk.#`
  const last = name === 'encoder' ? 1 : 2
  const attention = (path: string, place: string, prefix: string): Binding[] =>
    (['query', 'key', 'value', 'output'] as const).flatMap((part) =>
      linearBinding(`${block}.${path}.${part}`, {
        file: `${file}.${place}.${part[0]!}`,
        gguf: `${gguf}.${prefix}_${part[0]!}`,
        from: part === 'output' ? 'head headWidth' : 'width',
        to: part === 'output' ? 'width' : 'head headWidth',
      }),
    )
  const wide = (part: 'gate' | 'up', tensor: string): Binding[] =>
    linearBinding(`${block}.feedForward.${part}`, {
      file: `${file}.${last}.DenseReluDense.${tensor}`,
      gguf: `${gguf}.ffn_${part}`,
      from: 'width',
      to: 'hidden',
    })
  return [
    {
      path: `${name}.relative`,
      file: `${name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`,
      gguf: `${short}.blk.0.attn_rel_b.weight`,
      axes: ['bucket', 'head'],
    },
    ...normBinding(`${block}.attentionNorm`, `${file}.0.layer_norm`, `${gguf}.attn_norm`),
    ...attention('attention', '0.SelfAttention', 'attn'),
    ...normBinding(`${block}.crossAttentionNorm`, `${file}.1.layer_norm`, `${gguf}.cross_attn_norm`),
    ...attention('crossAttention', '1.EncDecAttention', 'cross_attn'),
    ...normBinding(`${block}.feedForwardNorm`, `${file}.${last}.layer_norm`, `${gguf}.ffn_norm`),
    ...wide('gate', 'wi_0'),
    ...wide('up', gated ? 'wi_1' : 'wi'),
    ...linearBinding(`${block}.feedForward.down`, {
      file: `${file}.${last}.DenseReluDense.wo`,
      gguf: `${gguf}.ffn_down`,
      from: 'hidden',
      to: 'width',
    }),
    ...normBinding(`${name}.norm`, `${name}.final_layer_norm`, `${short}.output_norm`),
  ]
}
