/**
 * Labels of texts, and of pairs of texts: sentiment, topic, entailment (Devlin et al. 2019, "BERT", section
 * 4.1).
 */
import { checkNames, inWords, UsageError } from '../base/index.js'
import { encoderOutput, type LoadedEncoder, ofFamily, type Running } from '../models/index.js'
import { scope } from '../tensor/index.js'
import type { Encoding } from '../text/index.js'
import { FewShotClassifier, linearLogits } from '../train/index.js'
import { encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { headOfKind, labelNames, problemType } from './labels.js'
import { runTask, type TaskWork } from './run-task.js'
import { applied, type ScoreFunction, scoreFunctions } from './scores.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText, encoded, packed, type ReadTexts, type TextPairInput, unreadOf } from './texts.js'

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

const task = 'text-classification'

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
  const { loaded, labels, usual, read, logitsOf } = textClassifier(opened.fewShot ?? opened.model)
  const call = async (
    input: TextClassificationInput | readonly TextClassificationInput[],
    options: TextClassificationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'top_k', 'function_to_apply'])
    const { top_k = 1, function_to_apply = usual, attention = false } = options
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
      pieces: (one) => [read(one)],
      length: ({ tokens }) => tokens.length,
      run: (pieces) => logitsOf(pieces.map(({ tokens }) => tokens)),
      result(_, [logits], [piece]) {
        const { tokens, unread } = piece!
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

/** What classifies texts: an encoder with a head, or one with what `fewShot` learned. */
export interface TextClassifier {
  readonly loaded: Running<LoadedEncoder>
  readonly labels: readonly string[]
  /** From its logits to scores, where nobody says it. */
  readonly usual: ScoreFunction
  /** Throws UsageError for what it doesn't read. */
  readonly read: (input: TextClassificationInput) => ReadTexts
  /** The logits of each text's labels. */
  readonly logitsOf: (texts: readonly Encoding[]) => ArrayLike<number>[]
}

/** Throws UsageError where a model has no head that classifies texts. */
export function textClassifier(model: Running | FewShotClassifier): TextClassifier {
  if (model instanceof FewShotClassifier) return fewShotClassifier(model)
  const loaded: Running<LoadedEncoder> = ofFamily(model, 'encoder', task)
  const labels = labelNames(loaded, headOfKind(task, loaded, 'classification').labels)
  const problem = problemType(loaded)
  const isSigmoid = problem === 'multi_label_classification' || labels.length === 1
  return {
    loaded,
    labels,
    usual: problem === 'regression' ? 'none' : isSigmoid ? 'sigmoid' : 'softmax',
    read: (input) => encodedInput(task, loaded, input),
    logitsOf: (texts) => classLogits(loaded, texts),
  }
}

function fewShotClassifier({ encoder, labels, head }: FewShotClassifier): TextClassifier {
  const { prompts, defaultPrompt = '' } = encoder.settings
  return {
    loaded: encoder.loaded,
    labels,
    usual: 'softmax',
    read(text) {
      if (typeof text === 'object' && text !== null)
        throw refused(task, 'a text alone, for a classifier of sentence embeddings', 'an object')
      checkText(task, 'the input', text)
      const tokens = encoder.tokens(text)
      if (tokens.length === 0) throw refused(task, 'a text of at least one token', 'an empty one')
      return { tokens, unread: unreadOf(tokens, (prompts.get(defaultPrompt) ?? '') + text, 0) }
    },
    logitsOf: (texts) => encoder.vectorsOf(texts).map((vector) => linearLogits(head, vector)),
  }
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
