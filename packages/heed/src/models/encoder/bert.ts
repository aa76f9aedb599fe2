/**
 * BERT (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language
 * Understanding"): learned positions and token types, norms after each layer, GELU. MiniLM, BGE, E5 and most
 * cross-encoders are BERTs.
 */
import type { Architecture } from '../architecture.js'
import { encoderArchitecture } from './architecture.js'
import { bertBindings, bertIgnored, bertLike, maskedHead, plainHeads, pooledHead } from './bert-like.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type HeadChoices, headOf } from './heads/index.js'

const maskedLanguage = maskedHead({
  dense: 'cls.predictions.transform.dense',
  norm: 'cls.predictions.transform.LayerNorm',
  table: 'cls.predictions.decoder.weight',
  bias: 'cls.predictions.bias',
})

const heads: HeadChoices = {
  MaskedLM: maskedLanguage,
  PreTraining: maskedLanguage,
  SequenceClassification: pooledHead,
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
  gguf: ['bert'],
  heads: Object.keys(heads),
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
