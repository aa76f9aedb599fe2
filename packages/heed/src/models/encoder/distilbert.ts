/**
 * DistilBERT (Sanh et al. 2019, "DistilBERT, a distilled version of BERT"): BERT without token types and
 * pooler, in words of its own.
 */
import { type Binding, type CheckpointConfig, linearBinding, normBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import { encoderArchitecture } from './architecture.js'
import { bertIgnored, embeddingBindings, maskedHead, plainHeads, postNormDesign } from './bert-like.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type HeadChoices, headOf } from './heads/index.js'

const norm = { kind: 'layer', epsilon: 1e-12 } as const
const widthOf = (config: CheckpointConfig): number =>
  config.size('dim', { absent: 768, older: ['hidden_size'] })

const heads: HeadChoices = {
  MaskedLM: maskedHead(
    {
      dense: 'vocab_transform',
      norm: 'vocab_layer_norm',
      table: 'vocab_projector.weight',
      bias: 'vocab_projector.bias',
    },
    (config) => ({
      width: widthOf(config),
      activation: activationOf(config, 'activation', 'gelu'),
      norm,
    }),
  ),
  SequenceClassification: {
    form: (config, labels) => ({
      kind: 'classification',
      from: 'first',
      dense: { width: widthOf(config), activation: 'relu' },
      labels,
    }),
    names: { dense: 'pre_classifier', output: 'classifier' },
  },
  ...plainHeads,
}

export const distilbert: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'distilbert',
  source: 'Sanh et al. 2019, DistilBERT, a distilled version of BERT',
  modelTypes: ['distilbert'],
  heads: Object.keys(heads),
  design(config) {
    // Sines and cosines stand in the file, as learned positions do.
    config.ignore('sinusoidal_pos_embds', 'tie_weights_')
    return {
      ...postNormDesign(config, {
        width: widthOf(config),
        layers: config.size('n_layers', { absent: 6, most: 1024, older: ['num_hidden_layers'] }),
        heads: config.size('n_heads', { absent: 12, most: 1024, older: ['num_attention_heads'] }),
        hidden: config.size('hidden_dim', { absent: 3072, older: ['intermediate_size'] }),
        activation: activationOf(config, 'activation', 'gelu'),
        norm,
      }),
      architecture: 'distilbert',
      head: headOf(config, heads),
    }
  },
  bindings({ head }) {
    const prefix = head === undefined ? '' : 'distilbert.'
    const layer = `${prefix}transformer.layer.#`
    const projection = (name: 'query' | 'key' | 'value'): Binding[] =>
      linearBinding(`blocks.#.attention.${name}`, {
        file: `${layer}.attention.${name[0]}_lin`,
        from: 'width',
        to: 'head headWidth',
      })
    return {
      prefixes: ['distilbert.'],
      leaves: [
        ...embeddingBindings(prefix),
        ...projection('query'),
        ...projection('key'),
        ...projection('value'),
        ...linearBinding('blocks.#.attention.output', {
          file: `${layer}.attention.out_lin`,
          from: 'head headWidth',
          to: 'width',
        }),
        ...normBinding('blocks.#.attentionNorm', `${layer}.sa_layer_norm`),
        ...linearBinding('blocks.#.feedForward.up', {
          file: `${layer}.ffn.lin1`,
          from: 'width',
          to: 'hidden',
        }),
        ...linearBinding('blocks.#.feedForward.down', {
          file: `${layer}.ffn.lin2`,
          from: 'hidden',
          to: 'width',
        }),
        ...normBinding('blocks.#.feedForwardNorm', `${layer}.output_layer_norm`),
        ...bindingsOfHead(head, heads),
      ],
      ignored: [...bertIgnored, 'vocab_*', 'pre_classifier.*', 'classifier.*'],
    }
  },
})
