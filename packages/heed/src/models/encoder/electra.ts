/**
 * ELECTRA (Clark et al. 2020, "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than
 * Generators"): as BERT, with narrower embeddings in small models. Its discriminator says of each token
 * whether it was replaced.
 */
import { linearBinding } from '../../checkpoint/index.js'
import { activationOf } from '../activation-config.js'
import type { Architecture } from '../architecture.js'
import { encoderArchitecture } from './architecture.js'
import {
  bertBindings,
  bertIgnored,
  bertLike,
  denseOf,
  firstHead,
  maskedHead,
  plainHeads,
} from './bert-like.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type HeadChoices, headOf } from './heads/index.js'

const heads: HeadChoices = {
  MaskedLM: maskedHead(
    {
      dense: 'generator_predictions.dense',
      norm: 'generator_predictions.LayerNorm',
      table: 'generator_lm_head.weight',
      bias: 'generator_lm_head.bias',
    },
    (config) => ({
      ...denseOf(config),
      width: config.size('embedding_size', { absent: 128 }),
      activation: 'gelu',
    }),
  ),
  PreTraining: {
    form: (config) => ({
      kind: 'token',
      dense: { width: config.size('hidden_size'), activation: activationOf(config, 'hidden_act', 'gelu') },
      labels: 1,
    }),
    names: {
      dense: 'discriminator_predictions.dense',
      output: 'discriminator_predictions.dense_prediction',
    },
  },
  SequenceClassification: firstHead('gelu'),
  ...plainHeads,
}

export const electra: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'electra',
  source: 'Clark et al. 2020, ELECTRA: Pre-training Text Encoders as Discriminators',
  modelTypes: ['electra'],
  heads: Object.keys(heads),
  design(config) {
    const { design } = bertLike(config)
    config.ignore('summary_type', 'summary_use_proj', 'summary_activation')
    return {
      ...design,
      architecture: 'electra',
      embedding: { ...design.embedding, width: config.size('embedding_size', { absent: 128 }) },
      head: headOf(config, heads),
    }
  },
  bindings({ head }) {
    const prefix = head === undefined ? '' : 'electra.'
    return {
      prefixes: ['electra.'],
      leaves: [
        ...bertBindings(prefix),
        ...linearBinding('projection', { file: `${prefix}embeddings_project`, from: 'narrow', to: 'width' }),
        ...bindingsOfHead(head, heads),
      ],
      ignored: [
        ...bertIgnored,
        'generator_predictions.*',
        'generator_lm_head.*',
        'discriminator_predictions.*',
      ],
    }
  },
})
