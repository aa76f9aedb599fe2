/** Labels of texts and pairs: accuracy, F1, the confusion of classes. */
import { inWords, UsageError } from '../../base/index.js'
import { batchesByLength, type Running } from '../../models/index.js'
import type { DataRecord, FewShotClassifier } from '../../train/index.js'
import { classificationScores } from '../metrics/index.js'
import { textClassifier } from '../text-classification.js'
import { classBaselines, type ClassExample } from './baselines/classes.js'
import {
  checkOptions,
  type EvaluateOptions,
  inBatches,
  type Measure,
  type Measured,
  textIn,
  wrongRecord,
} from './evaluation.js'

const task = 'text-classification'

/** What was measured of each record, beside the scores. */
export interface ClassificationDetails {
  readonly labels: readonly string[]
  readonly classes: readonly {
    readonly label: string
    readonly precision: number
    readonly recall: number
    readonly f1: number
    readonly count: number
  }[]
  /** How many of label `confusion[is][called]`. */
  readonly confusion: readonly (readonly number[])[]
}

/**
 * Classifies `{ text, pair?, label }` and compares: `accuracy`, `macro F1`, `Matthews`. Labels are names of
 * the model's, in whatever case, or their numbers. The model chooses among all of its labels, whether the
 * data has them or not. A few-shot classifier reads single texts. Beside: see `classBaselines`. Details:
 * `ClassificationDetails`.
 *
 * @throws UsageError where the model has no such head, or a record no such label
 */
export async function measureClassification(
  model: Running | FewShotClassifier,
  records: readonly DataRecord[],
  options: EvaluateOptions = {},
): Promise<Measured> {
  checkOptions(task, options)
  const { around = (work) => work() } = options
  const { labels, read, logitsOf } = textClassifier(model)
  if (labels.length < 2)
    throw new UsageError({
      operation: task,
      expected: 'a model of at least two labels',
      found: String(labels.length),
      hint: "a model of one score is measured by 'sentence-similarity' or 'search'",
    })
  const examples = examplesOf(records, labels)
  const texts = examples.map(
    ({ text, pair }) => read(pair === undefined ? text : { text, text_pair: pair }).tokens,
  )
  const lengths = texts.map(({ length }) => length)
  const found = new Array<number>(examples.length)
  await inBatches(batchesByLength(lengths, options.batchTokens ?? 2048), options, (batch) => {
    const all = around(() => logitsOf(batch.map((i) => texts[i]!)))
    batch.forEach((i, row) => {
      const own = Array.from(all[row]!)
      found[i] = own.indexOf(own.reduce((a, b) => Math.max(a, b), -Infinity))
    })
  })
  const details: ClassificationDetails = detailsOf(found, examples, labels)
  return {
    task,
    count: examples.length,
    own: measureOf('model', found, examples, labels.length),
    baselines: () => baselinesOf(examples, labels, options),
    details: { ...details },
  }
}

/** Texts with the numbers of their labels. */
function examplesOf(records: readonly DataRecord[], labels: readonly string[]): ClassExample[] {
  const numbers = new Map(
    labels.flatMap(
      (name, i) =>
        [
          [name.toLowerCase(), i],
          [String(i), i],
        ] as const,
    ),
  )
  // A label that is a number in its own right wins over the place of another.
  labels.forEach((name, i) => numbers.set(name.toLowerCase(), i))
  return records.map((record) => {
    const { label, pair } = record
    const number = numbers.get(String(label).toLowerCase())
    if (number === undefined)
      throw new UsageError({
        operation: task,
        expected: `records with a label of the model's: ${labels.slice(0, 10).join(', ')}`,
        found: label === undefined ? 'one without a label' : inWords(label),
        hint:
          label === undefined
            ? 'say in fields of the data source which field has the label'
            : "rename the data's labels in labels of the data source",
      })
    if (pair !== undefined && typeof pair !== 'string')
      throw wrongRecord(task, 'a pair that is a text', record)
    return { text: textIn(task, record, 'text'), pair, label: number }
  })
}

function baselinesOf(
  examples: readonly ClassExample[],
  labels: readonly string[],
  { learnFrom }: EvaluateOptions,
): Measure[] {
  const others = learnFrom && examplesOf(learnFrom, labels)
  return Object.entries(classBaselines(examples, labels.length, others)).map(([name, found]) =>
    measureOf(name, found, examples, labels.length),
  )
}

function measureOf(
  name: string,
  found: readonly number[],
  examples: readonly ClassExample[],
  classes: number,
): Measure {
  const of = (items: Uint32Array): ReturnType<typeof classificationScores> =>
    classificationScores(
      Uint32Array.from(items, (i) => found[i]!),
      Uint32Array.from(items, (i) => examples[i]!.label),
      classes,
    )
  // The three metrics ask for the same items, one after the other.
  let last: { readonly items: Uint32Array; readonly scores: ReturnType<typeof of> } | undefined
  const once = (items: Uint32Array): ReturnType<typeof of> => {
    const same =
      last !== undefined && last.items.length === items.length && last.items.every((i, at) => i === items[at])
    if (!same) last = { items: items.slice(), scores: of(items) }
    return last!.scores
  }
  return {
    name,
    metrics: {
      accuracy: (items) => once(items).accuracy,
      'macro F1': (items) => once(items).macroF1,
      Matthews: (items) => once(items).matthews,
    },
  }
}

function detailsOf(
  found: readonly number[],
  examples: readonly ClassExample[],
  labels: readonly string[],
): ClassificationDetails {
  const truth = examples.map(({ label }) => label)
  const { classes, confusion } = classificationScores(found, truth, labels.length)
  return { labels, classes: classes.map((scores, i) => ({ label: labels[i]!, ...scores })), confusion }
}
