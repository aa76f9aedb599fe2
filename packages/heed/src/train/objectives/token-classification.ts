import { checkNames, checkWhole } from '../../base/index.js'
import {
  type Encoder,
  encoderOutput,
  labelNames,
  type LoadedEncoder,
  type Running,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { crossEntropy, type Tensor } from '../../tensor/index.js'
import type { Encoding } from '../../text/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import {
  checkTokens,
  encodedCut,
  headOfKind,
  joinedNumbers,
  textEncoder,
  textField,
  type TextOptions,
  type TokenExample,
  tokenRows,
  type TokenRows,
  wrongRecord,
} from './texts.js'

const name = 'token-classification'
/** A position that has no label. */
const noLabel = -100

/** A stretch of a text, in UTF-16 code units, and what it is. */
export interface LabelledSpan {
  readonly start: number
  readonly end: number
  readonly label: string
}

/** Words, each with its label's name or number; or a text, and what some stretches of it are. */
export type LabelledTokens =
  | { readonly words: readonly string[]; readonly labels: readonly (string | number)[] }
  | { readonly text: string; readonly labels: readonly LabelledSpan[] }

/** What `tokenClassification` may be told. */
export interface TokenClassificationTraining extends TextOptions {
  /** Whether all tokens of a word count, or its first alone. Default `first` (Devlin et al. 2019, 5.3). */
  readonly pieces?: 'first' | 'all' | undefined
  /** Tokens that a window of a long text repeats of the one before. Default 0. */
  readonly stride?: number | undefined
}

/** An example: tokens, and of each the number of its label; −100 where it has none. */
export interface LabelledExample extends TokenExample {
  readonly labels: Int32Array
}

/** A batch of `tokenClassification`. */
export interface LabelledBatch extends TokenRows {
  /** i32 */
  readonly labels: Tensor<'batch' | 'position'>
  /** How many have one. */
  readonly count: number
}

/**
 * Learns labels of words, or of stretches of a text such as names. Where labels are called `B-…` and `I-…`, a
 * stretch's first token has the one and the others the other; tokens outside of all stretches are `O`, or
 * else the first label. Texts that are too long are read by windows. Metric: `accuracy`, over tokens.
 *
 * @param loaded an encoder with the head TokenClassification
 * @throws UsageError for another head
 */
export function tokenClassification(
  loaded: Running<LoadedEncoder>,
  options: TokenClassificationTraining = {},
): Objective<LabelledTokens, LabelledExample, LabelledBatch, Quantized<Encoder>> {
  checkNames(name, options, ['maximum', 'pieces', 'stride'] satisfies (keyof typeof options)[])
  const { config } = loaded
  const { labels: count } = headOfKind(name, loaded, 'token', 'TokenClassification')
  const { pieces = 'first', stride = 0 } = options
  checkWhole(name, 'stride', stride)
  const texts = textEncoder(name, loaded, options)
  const names = labelNames(loaded, count)
  const numbers = new Map(names.map((label, number) => [label, number]))
  const outside = numbers.get('O') ?? 0
  const numberOf = (label: unknown): number => {
    const number = typeof label === 'string' ? numbers.get(label) : (label as number)
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < count) return number
    const known = `${names.slice(0, 10).join(', ')}${count > 10 ? ', …' : ''}`
    throw wrongRecord(name, `a label of ${known}`, String(JSON.stringify(label)).slice(0, 100))
  }
  /** Which label a token has, by its place in the encoding. */
  const labellerOf = (record: LabelledTokens): ((encoding: Encoding, i: number) => number) => {
    if ('words' in record) {
      const { words, labels } = record
      if (!Array.isArray(words) || !Array.isArray(labels) || words.length !== labels.length)
        throw wrongRecord(name, 'as many labels as words', `${labels?.length} for ${words?.length}`)
      const own = labels.map(numberOf)
      return ({ wordIds }, i) => own[wordIds[i]!]!
    }
    const spans = spansOf(textField(name, 'text', record.text), record.labels)
    return ({ spans: places }, i) => {
      const [start, end] = [places[2 * i]!, places[2 * i + 1]!]
      const span = spans.find((one) => one.start < end && start < one.end)
      if (span === undefined) return outside
      const begins = start <= span.start
      return numbers.get(`${begins ? 'B' : 'I'}-${span.label}`) ?? numberOf(span.label)
    }
  }
  const spansOf = (text: string, spans: readonly LabelledSpan[]): readonly LabelledSpan[] => {
    if (!Array.isArray(spans)) throw wrongRecord(name, 'labels as a list', typeof spans)
    const inOrder = [...spans].sort((a, b) => a.start - b.start)
    inOrder.forEach(({ start, end, label }, i) => {
      const within = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end <= text.length
      if (!within || start >= end || (i > 0 && start < inOrder[i - 1]!.end))
        throw wrongRecord(name, 'stretches of the text that have no part in common', `[${start}, ${end})`)
      if (!numbers.has(`B-${label}`)) numberOf(label)
    })
    return inOrder
  }
  return {
    name,
    settings: { pieces, stride, maximum: texts.maximum, labels: names },
    encode(record) {
      const labelOf = labellerOf(record)
      const whole = encodedCut(texts, 'words' in record ? record.words : record.text, {
        strategy: 'OnlyFirst',
        stride,
      })
      return [checkTokens(name, whole), ...whole.overflow].map((encoding) => {
        const { ids, typeIds, wordIds, sequenceIds } = encoding
        const labels = Int32Array.from(ids, (_, i) => {
          const isPiece = i > 0 && wordIds[i] === wordIds[i - 1] && sequenceIds[i - 1] === 0
          if (sequenceIds[i] !== 0 || wordIds[i]! < 0 || (pieces === 'first' && isPiece)) return noLabel
          return labelOf(encoding, i)
        })
        return { ids, types: typeIds, labels }
      })
    },
    lengthOf: ({ ids }) => ids.length,
    collate: (examples) => ({
      ...tokenRows(examples),
      labels: joinedNumbers(examples.map(({ labels }) => labels)),
      count: examples.reduce(
        (sum, { labels }) => sum + labels.reduce((own, label) => own + (label === noLabel ? 0 : 1), 0),
        0,
      ),
    }),
    loss(model, { ids, tokenTypes, rows, labels, count: weight }, { run }) {
      const output = encoderOutput(model, config, ids, { tokenTypes, rows, ...run })
      const { logits } = output as Extract<typeof output, { readonly kind: 'token' }>
      return {
        loss: crossEntropy(logits, labels, 'label', { ignore: noLabel }),
        weight,
        metrics: { accuracy: accuracy(logits, labels, 'label') },
      }
    },
  }
}
