import { describe, expect, test } from 'vitest'
import { FormatError } from '../../base/index.js'
import { designOf, tinyConfigs } from '../testing/encoders.js'

type Json = Readonly<Record<string, unknown>>
const bert = tinyConfigs['bert, classification']!
const albert = tinyConfigs['albert, shared layers']!
const deberta = tinyConfigs['deberta, shared projections']!
const modernbert = tinyConfigs['modernbert, windows']!
const mpnet = tinyConfigs['mpnet, shared bias']!
const roberta = tinyConfigs['roberta, tokens']!

/** What is refused, and what the error names. */
const refused: readonly (readonly [title: string, json: Json, names: RegExp])[] = [
  [
    'a head that isn’t handled',
    { ...bert, architectures: ['BertForMultipleChoice'] },
    /BertForMultipleChoice/,
  ],
  ['a head that is no head', { ...bert, architectures: ['MaskedLM'] }, /architectures/],
  ['a head called as what records have', { ...bert, architectures: ['BertForconstructor'] }, /architectures/],
  ['no list of classes', { ...bert, architectures: 'BertModel' }, /architectures/],
  ['an unknown activation', { ...bert, hidden_act: 'geluu' }, /hidden_act/],
  [
    'another activation of the classifier',
    { ...modernbert, classifier_activation: 'x' },
    /classifier_activation/,
  ],
  [
    'relative positions of BERT',
    { ...bert, position_embedding_type: 'relative_key' },
    /position_embedding_type/,
  ],
  ['a decoder', { ...bert, is_decoder: true }, /is_decoder/],
  ['an unknown field', { ...bert, hidden_sise: 4 }, /hidden_sise.*hidden_size|hidden_size/s],
  ['10⁹ layers', { ...bert, num_hidden_layers: 1e9 }, /num_hidden_layers/],
  ['no layers', { ...bert, num_hidden_layers: 0 }, /num_hidden_layers/],
  ['half a layer', { ...bert, num_hidden_layers: 1.5 }, /num_hidden_layers/],
  ['a negative width', { ...bert, hidden_size: -4 }, /hidden_size/],
  ['a width beyond counting', { ...bert, hidden_size: 1e300 }, /hidden_size/],
  ['heads that don’t divide', { ...bert, num_attention_heads: 3 }, /hidden_size/],
  ['no number', { ...bert, hidden_size: 'NaN' }, /hidden_size/],
  ['a missing size', { ...bert, vocab_size: null }, /vocab_size/],
  ['an epsilon of 0', { ...bert, layer_norm_eps: 0 }, /layer_norm_eps/],
  ['no labels', { ...bert, num_labels: undefined, id2label: {} }, /id2label/],
  ['10⁹ labels', { ...bert, num_labels: 1e9 }, /num_labels/],
  ['10⁹ token types', { ...bert, type_vocab_size: 1e9 }, /type_vocab_size/],
  ['a padding id beyond the positions', { ...roberta, pad_token_id: 11 }, /max_position_embeddings/],
  ['a negative padding id', { ...roberta, pad_token_id: -1 }, /pad_token_id/],
  ['more groups than layers', { ...albert, num_hidden_groups: 4 }, /num_hidden_groups/],
  ['several layers in a group', { ...albert, inner_group_num: 2 }, /inner_group_num/],
  ['too few buckets', { ...mpnet, relative_attention_num_buckets: 8 }, /relative_attention_num_buckets/],
  ['another kind of position score', { ...deberta, pos_att_type: 'c2p|p2p' }, /pos_att_type/],
  ['another norm of distances', { ...deberta, norm_rel_ebd: 'batch_norm' }, /norm_rel_ebd/],
  ['more buckets than distances', { ...deberta, position_buckets: 64 }, /position_buckets/],
  ['a convolution over an even number', { ...deberta, conv_kernel_size: 4 }, /conv_kernel_size/],
  ['a convolution over 10⁶ positions', { ...deberta, conv_kernel_size: 1000001 }, /conv_kernel_size/],
  ['a convolution in groups', { ...deberta, conv_kernel_size: 3, conv_groups: 2 }, /conv_groups/],
  ['kinds of layers that aren’t known', { ...modernbert, layer_types: ['full', 'full'] }, /layer_types/],
  ['too few kinds of layers', { ...modernbert, layer_types: ['full_attention'] }, /layer_types/],
  ['a window of 0', { ...modernbert, local_attention: 0 }, /local_attention/],
  ['a rotary base of 0', { ...modernbert, global_rope_theta: 0 }, /global_rope_theta/],
  [
    'another pooling',
    { ...modernbert, architectures: ['ModernBertForSequenceClassification'], classifier_pooling: 'max' },
    /classifier_pooling/,
  ],
]

