/**
 * DeBERTa v2 and v3 (He et al. 2021, "DeBERTa" and "DeBERTaV3"): no positions in the embeddings; scores from
 * content to position and back, with distances in logarithmic buckets.
 */
import { type Binding, type CheckpointConfig, linearBinding, normBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import { encoderArchitecture } from './architecture.js'
import {
  bertLike,
  denseOf,
  embeddingBindings,
  feedForwardBindings,
  maskedHead,
  plainHeads,
} from './bert-like.js'
import type { DisentangledDesign, EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type HeadChoices, headOf } from './heads/index.js'

const maskedAs = (name: string, dense: string): HeadChoices[string] =>
  maskedHead(
    {
      dense: `${name}.${dense}dense`,
      norm: `${name}.${dense}LayerNorm`,
      table: `${name}.decoder.weight`,
      bias: `${name}.bias`,
    },
    (config) => ({
      ...denseOf(config),
      width: config.size('embedding_size', { absent: config.size('hidden_size') }),
    }),
  )

const notLegacy = 'MaskedLM, not legacy'

const heads: HeadChoices = {
  MaskedLM: maskedAs('cls.predictions', 'transform.'),
  // The class is the same; the configuration's `legacy` is false.
  [notLegacy]: maskedAs('lm_predictions.lm_head', ''),
  SequenceClassification: {
    form: (config, labels) => ({
      kind: 'classification',
      from: 'first',
      dense: {
        width: config.size('pooler_hidden_size', { absent: config.size('hidden_size') }),
        activation: activationOf(config, 'pooler_hidden_act', 'gelu'),
      },
      labels,
    }),
    names: { dense: 'pooler.dense', output: 'classifier' },
  },
  ...plainHeads,
}
export const deberta: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'deberta-v2',
  source: 'He et al. 2021, DeBERTa: Decoding-enhanced BERT with Disentangled Attention',
  modelTypes: ['deberta-v2'],
  heads: Object.keys(heads).filter((name) => name !== notLegacy),
  design(config) {
    const { design, layer } = bertLike(config)
    const { width, heads: headCount, embedding, context, layers } = design
    const headWidth = config.size('attention_head_size', { absent: width / headCount })
    const disentangled = disentangledOf(config, context, layer.norm)
    const parts = [disentangled?.contentToPosition, disentangled?.positionToContent].filter(Boolean)
    const own = {
      ...layer,
      shape: { ...layer.shape, headWidth },
      attention: { scale: 1 / Math.sqrt((1 + parts.length) * headWidth) },
    }
    config.ignore('pooler_dropout', 'pooler_hidden_act', 'pooler_hidden_size', 'cls_dropout')
    const legacy = config.flag('legacy', true)
    const head = headOf(config, heads)
    return {
      ...design,
      architecture: 'deberta-v2',
      embedding: {
        ...embedding,
        width: config.size('embedding_size', { absent: width }),
        positions: config.flag('position_biased_input', true) ? embedding.positions : undefined,
        projectionBias: false,
        normAfterProjection: true,
      },
      blocks: Array.from({ length: layers }, () => own),
      disentangled,
      head: head?.kind === 'masked-language' && !legacy ? { ...head, name: notLegacy } : head,
    }
  },
  bindings({ head, disentangled }) {
    const prefix = head === undefined ? '' : 'deberta.'
    const layer = `${prefix}encoder.layer.#`
    const map = (path: string, name: string): Binding[] =>
      linearBinding(path, { file: `${layer}.attention.self.${name}`, from: 'width', to: 'head headWidth' })
    return {
      prefixes: ['deberta.'],
      leaves: [
        ...embeddingBindings(prefix),
        ...linearBinding('projection', {
          file: `${prefix}embeddings.embed_proj`,
          from: 'narrow',
          to: 'width',
        }),
        {
          path: 'distance.table',
          file: `${prefix}encoder.rel_embeddings.weight`,
          axes: ['distance', 'width'],
        },
        ...normBinding('distance.norm', `${prefix}encoder.LayerNorm`),
        ...map('distance.projections.#.key', 'pos_key_proj'),
        ...map('distance.projections.#.query', 'pos_query_proj'),
        ...convolutionBindings(`${prefix}encoder.conv`, disentangled?.convolution?.size ?? 0),
        ...map('blocks.#.attention.query', 'query_proj'),
        ...map('blocks.#.attention.key', 'key_proj'),
        ...map('blocks.#.attention.value', 'value_proj'),
        ...linearBinding('blocks.#.attention.output', {
          file: `${layer}.attention.output.dense`,
          from: 'head headWidth',
          to: 'width',
        }),
        ...normBinding('blocks.#.attentionNorm', `${layer}.attention.output.LayerNorm`),
        ...feedForwardBindings(layer),
        ...bindingsOfHead(head, heads),
      ],
      ignored: [
        'embeddings.position_embeddings.weight',
        'embeddings.position_ids',
        'encoder.LayerNorm.*',
        'cls.*',
        'lm_predictions.*',
        'mask_predictions.*',
        'pooler.*',
        'classifier.*',
      ],
    }
  },
})

