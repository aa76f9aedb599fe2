/**
 * ModernBERT (Warner et al. 2024, "Smarter, Better, Faster, Longer"): norms before each layer, rotary
 * positions, gated feed-forward layers (GeGLU), no biases. Every third layer sees everything, the others a
 * window, each kind with a rotary base of its own.
 */
import {
  type Binding,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { rotaryOf } from '../rotary-config.js'
import { encoderArchitecture } from './architecture.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type DenseDesign, type HeadChoices, headOf } from './heads/index.js'

const kinds = ['full_attention', 'sliding_attention'] as const

const denseOf = (config: CheckpointConfig): DenseDesign => ({
  width: config.size('hidden_size'),
  activation: activationOf(config, 'classifier_activation', 'gelu'),
  bias: config.flag('classifier_bias', false),
  norm: { kind: 'layer', epsilon: config.positive('norm_eps', { absent: 1e-5 }) },
  normBias: config.flag('norm_bias', false),
})
const denseNames = { dense: 'head.dense', norm: 'head.norm' } as const
const labelNames = { ...denseNames, output: 'classifier' } as const

const heads: HeadChoices = {
  MaskedLM: {
    form: (config) => ({
      kind: 'masked-language',
      dense: denseOf(config),
      tied: config.flag('tie_word_embeddings', true),
      bias: config.flag('decoder_bias', true),
    }),
    names: { ...denseNames, table: 'decoder.weight', bias: 'decoder.bias' },
  },
  SequenceClassification: {
    form: (config, labels) => ({
      kind: 'classification',
      from: config.choice('classifier_pooling', ['cls', 'mean'], 'cls') === 'cls' ? 'first' : 'mean',
      dense: denseOf(config),
      labels,
    }),
    names: labelNames,
  },
  TokenClassification: {
    form: (config, labels) => ({ kind: 'token', dense: denseOf(config), labels }),
    names: labelNames,
  },
  QuestionAnswering: { form: (config) => ({ kind: 'answer', dense: denseOf(config) }), names: labelNames },
}

export const modernbert: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'modernbert',
  source: 'Warner et al. 2024, Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder',
  modelTypes: ['modernbert'],
  heads: Object.keys(heads),
  design(config) {
    const width = config.size('hidden_size')
    const layers = config.size('num_hidden_layers', { most: 1024 })
    const headCount = config.size('num_attention_heads', { most: 1024 })
    if (width % headCount !== 0) config.field('hidden_size').refuse(`a multiple of the ${headCount} heads`)
    const headWidth = width / headCount
    const context = config.size('max_position_embeddings')
    const norm = { kind: 'layer', epsilon: config.positive('norm_eps', { absent: 1e-5 }) } as const
    const normBias = config.flag('norm_bias', false)
    const window = Math.floor(config.size('local_attention', { absent: 128 }) / 2)
    const activation = activationOf(config, 'hidden_activation', 'gelu')
    const rotary = {
      full_attention: { kind: kinds[0], base: 160000, older: 'global_rope_theta' },
      sliding_attention: { kind: kinds[1], base: 10000, older: 'local_rope_theta' },
    }
    const shape = {
      width,
      heads: headCount,
      hidden: config.size('intermediate_size'),
      gated: true,
      bias: config.flag('attention_bias', false),
      feedForwardBias: config.flag('mlp_bias', false),
      normBias,
    }
    const layerOf = (kind: (typeof kinds)[number], first: boolean): LayerDesign => ({
      shape: { ...shape, ...(first && { norms: ['feedForwardNorm'] }) },
      norm,
      activation,
      attention: {
        rotary: rotaryOf(config, { headWidth, context, ...rotary[kind] }),
        ...(kind === 'sliding_attention' && { window }),
      },
    })
    const types = layerTypes(config, layers)
    const made = new Map(types.map((kind) => [kind, layerOf(kind, false)]))
    config.only('position_embedding_type', 'absolute')
    config.ignore(
      'layer_norm_eps',
      'deterministic_flash_attn',
      'sparse_prediction',
      'sparse_pred_ignore_index',
      'reference_compile',
      'repad_logits_with_grad',
      'tie_word_embeddings',
      'classifier_pooling',
      'classifier_activation',
      'classifier_bias',
      'decoder_bias',
    )
    return {
      architecture: 'modernbert',
      vocabulary: config.size('vocab_size'),
      context,
      width,
      layers,
      heads: headCount,
      embedding: { width, norm, normBias },
      blocks: types.map((kind, layer) => (layer === 0 ? layerOf(kind, true) : made.get(kind)!)),
      finalNorm: norm,
      finalNormBias: normBias,
      head: headOf(config, heads),
    }
  },
  bindings({ head }) {
    const prefix = head === undefined ? '' : 'model.'
    const layer = `${prefix}layers.#`
    const part = (path: string, file: string, to: string, index: number, of: number): Binding[] =>
      linearBinding(`blocks.#.${path}`, {
        file: `${layer}.${file}`,
        from: 'width',
        to: `part ${to}`,
        part: { index, of },
      })
    return {
      prefixes: ['model.'],
      leaves: [
        tableBinding('embedding.weight', `${prefix}embeddings.tok_embeddings.weight`),
        ...normBinding('embeddingNorm', `${prefix}embeddings.norm`),
        ...normBinding('blocks.#.attentionNorm', `${layer}.attn_norm`),
        ...['query', 'key', 'value'].flatMap((name, index) =>
          part(`attention.${name}`, 'attn.Wqkv', 'head headWidth', index, 3),
        ),
        ...linearBinding('blocks.#.attention.output', {
          file: `${layer}.attn.Wo`,
          from: 'head headWidth',
          to: 'width',
        }),
        ...normBinding('blocks.#.feedForwardNorm', `${layer}.mlp_norm`),
        ...part('feedForward.gate', 'mlp.Wi', 'hidden', 0, 2),
        ...part('feedForward.up', 'mlp.Wi', 'hidden', 1, 2),
        ...linearBinding('blocks.#.feedForward.down', {
          file: `${layer}.mlp.Wo`,
          from: 'hidden',
          to: 'width',
        }),
        ...normBinding('norm', `${prefix}final_norm`),
        ...bindingsOfHead(head, heads),
      ],
      ignored: ['head.*', 'decoder.*', 'classifier.*'],
    }
  },
})

/** Which kind each layer is. */
function layerTypes(config: CheckpointConfig, layers: number): (typeof kinds)[number][] {
  const every = config.size('global_attn_every_n_layers', { absent: 3 })
  const given = config.field('layer_types')
  if (given.isNull) return Array.from({ length: layers }, (_, i) => (i % every === 0 ? kinds[0] : kinds[1]))
  const types = given.items().map((item) => item.choice(kinds))
  return types.length === layers ? types : given.refuse(`one kind for each of ${layers} layers`)
}