describe('a configuration is refused by name', () => {
  test.each(refused)('%s', (_, json, names) => {
    const start = performance.now()
    let error: unknown
    try {
      designOf(json)
    } catch (found) {
      error = found
    }
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toMatch(names)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

test('of a file that names no class, the states are the result', () => {
  const { head, pooler } = designOf({ ...bert, architectures: undefined })
  expect(head).toBeUndefined()
  expect(pooler).toEqual({ activation: 'tanh' })
})

/** Fields of well-known files, beside those that the tiny configurations have. */
const known: readonly (readonly [title: string, json: Json])[] = [
  [
    'bert-base-multilingual-cased',
    {
      ...bert,
      directionality: 'bidi',
      pooler_fc_size: 768,
      pooler_num_attention_heads: 12,
      pooler_num_fc_layers: 3,
      pooler_size_per_head: 128,
      pooler_type: 'first_token_transform',
      gradient_checkpointing: false,
      position_embedding_type: 'absolute',
      classifier_dropout: null,
      architectures: ['BertForMaskedLM'],
    },
  ],
  [
    'distilbert-base-uncased',
    {
      ...tinyConfigs['distilbert, own table'],
      activation: 'gelu',
      attention_dropout: 0.1,
      dropout: 0.1,
      pad_token_id: 0,
      qa_dropout: 0.1,
      seq_classif_dropout: 0.2,
      sinusoidal_pos_embds: false,
      tie_weights_: true,
    },
  ],
  [
    'albert-base-v2',
    {
      ...albert,
      classifier_dropout_prob: 0.1,
      down_scale_factor: 1,
      gap_size: 0,
      layers_to_keep: [],
      net_structure_type: 0,
      num_memory_blocks: 0,
      inner_group_num: 1,
    },
  ],
  ['roberta-large-mnli', { ...roberta, _num_labels: 3, output_past: true, finetuning_task: 'mnli' }],
  ['roberta-base-squad2', { ...roberta, language: 'english', name: 'Roberta' }],
  [
    'electra-small-discriminator',
    {
      ...tinyConfigs['electra, narrow embeddings'],
      summary_activation: 'gelu',
      summary_last_dropout: 0.1,
      summary_type: 'first',
      summary_use_proj: true,
    },
  ],
  [
    'deberta-v3-base',
    {
      ...deberta,
      max_relative_positions: -1,
      pooler_dropout: 0,
      pooler_hidden_act: 'gelu',
      pooler_hidden_size: 4,
    },
  ],
  [
    'ModernBERT-base',
    {
      ...modernbert,
      layer_norm_eps: 1e-5,
      position_embedding_type: 'absolute',
      deterministic_flash_attn: false,
      reference_compile: false,
      sparse_prediction: false,
      sparse_pred_ignore_index: -100,
      global_rope_theta: 160000,
      local_rope_theta: 10000,
      repad_logits_with_grad: false,
    },
  ],
]

test.each(known)('every field of %s is known', (_, json) => {
  expect(designOf(json).layers).toBeGreaterThan(0)
})

test('what older files leave out', () => {
  const {
    architectures: _,
    pos_att_type: __,
    ...json
  } = { ...deberta, relative_attention: undefined } as Record<string, unknown>
  expect(designOf(json).disentangled).toBeUndefined()
})
