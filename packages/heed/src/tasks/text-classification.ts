/**
 * Labels of texts, and of pairs of texts: sentiment, topic, entailment (Devlin et al. 2019, "BERT", section
 * 4.1).
 */
import { checkNames, inWords, UsageError } from '../base/index.js'
import { encoderOutput, type LoadedEncoder, ofFamily, type Running } from '../models/index.js'
import { scope } from '../tensor/index.js'
import type { Encoding } from '../text/index.js'
import { encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { headOfKind, labelNames, problemType } from './labels.js'
import { runTask, type TaskWork } from './run-task.js'
import { applied, type ScoreFunction, scoreFunctions } from './scores.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText, encoded, packed, type ReadTexts, type TextPairInput } from './texts.js'

/** What is classified: a text, or two that are read together. */
export type TextClassificationInput = string | TextPairInput

/** How labels are given. */
export interface TextClassificationOptions extends TaskOptions {
  /** How many of the likeliest labels are given; null: all. Default 1. */
  readonly top_k?: number | null | undefined
  /**
   * From logits to scores. Default: none for a regression, `sigmoid` for several labels at once and for a
   * single label, else `softmax`, by the configuration's `problem_type`.
   */
  readonly function_to_apply?: ScoreFunction | undefined
}

/** A label, and how likely it is. */
export interface LabelScore {
  readonly label: string
  readonly score: number
  /**
   * UTF-16 units at the end of the text, or of a pair, that the model had no room for, where there are any.
   */
  readonly unread?: number
}

type Labels<Options> = Options extends { readonly top_k: infer K }
  ? K extends 1
    ? LabelScore
    : LabelScore[]
  : LabelScore

/**
 * Texts to labels. As in transformers.js, one text gives a list of labels, and a list of texts a label for
 * each, or a list for each where `top_k` isn't 1.
 */
export interface TextClassificationPipeline extends TaskPipeline<
  'text-classification',
  TextClassificationInput
> {
  <
    const Input extends TextClassificationInput | readonly TextClassificationInput[],
    const Options extends TextClassificationOptions = Record<never, never>,
  >(
    input: Input,
    options?: Options & TextClassificationOptions,
  ): Promise<TaskResult<Input, Options, LabelScore[], Labels<Options>>>
}

/** Throws UsageError where the model has no head that classifies texts. */
export function createTextClassification(opened: Opened): TextClassificationPipeline {
  const task = 'text-classification'
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  const head = headOfKind(task, loaded, 'classification')
  const labels = labelNames(loaded, head.labels)
  const problem = problemType(loaded)
  const own =
    problem === 'regression'
      ? 'none'
      : problem === 'multi_label_classification' || labels.length === 1
        ? 'sigmoid'
        : 'softmax'
  const call = async (
    input: TextClassificationInput | readonly TextClassificationInput[],
    options: TextClassificationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'top_k', 'function_to_apply'])
    const { top_k = 1, function_to_apply = own, attention = false } = options
    if (top_k !== null && !(Number.isSafeInteger(top_k) && top_k >= 1))
      throw refused(task, 'top_k, a whole number of at least 1, or null for all', inWords(top_k))
    if (!scoreFunctions.includes(function_to_apply))
      throw refused(
        task,
        `function_to_apply, one of ${scoreFunctions.join(', ')}`,
        inWords(function_to_apply),
      )
    const isList = Array.isArray(input)
    const work: TaskWork<TextClassificationInput, ReadTexts, ArrayLike<number>, LabelScore | LabelScore[]> = {
      operation: task,
      pieces: (one) => [encodedInput(task, loaded, one)],
      length: ({ tokens }) => tokens.length,
      run: (pieces) =>
        classLogits(
          loaded,
          pieces.map(({ tokens }) => tokens),
        ),
      result(_, [logits], [read]) {
        const { tokens, unread } = read!
        const scores = applied(function_to_apply, logits!)
        const best = labels
          .map((label, i) => ({ label, score: scores[i]!, ...(unread > 0 && { unread }) }))
          .sort((a, b) => b.score - a.score)
          .slice(0, top_k ?? undefined)
        const found = isList && top_k === 1 ? best[0]! : best
        return attention ? Object.assign(found, { attention: encoderAttention(loaded, tokens) }) : found
      },
    }
    const results = await runTask(work, isList ? input : [input as TextClassificationInput], options)
    return isList ? results : results[0]
  }
  return callable<TextClassificationPipeline>(task, opened, call, (input) =>
    typeof input === 'string' ? input : `${input.text}\n${input.text_pair}`,
  )
}

/** An input as it is read. Throws UsageError for what is neither a text nor a pair. */
export function encodedInput(
  task: string,
  loaded: Running<LoadedEncoder>,
  input: TextClassificationInput,
): ReadTexts {
  if (typeof input !== 'object' || input === null) {
    checkText(task, 'the input', input)
    return encoded(loaded, task, input)
  }
  checkNames(task, input, ['text', 'text_pair'], 'an input')
  const { text, text_pair: pair } = input
  checkText(task, 'text', text)
  checkText(task, 'text_pair', pair)
  return encoded(loaded, task, text, pair)
}

/** The logits of each text's labels. */
export function classLogits(loaded: Running<LoadedEncoder>, texts: readonly Encoding[]): Float32Array[] {
  const { model, config } = loaded
  return scope(() => {
    const { ids, ...how } = packed(texts)
    const made = encoderOutput(model, config, ids, how)
    if (made.kind !== 'classification') return []
    const numbers = made.logits.values(['batch', 'label']) as Float32Array
    const labels = made.logits.size('label')
    return texts.map((_, row) => numbers.slice(row * labels, (row + 1) * labels))
  })
}

function refused(operation: string, expected: string, found: string): UsageError {
  return new UsageError({ operation, expected, found, hint: 'correct the option' })
}
