/**
 * Labels that the model has never seen, by entailment: whether a text entails "This example is about sport."
 * (Yin et al. 2019, "Benchmarking Zero-shot Text Classification").
 */
import { checkBooleans, checkNames, inWords, UsageError } from '../base/index.js'
import { type LoadedEncoder, ofFamily, type Running } from '../models/index.js'
import { encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { headOfKind, labelNames } from './labels.js'
import { runTask, type TaskWork } from './run-task.js'
import { softmaxOf } from './scores.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { classLogits } from './text-classification.js'
import { checkText, encoded, type ReadTexts } from './texts.js'

/** How labels become hypotheses, and logits scores. */
export interface ZeroShotClassificationOptions extends TaskOptions {
  /** The sentence that a label makes, `{}` where the label stands. Default 'This example is {}.'. */
  readonly hypothesis_template?: string | undefined
  /**
   * Whether several labels may be true: each has the probability of its entailment against its contradiction.
   * Otherwise all labels share one probability. Default false.
   */
  readonly multi_label?: boolean | undefined
}

/** A text's labels, the likeliest first, with the score of each. */
export interface ZeroShotClassification {
  readonly sequence: string
  readonly labels: readonly string[]
  readonly scores: readonly number[]
  /** UTF-16 units at the text's end that the model had no room for, where there are any. */
  readonly unread?: number
}

/** Texts to any labels. `attention` is that of the text with its likeliest label. */
export interface ZeroShotClassificationPipeline extends TaskPipeline<'zero-shot-classification', string> {
  <
    const Input extends string | readonly string[],
    const Options extends ZeroShotClassificationOptions = Record<never, never>,
  >(
    texts: Input,
    candidate_labels: string | readonly string[],
    options?: Options & ZeroShotClassificationOptions,
  ): Promise<TaskResult<Input, Options, ZeroShotClassification>>
}

/**
 * The numbers of the labels that say that a text entails another, or contradicts it: by their names; where
 * none says contradiction, the first of the others at either end.
 *
 * @throws UsageError where no label says entailment
 */
export function entailmentLabels(labels: readonly string[]): {
  readonly entailment: number
  readonly contradiction: number
} {
  const entailment = labels.findIndex((label) => /^entail/i.test(label))
  if (entailment < 0)
    throw new UsageError({
      operation: 'zero-shot-classification',
      expected: "a model with a label 'entailment' among its labels",
      found: labels.slice(0, 5).join(', '),
      hint: 'take a model that was trained on entailment, or name its labels in id2label',
    })
  const named = labels.findIndex((label) => /^contra|^not[\s_-]?entail/i.test(label))
  return { entailment, contradiction: named >= 0 ? named : entailment === 0 ? labels.length - 1 : 0 }
}

/** Throws UsageError where the model doesn't tell entailment. */
export function createZeroShotClassification(opened: Opened): ZeroShotClassificationPipeline {
  const task = 'zero-shot-classification'
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  const { labels: count } = headOfKind(task, loaded, 'classification')
  const { entailment, contradiction } = entailmentLabels(labelNames(loaded, count))
  const call = async (
    texts: string | readonly string[],
    candidates: string | readonly string[],
    options: ZeroShotClassificationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'hypothesis_template', 'multi_label'])
    checkBooleans(task, options, ['multi_label'])
    const { hypothesis_template: template = 'This example is {}.', multi_label = false } = options
    const labels = typeof candidates === 'string' ? [candidates] : candidates
    if (!Array.isArray(labels) || labels.length === 0)
      throw refused('at least one label', inWords(labels), `write ${task}(text, ['sport', 'politics'])`)
    for (const label of labels) {
      checkText(task, 'each label', label)
      if (label.trim() === '') throw refused('labels with a word in them', inWords(label), 'leave it out')
    }
    checkText(task, 'hypothesis_template', template)
    if (!template.includes('{}'))
      throw refused('a hypothesis_template with {} in it', inWords(template), 'write {} for the label')
    const hypotheses = labels.map((label) => template.replace('{}', () => label))
    const isList = Array.isArray(texts)
    const work: TaskWork<string, ReadTexts, Float32Array, ZeroShotClassification> = {
      operation: task,
      pieces(text) {
        checkText(task, 'the input', text)
        return hypotheses.map((hypothesis) => encoded(loaded, task, text, hypothesis, 'OnlyFirst'))
      },
      length: ({ tokens }) => tokens.length,
      run: (pairs) =>
        classLogits(
          loaded,
          pairs.map(({ tokens }) => tokens),
        ),
      result(sequence, logits, pairs) {
        const scores =
          multi_label || labels.length === 1
            ? logits.map((each) => softmaxOf([each[contradiction]!, each[entailment]!])[1]!)
            : [...softmaxOf(logits.map((each) => each[entailment]!))]
        const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b)
        // The longest hypothesis leaves the least room.
        const unread = Math.max(...pairs.map((pair) => pair.unread))
        return {
          sequence,
          labels: order.map((i) => labels[i]!),
          scores: order.map((i) => scores[i]!),
          ...(unread > 0 && { unread }),
          ...(options.attention === true && {
            attention: encoderAttention(loaded, pairs[order[0]!]!.tokens),
          }),
        }
      },
    }
    const results = await runTask(work, isList ? texts : [texts as string], options)
    return isList ? results : results[0]
  }
  return callable<ZeroShotClassificationPipeline>(task, opened, call, (text) => text)
}

function refused(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: 'zero-shot-classification', expected, found, hint })
}
