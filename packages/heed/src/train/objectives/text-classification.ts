import { checkNames, UsageError } from '../../base/index.js'
import {
  type Encoder,
  encoderOutput,
  labelNames,
  type LoadedEncoder,
  type Running,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import {
  binaryCrossEntropy,
  crossEntropy,
  meanSquaredError,
  tensor,
  type Tensor,
} from '../../tensor/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import {
  encodedText,
  headOfKind,
  textEncoder,
  textField,
  type TextOptions,
  type TokenExample,
  tokenRows,
  type TokenRows,
  wrongRecord,
} from './texts.js'

const name = 'text-classification'

/**
 * A text, or two that are read together, and what is to be said of it: the name of a label (or its number);
 * the names of all that hold; or a number.
 */
export interface ClassifiedText {
  readonly text: string
  readonly pair?: string | null | undefined
  readonly label: string | number | readonly string[]
}

/** What `textClassification` may be told. */
export interface TextClassificationTraining extends TextOptions {
  /**
   * `single`: one label is right. `several`: any number of labels. `regression`: one number, whose square
   * error is the loss. Default: `single`, or `regression` for a head of one label.
   */
  readonly kind?: 'single' | 'several' | 'regression' | undefined
  /** The share of a target that is spread evenly over all labels; of `single`. Default 0. */
  readonly labelSmoothing?: number | undefined
}

/** An example: tokens, and a number for each label, or the number of the right one. */
export interface ClassificationExample extends TokenExample {
  readonly target: number | Float32Array
}

/** A batch of `textClassification`. */
export interface ClassificationBatch extends TokenRows {
  /** i32: the right label of each text. */
  readonly labels?: Tensor<'batch'>
  /** What each label is to be: 1 where it holds; or the number. */
  readonly targets?: Tensor<'batch' | 'label'>
}

/**
 * Learns labels of texts, and of pairs of texts such as premise and hypothesis. Metrics: `accuracy`, which of
 * several labels is that of all texts and labels; `error`, the mean distance, of a regression.
 *
 * @param loaded an encoder with the head SequenceClassification
 * @throws UsageError for another head
 */
export function textClassification(
  loaded: Running<LoadedEncoder>,
  options: TextClassificationTraining = {},
): Objective<ClassifiedText, ClassificationExample, ClassificationBatch, Quantized<Encoder>> {
  checkNames(name, options, ['maximum', 'kind', 'labelSmoothing'] satisfies (keyof typeof options)[])
  const { config } = loaded
  const { labels } = headOfKind(name, loaded, 'classification', 'SequenceClassification')
  const { kind = labels === 1 ? 'regression' : 'single', labelSmoothing = 0 } = options
  if (kind === 'regression' && labels !== 1)
    throw new UsageError({
      operation: name,
      expected: 'a head of one label for a regression',
      found: `${labels} labels`,
      hint: "load the model with head: { name: 'SequenceClassification', labels: ['score'] }",
    })
  const texts = textEncoder(name, loaded, options)
  const names = labelNames(loaded, labels)
  const numbers = new Map(names.map((label, number) => [label, number]))
  const numberOf = (label: unknown): number => {
    const number = typeof label === 'string' ? numbers.get(label) : (label as number)
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < labels)
      return number
    throw wrongRecord(
      name,
      `a label of ${names.slice(0, 10).join(', ')}${labels > 10 ? ', …' : ''}`,
      String(JSON.stringify(label)).slice(0, 100),
    )
  }
  const targetOf = (label: ClassifiedText['label']): number | Float32Array => {
    if (kind === 'single') return numberOf(label)
    if (kind === 'regression') {
      if (typeof label === 'number' && Number.isFinite(label)) return Float32Array.of(label)
      throw wrongRecord(name, 'a number as label', String(JSON.stringify(label)).slice(0, 100))
    }
    const target = new Float32Array(labels)
    for (const one of Array.isArray(label) ? (label as readonly string[]) : [label]) target[numberOf(one)] = 1
    return target
  }
  return {
    name,
    settings: { kind, labelSmoothing, maximum: texts.maximum, labels: names },
    encode({ text, pair, label }) {
      const second = pair === undefined || pair === null ? undefined : textField(name, 'pair', pair)
      const { ids, typeIds } = encodedText(name, texts, textField(name, 'text', text), second)
      return [{ ids, types: typeIds, target: targetOf(label) }]
    },
    lengthOf: ({ ids }) => ids.length,
    collate(examples) {
      const rows = tokenRows(examples)
      const batch = examples.length
      const targets = examples.map(({ target }) => target)
      if (kind === 'single')
        return { ...rows, labels: tensor(targets as number[], { batch }, { dtype: 'i32' }) }
      const all = new Float32Array(batch * labels)
      targets.forEach((target, i) => all.set(target as Float32Array, i * labels))
      return { ...rows, targets: tensor(all, { batch, label: labels }) }
    },
    loss(model, { ids, tokenTypes, rows, labels: right, targets }, { run }) {
      const output = encoderOutput(model, config, ids, { tokenTypes, rows, ...run })
      const { logits } = output as Extract<typeof output, { readonly kind: 'classification' }>
      const weight = rows.length
      if (right !== undefined)
        return {
          loss: crossEntropy(logits, right, 'label', { labelSmoothing }),
          weight,
          metrics: { accuracy: accuracy(logits, right, 'label') },
        }
      const wanted = targets!
      const found = logits.values(['batch', 'label'])
      const truth = wanted.values(['batch', 'label'])
      const each = (measure: (found: number, truth: number) => number): number =>
        found.reduce((sum, one, i) => sum + measure(one, truth[i]!), 0) / found.length
      return kind === 'several'
        ? {
            loss: binaryCrossEntropy(logits, wanted),
            weight,
            metrics: { accuracy: each((x, y) => (x > 0 === y > 0.5 ? 1 : 0)) },
          }
        : {
            loss: meanSquaredError(logits, wanted),
            weight,
            metrics: { error: each((x, y) => Math.abs(x - y)) },
          }
    },
  }
}
