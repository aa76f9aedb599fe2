/**
 * RoBERTa (Liu et al. 2019, "RoBERTa: A Robustly Optimized BERT Pretraining Approach") and XLM-R (Conneau et
 * al. 2020): as BERT, but positions begin behind the padding id, and a classifier has a dense layer of its
 * own.
 */
import type { CheckpointConfig } from '../../checkpoint/index.js'
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
import { bindingsOfHead, type HeadChoice, type HeadChoices, headOf } from './heads/index.js'

/** RoBERTa's masked-LM head, whose activation is GELU whatever the layers have. */
export const robertaMaskedHead: HeadChoice = maskedHead(
  {
    dense: 'lm_head.dense',
    norm: 'lm_head.layer_norm',
    table: 'lm_head.decoder.weight',
    bias: 'lm_head.bias',
  },
  (config) => ({ ...denseOf(config), activation: 'gelu' }),
)

const heads: HeadChoices = {
  MaskedLM: robertaMaskedHead,
  SequenceClassification: firstHead('tanh'),
  ...plainHeads,
}

/**
 * A design whose positions begin behind `padding`, an id.
 *
 * @throws FormatError where no position is left
 */
export function positionsBehind(
  config: CheckpointConfig,
  design: Omit<EncoderDesign, 'architecture'>,
  padding: number,
): Omit<EncoderDesign, 'architecture'> {
  const positionOffset = padding + 1
  const context = design.context - positionOffset
  if (context < 1) config.field('max_position_embeddings').refuse(`more than ${positionOffset} positions`)
  return { ...design, context, embedding: { ...design.embedding, positionOffset } }
}

export const roberta: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'roberta',
  source: 'Liu et al. 2019, RoBERTa: A Robustly Optimized BERT Pretraining Approach',
  modelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  heads: Object.keys(heads),
  design(config) {
    const padding = config.has('pad_token_id') ? config.field('pad_token_id').count(2 ** 24) : 1
    const head = headOf(config, heads)
    return {
      ...positionsBehind(config, bertLike(config).design, padding),
      architecture: 'roberta',
      head,
      ...(head === undefined && { pooler: { activation: 'tanh' } }),
    }
  },
  bindings: ({ head }) => ({
    prefixes: ['roberta.'],
    leaves: [...bertBindings(head === undefined ? '' : 'roberta.'), ...bindingsOfHead(head, heads)],
    ignored: [...bertIgnored, 'lm_head.*', 'classifier.*'],
  }),
})
