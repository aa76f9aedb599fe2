/** What BERT and the models that are built like it share: fields, names of weights, heads. */
import {
  type Binding,
  type CheckpointConfig,
  linearBinding,
  normBinding,
  tableBinding,
} from '../../checkpoint/index.js'
import type { NormOptions } from '../../nn/index.js'
import type { Activation } from '../../tensor/index.js'
import { activationOf } from '../activation-config.js'
import type { LayerDesign } from '../layer-design.js'
import type { EncoderDesign } from './design.js'
import type { DenseDesign, HeadChoice, HeadChoices } from './heads/index.js'

/** What the configurations of models like BERT say, in the hub's words. */
export interface BertLike {
  readonly design: Omit<EncoderDesign, 'architecture'>
  readonly layer: LayerDesign
}

/** Reads what all models that are built like BERT share. A file changes of it what differs. */
export function bertLike(config: CheckpointConfig): BertLike {
  config.only('position_embedding_type', 'absolute')
  config.only('is_decoder', false)
  config.only('add_cross_attention', false)
  // What Google's first files say of a pooler that has no such parts.
  config.ignore('directionality', 'pooler_type', 'pooler_fc_size', 'pooler_num_attention_heads')
  config.ignore('pooler_num_fc_layers', 'pooler_size_per_head')
  const { blocks, embedding, ...design } = postNormDesign(config, {
    width: config.size('hidden_size'),
    layers: config.size('num_hidden_layers', { most: 1024 }),
    heads: config.size('num_attention_heads', { most: 1024 }),
    hidden: config.size('intermediate_size'),
    activation: activationOf(config, 'hidden_act', 'gelu'),
    norm: { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-12 }) },
  })
  return {
    layer: blocks[0]!,
    design: { ...design, blocks, embedding: { ...embedding, tokenTypes: typesOf(config) } },
  }
}

/** What a design of BERT's arrangement is made of. */
export interface PostNormSizes {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly hidden: number
  readonly activation: Activation
  readonly norm: NormOptions
}

/** Learned positions, and layers that are alike, with norms behind them. */
export function postNormDesign(
  config: CheckpointConfig,
  { width, layers, heads, hidden, activation, norm }: PostNormSizes,
): Omit<EncoderDesign, 'architecture'> {
  if (width % heads !== 0) config.field('hidden_size', 'dim').refuse(`a multiple of the ${heads} heads`)
  const positions = config.size('max_position_embeddings')
  const shape = { width, heads, hidden }
  const layer: LayerDesign = { shape, arrangement: 'post', norm, activation, attention: {} }
  config.ignore('tie_word_embeddings')
  return {
    vocabulary: config.size('vocab_size'),
    context: positions,
    width,
    layers,
    heads,
    embedding: { width, positions, norm },
    blocks: Array.from({ length: layers }, () => layer),
  }
}

/** How many token types there are; undefined for none. */
function typesOf(config: CheckpointConfig): number | undefined {
  const field = config.field('type_vocab_size')
  return field.isNull ? 2 : field.count(1024) || undefined
}

/** A masked-LM head of this dense layer. */
export const maskedHead = (
  names: HeadChoice['names'],
  dense: (config: CheckpointConfig) => DenseDesign = denseOf,
): HeadChoice => ({
  form: (config) => ({
    kind: 'masked-language',
    dense: dense(config),
    tied: config.flag('tie_word_embeddings', true),
  }),
  names,
})

/** The dense layer of a masked-LM head as BERT has it: as wide as the model, its activation, its norm. */
export function denseOf(config: CheckpointConfig): DenseDesign {
  return {
    width: config.size('hidden_size'),
    activation: activationOf(config, 'hidden_act', 'gelu'),
    norm: { kind: 'layer', epsilon: config.positive('layer_norm_eps', { absent: 1e-12 }) },
  }
}

/** A classifier of the pooler's vector. */
export const pooledHead: HeadChoice = {
  form: (_config, labels) => ({ kind: 'classification', from: 'pooled', labels }),
  names: { output: 'classifier', gguf: 'cls.output' },
}

/** A classifier of the first position with a dense layer of its own, as RoBERTa has it. */
export const firstHead = (activation: Activation): HeadChoice => ({
  form: (config, labels) => ({
    kind: 'classification',
    from: 'first',
    dense: { width: config.size('hidden_size'), activation },
    labels,
  }),
  names: { dense: 'classifier.dense', output: 'classifier.out_proj' },
})

/** Labels of each position, and of an answer's ends, as nearly all architectures have them. */
export const plainHeads: HeadChoices = {
  TokenClassification: {
    form: (_config, labels) => ({ kind: 'token', labels }),
    names: { output: 'classifier' },
  },
  QuestionAnswering: { form: () => ({ kind: 'answer' }), names: { output: 'qa_outputs' } },
}

/** What files of models like BERT may have beside the weights. */
export const bertIgnored: readonly string[] = ['embeddings.position_ids', 'pooler.*', 'linear.weight']

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
    ...poolerBinding(`${prefix}pooler.dense`),
  ]
}

export function poolerBinding(file: string): Binding[] {
  return linearBinding('pooler', { file, gguf: 'cls', from: 'width', to: 'pooled' })
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
