/** Tiny encoders of each architecture, made of configurations as the hub has them. */
import { randomKey, readJson } from '../../base/index.js'
import { CheckpointConfig } from '../../checkpoint/index.js'
import type { Initializer } from '../../nn/index.js'
import { normal } from '../../tensor/index.js'
import { architectureOf, type Encoder, type EncoderDesign } from '../index.js'

type Json = Readonly<Record<string, unknown>>

const bertSizes = {
  vocab_size: 7,
  hidden_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 3,
  max_position_embeddings: 12,
  layer_norm_eps: 1e-3,
}
const bert = { model_type: 'bert', ...bertSizes, type_vocab_size: 2 }
const deberta = {
  model_type: 'deberta-v2',
  ...bertSizes,
  max_position_embeddings: 32,
  type_vocab_size: 0,
  relative_attention: true,
  position_biased_input: false,
  position_buckets: 6,
  norm_rel_ebd: 'layer_norm',
  share_att_key: true,
  pos_att_type: 'p2c|c2p',
}
const modernbert = {
  model_type: 'modernbert',
  vocab_size: 7,
  hidden_size: 4,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 3,
  max_position_embeddings: 32,
  norm_eps: 1e-3,
  local_attention: 4,
  global_attn_every_n_layers: 2,
}

/** Configurations, each of what it shows. */
export const tinyConfigs: Readonly<Record<string, Json>> = {
  'bert, classification': { ...bert, architectures: ['BertForSequenceClassification'], num_labels: 3 },
  'bert, masked language': { ...bert, architectures: ['BertForMaskedLM'] },
  'bert, answers': { ...bert, architectures: ['BertForQuestionAnswering'] },
  'roberta, tokens': {
    ...bert,
    model_type: 'roberta',
    type_vocab_size: 1,
    pad_token_id: 1,
    architectures: ['RobertaForTokenClassification'],
  },
  'distilbert, own table': {
    model_type: 'distilbert',
    vocab_size: 7,
    dim: 4,
    n_layers: 1,
    n_heads: 2,
    hidden_dim: 3,
    max_position_embeddings: 12,
    tie_word_embeddings: false,
    architectures: ['DistilBertForMaskedLM'],
  },
  'electra, narrow embeddings': {
    ...bert,
    model_type: 'electra',
    embedding_size: 3,
    architectures: ['ElectraForPreTraining'],
  },
  'mpnet, shared bias': { model_type: 'mpnet', ...bertSizes, num_hidden_layers: 2 },
  'albert, shared layers': {
    ...bert,
    model_type: 'albert',
    embedding_size: 3,
    num_hidden_layers: 3,
    num_hidden_groups: 2,
    architectures: ['AlbertForMaskedLM'],
  },
  'deberta, shared projections': deberta,
  'deberta, convolution and own projections': {
    ...deberta,
    share_att_key: false,
    norm_rel_ebd: 'none',
    conv_kernel_size: 3,
    architectures: ['DebertaV2ForSequenceClassification'],
    num_labels: 2,
  },
  'modernbert, windows': { ...modernbert, architectures: ['ModernBertForMaskedLM'] },
  'modernbert, the mean': {
    ...modernbert,
    classifier_pooling: 'mean',
    architectures: ['ModernBertForSequenceClassification'],
  },
}

/** A configuration as it would be read from a file. */
export function configOf(json: Json): CheckpointConfig {
  const bytes = new TextEncoder().encode(JSON.stringify(json))
  return new CheckpointConfig(readJson(bytes, { operation: 'test', file: 'config.json', hint: 'correct it' }))
}

/** The design of a configuration, all of whose fields are read. */
export function designOf(json: Json): EncoderDesign {
  const config = configOf(json)
  const design = architectureOf(config).design(config)
  config.end()
  return design as EncoderDesign
}

/** A model whose weights all differ from what they begin as. */
export function tinyEncoder(
  json: Json,
  seed: number,
): { readonly design: EncoderDesign; readonly model: Encoder } {
  const design = designOf(json)
  let count = 0
  const initializer: Initializer = Object.assign(((key, shape) => normal(key, shape, 0.6)) as Initializer, {
    constant: ((shape, value) => normal(randomKey(seed + ++count), shape, 0.4).add(value)) as NonNullable<
      Initializer['constant']
    >,
  })
  const model = architectureOf(configOf(json)).create(design, randomKey(seed), { initializer })
  return { design, model: model as Encoder }
}