function convolutionBindings(file: string, size: number): Binding[] {
  return [
    ...Array.from({ length: size }, (_, index): Binding => ({
      path: `convolution.taps.${index}.weight`,
      file: `${file}.conv.weight`,
      axes: ['convolved', 'width', 'part'],
      part: { index, of: size },
      over: ['width'],
    })),
    { path: 'convolution.bias', file: `${file}.conv.bias`, axes: ['convolved'] },
    ...normBinding('convolution.norm', `${file}.LayerNorm`),
  ]
}

/** What the fields of relative attention say. */
function disentangledOf(
  config: CheckpointConfig,
  context: number,
  norm: NonNullable<DisentangledDesign['norm']>,
): DisentangledDesign | undefined {
  const types = partsOf(config, 'pos_att_type', ['c2p', 'p2c'])
  const norms = partsOf(config, 'norm_rel_ebd', ['none', 'layer_norm'])
  const maximumDistance = positiveOr(config, 'max_relative_positions', context)
  const buckets = positiveOr(config, 'position_buckets', 0) || undefined
  const size = positiveOr(config, 'conv_kernel_size', 0, 63)
  const shared = config.flag('share_att_key', false)
  config.only('conv_groups', 1)
  const activation = activationOf(config, 'conv_act', 'tanh')
  if (!config.flag('relative_attention', false)) {
    if (size > 0) config.field('conv_kernel_size').refuse('relative attention beside a convolution')
    return undefined
  }
  if (buckets !== undefined && maximumDistance - 1 <= buckets >> 1)
    config.field('position_buckets').refuse(`fewer than ${2 * (maximumDistance - 1)} buckets`)
  if (size > 0 && size % 2 === 0) config.field('conv_kernel_size').refuse('an odd number')
  return {
    buckets,
    maximumDistance,
    contentToPosition: types.includes('c2p'),
    positionToContent: types.includes('p2c'),
    shared,
    ...(norms.includes('layer_norm') && { norm }),
    ...(size > 0 && { convolution: { size, activation } }),
  }
}

/** A list, or names joined by `|`. */
function partsOf(config: CheckpointConfig, name: string, known: readonly string[]): readonly string[] {
  const field = config.field(name)
  if (field.isNull) return []
  const parts =
    typeof field.value === 'string'
      ? field.value.split('|').map((part) => part.trim().toLowerCase())
      : field.items().map((item) => item.string())
  return parts.every((part) => part === '' || known.includes(part))
    ? parts
    : field.refuse(`a list of ${known.join(', ')}`)
}

/** A size, or what stands for it where the field says none: below 1, or absent. */
function positiveOr(config: CheckpointConfig, name: string, otherwise: number, most?: number): number {
  const { value } = config.field(name)
  return typeof value === 'number' && value < 1
    ? otherwise
    : config.size(name, { absent: otherwise, ...(most && { most }) })
}
