/**
 * MPNet (Song et al. 2020, "MPNet: Masked and Permuted Pre-training for Language Understanding"): as RoBERTa
 * without token types, and with T5's relative bias, one table for all layers.
 */
import { type Binding, linearBinding, normBinding } from '../../checkpoint/index.js'
import type { Architecture } from '../architecture.js'
import { encoderArchitecture } from './architecture.js'
import {
  bertIgnored,
  bertLike,
  embeddingBindings,
  feedForwardBindings,
  firstHead,
  plainHeads,
  poolerBinding,
} from './bert-like.js'
import type { EncoderDesign } from './design.js'
import type { Encoder } from './encoder.js'
import { bindingsOfHead, type HeadChoices, headOf } from './heads/index.js'
import { positionsBehind, robertaMaskedHead } from './roberta.js'

const heads: HeadChoices = {
  MaskedLM: robertaMaskedHead,
  SequenceClassification: firstHead('tanh'),
  ...plainHeads,
}

/** The original's, whatever the configuration says. */
const buckets = 32
const maximumDistance = 128
const padding = 1

export const mpnet: Architecture<EncoderDesign, Encoder> = encoderArchitecture({
  name: 'mpnet',
  source: 'Song et al. 2020, MPNet: Masked and Permuted Pre-training for Language Understanding',
  modelTypes: ['mpnet'],
  heads: Object.keys(heads),
  design(config) {
    const design = positionsBehind(config, bertLike(config).design, padding)
    const rows = config.size('relative_attention_num_buckets', { absent: buckets, most: 2 ** 20 })
    if (rows < buckets) config.field('relative_attention_num_buckets').refuse(`at least ${buckets}`)
    const head = headOf(config, heads)
    return {
      ...design,
      architecture: 'mpnet',
      embedding: { ...design.embedding, tokenTypes: undefined },
      relativeBias: { buckets, maximumDistance, rows },
      head,
      ...(head === undefined && { pooler: { activation: 'tanh' } }),
    }
  },
  bindings({ head }) {
    const prefix = head === undefined ? '' : 'mpnet.'
    const layer = `${prefix}encoder.layer.#`
    const projection = (name: string): Binding[] =>
      linearBinding(`blocks.#.attention.${name}`, {
        file: `${layer}.attention.attn.${name[0]}`,
        from: name === 'output' ? 'head headWidth' : 'width',
        to: name === 'output' ? 'width' : 'head headWidth',
      })
    return {
      prefixes: ['mpnet.'],
      leaves: [
        ...embeddingBindings(prefix),
        {
          path: 'relativeBias',
          file: `${prefix}encoder.relative_attention_bias.weight`,
          axes: ['bucket', 'head'],
        },
        ...['query', 'key', 'value', 'output'].flatMap(projection),
        ...normBinding('blocks.#.attentionNorm', `${layer}.attention.LayerNorm`),
        ...feedForwardBindings(layer),
        ...poolerBinding(`${prefix}pooler.dense`),
        ...bindingsOfHead(head, heads),
      ],
      ignored: [...bertIgnored, 'lm_head.*'],
    }
  },
})
