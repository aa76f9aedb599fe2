import { checkNames } from '../../base/index.js'
import {
  type EncoderDecoder,
  encodeSource,
  type LoadedEncoderDecoder,
  sourceIds,
  targetLogits,
  type Running,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { crossEntropy, type Tensor } from '../../tensor/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import {
  checkTokens,
  encodedCut,
  endIds,
  joinedNumbers,
  textEncoder,
  textField,
  type TextOptions,
} from './texts.js'

const name = 'sequence-to-sequence'

/** A text, and what it is to become. */
export interface RewrittenText {
  readonly source: string
  readonly target: string
}

/** What `sequenceToSequence` may be told. */
export interface SequenceToSequenceTraining extends TextOptions {
  /** Tokens of a target at most. Default `maximum`. */
  readonly targetMaximum?: number | undefined
  /** What stands before each source: `summarize: `. Default nothing. */
  readonly prefix?: string | undefined
  /** The share of each target that is spread evenly over all tokens. Default 0; Vaswani et al. 2017: 0.1. */
  readonly labelSmoothing?: number | undefined
}

/** The ids of a source, those that the decoder reads, and what it is to say at each. */
export interface RewrittenExample {
  readonly source: Int32Array
  readonly inputs: Int32Array
  readonly labels: Int32Array
}

/** A batch of `sequenceToSequence`: sources, and targets, one behind the other. */
export interface RewrittenBatch {
  readonly source: Tensor<'batch' | 'position'>
  readonly sources: readonly number[]
  readonly inputs: Tensor<'batch' | 'position'>
  readonly lengths: readonly number[]
  readonly labels: Tensor<'batch' | 'position'>
}

/**
 * Learns to write a target for a source (Sutskever et al. 2014): each token from those before it and the
 * source. Metric: `accuracy`, over the tokens of targets.
 */
export function sequenceToSequence(
  loaded: Running<LoadedEncoderDecoder>,
  options: SequenceToSequenceTraining = {},
): Objective<RewrittenText, RewrittenExample, RewrittenBatch, Quantized<EncoderDecoder>> {
  const names = ['maximum', 'targetMaximum', 'prefix', 'labelSmoothing'] satisfies (keyof typeof options)[]
  checkNames(name, options, names)
  const { config } = loaded
  const texts = textEncoder(name, loaded, options)
  const { targetMaximum = texts.maximum, prefix = '', labelSmoothing = 0 } = options
  const [end] = endIds(loaded)
  const idsOf = (text: string, maximum: number): Int32Array =>
    checkTokens(name, encodedCut(texts, text, { strategy: 'OnlyFirst', stride: 0, maximum })).ids
  const labelsOf = (text: string): Int32Array => {
    const ids = idsOf(text, targetMaximum)
    const isEnded = end === undefined || config.start === undefined || ids.at(-1) === end
    return isEnded ? ids : Int32Array.from([...ids.slice(0, Math.max(1, targetMaximum - 1)), end])
  }
  return {
    name,
    settings: { maximum: texts.maximum, targetMaximum, prefix, labelSmoothing },
    encode({ source, target }) {
      const labels = labelsOf(textField(name, 'target', target))
      const inputs = Int32Array.from(labels, (_, i) =>
        i > 0 ? labels[i - 1]! : (config.start ?? labels.at(-1)!),
      )
      const read = idsOf(prefix + textField(name, 'source', source), texts.maximum)
      return [{ source: Int32Array.from(sourceIds(config, read)), inputs, labels }]
    },
    lengthOf: ({ source, inputs }) => source.length + inputs.length,
    collate: (examples) => ({
      source: joinedNumbers(examples.map(({ source }) => source)),
      sources: examples.map(({ source }) => source.length),
      inputs: joinedNumbers(examples.map(({ inputs }) => inputs)),
      lengths: examples.map(({ inputs }) => inputs.length),
      labels: joinedNumbers(examples.map(({ labels }) => labels)),
    }),
    loss(model, { source, sources, inputs, lengths, labels }, { run }) {
      const states = encodeSource(model, config, source, { lengths: sources, ...run })
      const logits = targetLogits(model, config, inputs, states, { rows: { lengths, sources }, ...run })
      return {
        loss: crossEntropy(logits, labels, 'vocabulary', { labelSmoothing }),
        weight: labels.size('position'),
        metrics: { accuracy: accuracy(logits, labels, 'vocabulary') },
      }
    },
  }
}
