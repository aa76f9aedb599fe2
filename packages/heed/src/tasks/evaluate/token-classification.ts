/** Labels of words: entities by type, beginning and end. */
import { inWords, UsageError } from '../../base/index.js'
import {
  batchesByLength,
  encoderOutput,
  type LoadedEncoder,
  ofFamily,
  type Running,
} from '../../models/index.js'
import { scope } from '../../tensor/index.js'
import type { Encoding } from '../../text/index.js'
import type { DataRecord } from '../../train/index.js'
import { headOfKind, labelNames } from '../labels.js'
import { entityScores } from '../metrics/index.js'
import { mostTokens, packed } from '../texts.js'
import { fromOthers } from './baselines/classes.js'
import {
  checkOptions,
  type EvaluateOptions,
  inBatches,
  type Measure,
  type Measured,
  wrongRecord,
} from './evaluation.js'

const task = 'token-classification'

interface Labelled {
  /** The words joined: equal texts learn from one another nowhere. */
  readonly text: string
  readonly words: readonly string[]
  readonly labels: readonly string[]
}

/**
 * Labels the words of `{ words, labels }`: `entity F1`, `precision`, `recall`, and the `accuracy` of words. A
 * word has the label of its first token; words beyond the model's context are `O`. Beside: `most frequent
 * label`, that of the word among other texts. Details: the scores of each type.
 *
 * @throws UsageError where the model has no such head, or a record no label for each word
 */
export async function measureTokens(
  model: Running,
  records: readonly DataRecord[],
  options: EvaluateOptions = {},
): Promise<Measured> {
  checkOptions(task, options)
  const loaded: Running<LoadedEncoder> = ofFamily(model, 'encoder', task)
  const { around = (work) => work(), learnFrom } = options
  const names = labelNames(loaded, headOfKind(task, loaded, 'token').labels)
  const examples = records.map(labelled)
  const texts = examples.map(({ words }) =>
    loaded.tokenizer.encode(words, {
      truncation: { max_length: mostTokens(loaded), strategy: 'LongestFirst', direction: 'Right', stride: 0 },
      padding: null,
    }),
  )
  const found = examples.map(({ words }) => words.map(() => 'O'))
  const lengths = texts.map(({ length }) => length)
  await inBatches(batchesByLength(lengths, options.batchTokens ?? 2048), options, (batch) => {
    const labels = around(() =>
      tokenLabelsOf(
        loaded,
        batch.map((i) => texts[i]!),
      ),
    )
    batch.forEach((i, row) => {
      const { wordIds } = texts[i]!
      for (let at = texts[i]!.length - 1; at >= 0; at--)
        if (wordIds[at]! >= 0) found[i]![wordIds[at]!] = names[labels[row]![at]!]!
    })
  })
  const total = entityScores(
    found,
    examples.map(({ labels }) => labels),
  )
  return {
    task,
    count: examples.length,
    own: measureOf('model', found, examples),
    baselines: () => [
      measureOf('most frequent label', frequentLabels(examples, learnFrom?.map(labelled)), examples),
    ],
    details: { types: total.types },
  }
}

function labelled(record: DataRecord): Labelled {
  const { words, labels } = record
  const isTexts = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((one) => typeof one === 'string')
  if (!isTexts(words)) throw wrongRecord(task, "records whose 'words' is a list of texts", record)
  if (isTexts(labels) && labels.length === words.length) return { text: words.join(' '), words, labels }
  throw new UsageError({
    operation: task,
    expected: `a label for each of the ${words.length} words`,
    found: Array.isArray(labels) ? String(labels.length) : inWords(labels),
    hint: 'give labels such as B-PER, I-PER, O',
  })
}

/** The likeliest label of each position. */
function tokenLabelsOf(loaded: Running<LoadedEncoder>, texts: readonly Encoding[]): number[][] {
  const { model, config } = loaded
  return scope(() => {
    const { ids, ...how } = packed(texts)
    const made = encoderOutput(model, config, ids, how)
    if (made.kind !== 'token') return []
    const labels = made.logits.size('label')
    const numbers = made.logits.values(['batch', 'position', 'label'])
    let start = 0
    return texts.map(({ length }) =>
      Array.from({ length }, () => {
        const own = numbers.subarray(start, (start += labels))
        return own.indexOf(own.reduce((a, b) => Math.max(a, b), -Infinity))
      }),
    )
  })
}

function frequentLabels(examples: readonly Labelled[], others?: readonly Labelled[]): string[][] {
  return fromOthers(examples, others, (learned) => {
    const counts = new Map<string, Map<string, number>>()
    for (const { words, labels } of learned)
      words.forEach((word, i) => {
        const own = counts.get(word) ?? new Map<string, number>()
        counts.set(word, own.set(labels[i]!, (own.get(labels[i]!) ?? 0) + 1))
      })
    return ({ words }) =>
      words.map((word) => [...(counts.get(word) ?? [])].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'O')
  })
}

function measureOf(
  name: string,
  found: readonly (readonly string[])[],
  examples: readonly Labelled[],
): Measure {
  const of =
    (metric: 'f1' | 'precision' | 'recall') =>
    (items: Uint32Array): number =>
      entityScores(
        Array.from(items, (i) => found[i]!),
        Array.from(items, (i) => examples[i]!.labels),
      )[metric]
  const right = examples.map(({ labels }, i) => labels.filter((label, at) => label === found[i]![at]).length)
  const share = (items: Uint32Array): number => {
    let [sum, count] = [0, 0]
    for (const i of items) {
      sum += right[i]!
      count += examples[i]!.labels.length
    }
    return sum / Math.max(1, count)
  }
  return {
    name,
    metrics: { 'entity F1': of('f1'), precision: of('precision'), recall: of('recall'), accuracy: share },
  }
}
