/**
 * ALBERT (Lan et al. 2020, "ALBERT: A Lite BERT"): as BERT, but its layers share weights (section 3.1), and
 * embeddings are narrower than the model.
 */
import { type Binding, linearBinding, normBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import type { LayerDesign } from '../layer-design.js'
import { encoderArchitecture } from './architecture.js'
import {
  bertIgnored,
  bertLike,
  denseOf,
  embeddingBindings,
  maskedHead,
  plainHeads,
  pooledHead,
  poolerBinding,
} from './bert-like.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type HeadChoices, headOf } from './heads/index.js'

const maskedLanguage = maskedHead(
  {
    dense: 'predictions.dense',
    norm: 'predictions.LayerNorm',
    table: 'predictions.decoder.weight',
    bias: 'predictions.bias',
  },
  (config) => ({
    ...denseOf(config),
    width: config.size('embedding_size', { absent: 128 }),
    activation: activationOf(config, 'hidden_act', 'gelu_new'),
  }),
)

const heads: HeadChoices = {
  MaskedLM: maskedLanguage,
  PreTraining: maskedLanguage,
  SequenceClassification: pooledHead,
  ...plainHeads,
}

export const albert: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'albert',
  source: 'Lan et al. 2020, ALBERT: A Lite BERT for Self-supervised Learning',
  modelTypes: ['albert'],
  heads: Object.keys(heads),
  design(config) {
    const { design, layer } = bertLike(config)
    config.only('inner_group_num', 1)
    config.ignore(
      'layers_to_keep',
      'down_scale_factor',
      'gap_size',
      'net_structure_type',
      'num_memory_blocks',
      'eos_token_ids',
    )
    const { layers } = design
    const own: LayerDesign = { ...layer, activation: activationOf(config, 'hidden_act', 'gelu_new') }
    const head = headOf(config, heads)
    return {
      ...design,
      architecture: 'albert',
      embedding: {
        ...design.embedding,
        width: config.size('embedding_size', { absent: 128 }),
        projects: true,
      },
      blocks: Array.from({ length: layers }, () => own),
      groups: config.size('num_hidden_groups', { absent: 1, most: layers }),
      head,
      ...(head?.kind !== 'token' && head?.kind !== 'answer' && { pooler: { activation: 'tanh' } }),
    }
  },
  bindings({ head }) {
    const prefix = head === undefined ? '' : 'albert.'
    const layer = `${prefix}encoder.albert_layer_groups.#.albert_layers.0`
    const map = (path: string, file: string, from: string, to: string): Binding[] =>
      linearBinding(`blocks.#.${path}`, { file: `${layer}.${file}`, from, to })
    return {
      prefixes: ['albert.'],
      leaves: [
        ...embeddingBindings(prefix),
        ...linearBinding('projection', {
          file: `${prefix}encoder.embedding_hidden_mapping_in`,
          from: 'narrow',
          to: 'width',
        }),
        ...map('attention.query', 'attention.query', 'width', 'head headWidth'),
        ...map('attention.key', 'attention.key', 'width', 'head headWidth'),
        ...map('attention.value', 'attention.value', 'width', 'head headWidth'),
        ...map('attention.output', 'attention.dense', 'head headWidth', 'width'),
        ...normBinding('blocks.#.attentionNorm', `${layer}.attention.LayerNorm`),
        ...map('feedForward.up', 'ffn', 'width', 'hidden'),
        ...map('feedForward.down', 'ffn_output', 'hidden', 'width'),
        ...normBinding('blocks.#.feedForwardNorm', `${layer}.full_layer_layer_norm`),
        ...poolerBinding(`${prefix}pooler`),
        ...bindingsOfHead(head, heads),
      ],
      ignored: [...bertIgnored, 'predictions.*', 'sop_classifier.*'],
    }
  },
})
