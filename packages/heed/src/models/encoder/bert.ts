/**
 * BERT (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language
 * Understanding"): learned positions and token types, norms after each layer, GELU. MiniLM, BGE, E5 and most
 * cross-encoders are BERTs.
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
import { encoderArchitecture } from './architecture.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type DenseDesign, type HeadChoices, headOf } from './heads/index.js'

/** What the configurations of models like BERT say, in the hub's words. */
export interface BertLike {
  readonly design: Omit<EncoderDesign, 'architecture'>
  readonly layer: LayerDesign
}

/** Reads what all models that are built like BERT share. A file changes of it what differs. */
export function bertLike(config: CheckpointConfig): BertLike {
  const width = config.size('hidden_size')
  const layers = config.size('num_hidden_layers', { most: 1024 })
  const heads = config.size('num_attention_heads', { most: 1024 })
  if (width % heads !== 0) config.field('hidden_size').refuse(`a multiple of the ${heads} heads`)
  const positions = config.size('max_position_embeddings')
  const norm = { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-12 }) } as const
  config.only('position_embedding_type', 'absolute')
  config.only('is_decoder', false)
  config.only('add_cross_attention', false)
  config.ignore('tie_word_embeddings')
  const layer: LayerDesign = {
    shape: { width, heads, hidden: config.size('intermediate_size') },
    arrangement: 'post',
    norm,
    activation: activationOf(config, 'hidden_act', 'gelu'),
    attention: {},
  }
  return {
    layer,
    design: {
      vocabulary: config.size('vocab_size'),
      context: positions,
      width,
      layers,
      heads,
      embedding: {
        width,
        positions,
        tokenTypes: typesOf(config),
        norm,
      },
      blocks: Array.from({ length: layers }, () => layer),
    },
  }
}

/** How many token types there are; undefined for none. */
function typesOf(config: CheckpointConfig): number | undefined {
  const field = config.field('type_vocab_size')
  return field.isNull ? 2 : field.count(1024) || undefined
}

/** The dense layer of a masked-LM head as BERT has it: as wide as the model, its activation, its norm. */
export function denseOf(config: CheckpointConfig): DenseDesign {
  return {
    width: config.size('hidden_size'),
    activation: activationOf(config, 'hidden_act', 'gelu'),
    norm: { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-12 }) },
  }
}

/** Labels of each position, and of an answer's ends, as nearly all architectures have them. */
export const plainHeads: HeadChoices = {
  TokenClassification: {
    form: (_config, labels) => ({ kind: 'token', labels }),
    names: { output: 'classifier' },
  },
  QuestionAnswering: { form: () => ({ kind: 'answer' }), names: { output: 'qa_outputs' } },
}

const maskedLanguage: HeadChoices[string] = {
  form: (config) => ({
    kind: 'masked-language',
    dense: denseOf(config),
    tied: config.flag('tie_word_embeddings', true),
  }),
  names: {
    dense: 'cls.predictions.transform.dense',
    norm: 'cls.predictions.transform.LayerNorm',
    table: 'cls.predictions.decoder.weight',
    bias: 'cls.predictions.bias',
  },
}

const heads: HeadChoices = {
  MaskedLM: maskedLanguage,
  PreTraining: maskedLanguage,
  SequenceClassification: {
    form: (_config, labels) => ({ kind: 'classification', from: 'pooled', labels }),
    names: { output: 'classifier' },
  },
  NextSentencePrediction: {
    form: () => ({ kind: 'classification', from: 'pooled', labels: 2 }),
    names: { output: 'cls.seq_relationship' },
  },
  ...plainHeads,
}

/** Whether a model with this head has BERT's pooler. */
function hasPooler({ head }: EncoderDesign): boolean {
  return head === undefined || head.kind === 'classification' || head.name === 'PreTraining'
}

export const bert: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'bert',
  source: 'Devlin et al. 2019, BERT: Pre-training of Deep Bidirectional Transformers',
  modelTypes: ['bert'],
  design(config) {
    const { design } = bertLike(config)
    const own = { ...design, architecture: 'bert', head: headOf(config, heads) }
    return { ...own, ...(hasPooler(own) && { pooler: { activation: 'tanh' } }) }
  },
  bindings: ({ head }) => ({
    prefixes: ['bert.'],
    leaves: [...bertBindings(head === undefined ? '' : 'bert.'), ...bindingsOfHead(head, heads)],
    ignored: [...bertIgnored, 'cls.*'],
  }),
})

/** What files of models like BERT may have beside the weights. */
export const bertIgnored: readonly string[] = ['embeddings.position_ids', 'pooler.*']

/** Names as BERT has them; of what a model lacks, the binding is without effect. */
export function bertBindings(prefix: string): Binding[] {
  const layer = `${prefix}encoder.layer.#`
  const attention = 'blocks.#.attention'
  const projection = (name: 'query' | 'key' | 'value'): Binding[] =>
    linearBinding(`${attention}.${name}`, {
      file: `${layer}.attention.self.${name}`,
      gguf: `blk.#.attn_${name[0]}`,
      from: 'width',
      to: 'head headWidth',
    })
  return [
    ...embeddingBindings(prefix),
    ...projection('query'),
    ...projection('key'),
    ...projection('value'),
    ...linearBinding(`${attention}.output`, {
      file: `${layer}.attention.output.dense`,
      gguf: 'blk.#.attn_output',
      from: 'head headWidth',
      to: 'width',
    }),
    ...normBinding('blocks.#.attentionNorm', `${layer}.attention.output.LayerNorm`, 'blk.#.attn_output_norm'),
    ...feedForwardBindings(layer),
    ...linearBinding('pooler', { file: `${prefix}pooler.dense`, from: 'width', to: 'pooled' }),
  ]
}

/** What stands before the layers, as BERT has it. */
export function embeddingBindings(prefix: string): Binding[] {
  const table = (path: string, name: string, gguf: string, axis: string): Binding => ({
    path,
    file: `${prefix}embeddings.${name}_embeddings.weight`,
    gguf,
    axes: [axis, 'width'],
  })
  return [
    tableBinding('embedding.weight', `${prefix}embeddings.word_embeddings.weight`, 'token_embd.weight'),
    table('position', 'position', 'position_embd.weight', 'position'),
    table('tokenType', 'token_type', 'token_types.weight', 'tokenType'),
    ...normBinding('embeddingNorm', `${prefix}embeddings.LayerNorm`, 'token_embd_norm'),
  ]
}

/** The feed-forward layer and the norm behind it, as BERT has them. */
export function feedForwardBindings(layer: string): Binding[] {
  return [
    ...linearBinding('blocks.#.feedForward.up', {
      file: `${layer}.intermediate.dense`,
      gguf: 'blk.#.ffn_up',
      from: 'width',
      to: 'hidden',
    }),
    ...linearBinding('blocks.#.feedForward.down', {
      file: `${layer}.output.dense`,
      gguf: 'blk.#.ffn_down',
      from: 'hidden',
      to: 'width',
    }),
    ...normBinding('blocks.#.feedForwardNorm', `${layer}.output.LayerNorm`, 'blk.#.layer_output_norm'),
  ]
}
