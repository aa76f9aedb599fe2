/**
 * Answers that stand in a text (Rajpurkar et al. 2016, "SQuAD"): where the answer to a question begins and
 * ends in its context (Devlin et al. 2019, "BERT", section 4.2).
 */
import { checkBooleans, checkNames, checkWhole, inWords, UsageError } from '../base/index.js'
import { encoderOutput, type LoadedEncoder, ofFamily, type Running } from '../models/index.js'
import { scope } from '../tensor/index.js'
import type { Encoding } from '../text/index.js'
import { type AnswerScores, bestSpans, noAnswerScore, type Span, windowShares } from './answer-spans.js'
import { type Attention, encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { headOfKind } from './labels.js'
import { runTask, type TaskWork } from './run-task.js'
import { type OrError, type TaskOptions, taskOptionNames, type TaskPipeline } from './task.js'
import { checkText, mostTokens, packed } from './texts.js'

/** A question, and the text that its answer stands in. */
export interface QuestionInput {
  readonly question: string
  readonly context: string
}

/** How answers are looked for. */
export interface QuestionAnsweringOptions extends TaskOptions {
  /** How many answers are given, the likeliest first; 1: one, and no list. Default 1. */
  readonly top_k?: number | undefined
  /** Most tokens of an answer. Default 15. */
  readonly max_answer_len?: number | undefined
  /**
   * Whether there may be no answer: an answer of '' is among the others then. For models that were trained on
   * questions without answers. Default false.
   */
  readonly handle_impossible_answer?: boolean | undefined
  /**
   * No answer comes first where ln(score of no answer / score of the best answer) is above this. Default 0:
   * by their scores.
   */
  readonly null_score_diff_threshold?: number | undefined
  /** Answers are whole words. Default true. */
  readonly align_to_words?: boolean | undefined
  /** Tokens of a window, the question's among them. Default 384, or what the model takes. */
  readonly max_seq_len?: number | undefined
  /** How many tokens windows of a long context share. Default 128, or half of what a window has room for. */
  readonly doc_stride?: number | undefined
  /**
   * Most tokens of a question. A longer one is cut, where this is given, and refused otherwise: then it is
   * half of a window.
   */
  readonly max_question_len?: number | undefined
}

/** An answer. */
export interface QuestionAnswer {
  /** As it stands in the context; '' for none. */
  readonly answer: string
  /** Its probability among all places of the context. */
  readonly score: number
  /** Its place in the context, [start, end) in UTF-16 units; 0 and 0 for none. */
  readonly start: number
  readonly end: number
}

/** What the question and its context attended to, in the window that the answer stands in. */
export interface AnswerAttention extends Attention {
  /** The positions of the answer's first and last token, 0 and 0 for no answer. */
  readonly answer: { readonly start: number; readonly end: number }
}

type Found<Options> = Options extends { readonly attention: true }
  ? QuestionAnswer & { readonly attention: AnswerAttention }
  : QuestionAnswer
type Answers<Options> = Options extends { readonly top_k: infer K }
  ? K extends 1 | undefined
    ? Found<Options>
    : Found<Options>[]
  : Found<Options>

/** One result for each question. */
export type QuestionAnsweringResult<Input, Options> = Input extends readonly unknown[]
  ? OrError<Answers<Options>, Options>[]
  : OrError<Answers<Options>, Options>

/**
 * Questions to answers. A list of questions is asked of one context, or each of its own. A context that is
 * longer than a window is read in several, and each gives its answers.
 */
export interface QuestionAnsweringPipeline extends TaskPipeline<'question-answering', QuestionInput> {
  <
    const Input extends string | readonly string[],
    const Options extends QuestionAnsweringOptions = Record<never, never>,
  >(
    questions: Input,
    context: string | readonly string[],
    options?: Options & QuestionAnsweringOptions,
  ): Promise<QuestionAnsweringResult<Input, Options>>
  <
    const Input extends QuestionInput | readonly QuestionInput[],
    const Options extends QuestionAnsweringOptions = Record<never, never>,
  >(
    inputs: Input,
    options?: Options & QuestionAnsweringOptions,
  ): Promise<QuestionAnsweringResult<Input, Options>>
}

/** Throws UsageError where the model has no head that finds answers. */
export function createQuestionAnswering(opened: Opened): QuestionAnsweringPipeline {
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  headOfKind(task, loaded, 'answer')
  const call = async (first: unknown, second: unknown, third?: unknown): Promise<unknown> => {
    const asked = inputsOf(first, second)
    const given = asked.hasContext ? third : second
    const options = (given === undefined ? {} : given) as QuestionAnsweringOptions
    const how = answerSettings(loaded, options)
    const work: TaskWork<QuestionInput, Encoding, AnswerScores, QuestionAnswer | QuestionAnswer[]> = {
      operation: task,
      pieces: (input) => questionWindows(loaded, input, how),
      length: ({ length }) => length,
      run: (pieces) => answerLogits(loaded, pieces),
      result({ context }, scores, pieces) {
        const spans = placedAnswers(context, scores, pieces, how).slice(0, how.top_k)
        // Answers of one window share its filters.
        const seen = new Map<number, Attention>()
        const answers = spans.map(({ window, first, last, ...answer }) => {
          if (options.attention !== true) return answer
          if (!seen.has(window)) seen.set(window, encoderAttention(loaded, pieces[window]!))
          const attention: AnswerAttention = {
            ...seen.get(window)!,
            answer: { start: first, end: last },
          }
          return { ...answer, attention }
        })
        return how.top_k === 1 ? answers[0]! : answers
      },
    }
    const results = await runTask(work, asked.inputs, options)
    return asked.isList ? results : results[0]
  }
  return callable<QuestionAnsweringPipeline>(
    task,
    opened,
    call,
    ({ question, context }) => `${question}\n${context}`,
  )
}

const task = 'question-answering'

interface Asked {
  readonly inputs: readonly QuestionInput[]
  readonly isList: boolean
  /** Whether the context stands beside the questions. */
  readonly hasContext: boolean
}

/** The arguments as questions with their contexts, which are looked at when it is their turn. */
function inputsOf(first: unknown, second: unknown): Asked {
  const isList = Array.isArray(first)
  const all: readonly unknown[] = isList ? (first as unknown[]) : [first]
  const isContext = typeof second === 'string' || Array.isArray(second)
  if (!isContext) return { inputs: all as QuestionInput[], isList, hasContext: false }
  const contexts: readonly unknown[] = Array.isArray(second) ? second : all.map(() => second)
  if (contexts.length !== all.length)
    throw refused(
      `${all.length} contexts, one for each question`,
      `${contexts.length}`,
      'give one context for all, or as many as questions',
    )
  const inputs = all.map((question, i) => ({ question, context: contexts[i] }) as QuestionInput)
  return { inputs, isList, hasContext: true }
}

/** The options, each with what it is by default. */
export interface AnswerSettings {
  readonly top_k: number
  readonly max_answer_len: number
  readonly handle_impossible_answer: boolean
  readonly threshold: number
  readonly align_to_words: boolean
  readonly max_seq_len: number
  readonly doc_stride: number | undefined
  readonly max_question_len: number
  /** Whether a longer question is cut. */
  readonly cutsQuestions: boolean
}

const optionNames: readonly (keyof QuestionAnsweringOptions)[] = [
  ...taskOptionNames,
  'top_k',
  'max_answer_len',
  'handle_impossible_answer',
  'null_score_diff_threshold',
  'align_to_words',
  'max_seq_len',
  'doc_stride',
  'max_question_len',
]

/** Throws UsageError for options that make no sense. */
export function answerSettings(
  loaded: Running<LoadedEncoder>,
  options: QuestionAnsweringOptions,
): AnswerSettings {
  checkNames(task, options, optionNames)
  checkBooleans(task, options, ['handle_impossible_answer', 'align_to_words'])
  const most = mostTokens(loaded)
  const { top_k = 1, max_answer_len = 15, max_seq_len = Math.min(384, most), doc_stride } = options
  const { max_question_len = Math.floor(max_seq_len / 2) } = options
  const { null_score_diff_threshold: threshold = 0 } = options
  checkWhole(task, 'top_k', top_k, 1)
  checkWhole(task, 'max_answer_len', max_answer_len, 1)
  checkWhole(task, 'max_seq_len', max_seq_len, 1)
  checkWhole(task, 'max_question_len', max_question_len, 1)
  if (doc_stride !== undefined) checkWhole(task, 'doc_stride', doc_stride)
  if (max_seq_len > most)
    throw refused(`max_seq_len of at most ${most}, the model's context`, `${max_seq_len}`, 'make it smaller')
  if (typeof threshold !== 'number' || Number.isNaN(threshold))
    throw refused('null_score_diff_threshold, a number', inWords(threshold), 'correct the option')
  return {
    top_k,
    max_answer_len,
    handle_impossible_answer: options.handle_impossible_answer ?? false,
    threshold,
    align_to_words: options.align_to_words ?? true,
    max_seq_len,
    doc_stride,
    max_question_len,
    cutsQuestions: options.max_question_len !== undefined,
  }
}

/** A question with each window of its context. Throws UsageError where one of them is no text, or empty. */
export function questionWindows(
  loaded: Running<LoadedEncoder>,
  input: QuestionInput,
  how: AnswerSettings,
): readonly Encoding[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw refused('a question with its context', inWords(input), 'write { question, context }')
  checkNames(task, input, ['question', 'context'], 'an input')
  const { question, context } = input
  checkText(task, 'the question', question)
  checkText(task, 'the context', context)
  const { tokenizer } = loaded
  const plain = { truncation: null, padding: null } as const
  const { length, spans } = tokenizer.encode(question, { ...plain, addSpecial: false })
  if (length === 0) throw refused('a question', 'an empty one', 'ask something')
  if (length > how.max_question_len && !how.cutsQuestions)
    throw refused(
      `a question of at most ${how.max_question_len} tokens`,
      `${length}`,
      'shorten it, or give max_question_len, at which it is cut',
    )
  const cut =
    length > how.max_question_len ? question.slice(0, spans[2 * how.max_question_len - 1]) : question
  const room = how.max_seq_len - tokenizer.encode(cut, { ...plain, pair: '' }).length
  if (room < 1)
    throw refused(
      'room for the context beside the question',
      `${how.max_seq_len} tokens in all`,
      'make max_question_len smaller, or max_seq_len larger',
    )
  const { doc_stride: stride = Math.min(128, Math.floor(room / 2)) } = how
  if (stride >= room)
    throw refused(
      `doc_stride, the tokens that two windows share, below ${room}: as many of the context fit beside the question`,
      `${stride}`,
      'make it smaller, or max_seq_len larger',
    )
  const first = tokenizer.encode(cut, {
    pair: context,
    truncation: { max_length: how.max_seq_len, strategy: 'OnlySecond', direction: 'Right', stride },
    padding: null,
  })
  if (!first.sequenceIds.includes(1))
    throw refused('a context with an answer in it', 'an empty one', 'give the text to read')
  return [first, ...first.overflow]
}

/** The logits of an answer's first and last token, at each position of each text. */
export function answerLogits(loaded: Running<LoadedEncoder>, texts: readonly Encoding[]): AnswerScores[] {
  const { model, config } = loaded
  return scope(() => {
    const { ids, rows, ...how } = packed(texts)
    const made = encoderOutput(model, config, ids, { rows, ...how })
    if (made.kind !== 'answer') return []
    const [starts, ends] = [made.start, made.end].map((logits) => logits.values() as Float32Array)
    let end = 0
    return rows.map((length) => {
      const start = end
      end += length
      return { start: starts!.slice(start, end), end: ends!.slice(start, end) }
    })
  })
}

/** An answer, and the window and positions where it stands. */
export type PlacedAnswer = QuestionAnswer & Pick<Span, 'first' | 'last'> & { readonly window: number }

/** The answers of all windows, the likeliest first: by probabilities over the positions of all of them. */
export function placedAnswers(
  context: string,
  scores: readonly AnswerScores[],
  pieces: readonly Encoding[],
  { top_k, max_answer_len, align_to_words, handle_impossible_answer, threshold }: AnswerSettings,
): PlacedAnswer[] {
  const best = new Map<string, PlacedAnswer>()
  let none: PlacedAnswer | undefined
  const shares = windowShares(pieces, scores)
  for (const [window, piece] of pieces.entries()) {
    const share = shares[window]!
    const spans = bestSpans(context, piece, scores[window]!, { top_k, max_answer_len, align_to_words })
    for (const { start, end, first, last, score: own } of spans) {
      const place = `${start} ${end}`
      const score = own * share
      // Windows that share a place each have an opinion of it.
      if (score <= (best.get(place)?.score ?? -1)) continue
      best.set(place, { answer: context.slice(start, end), score, start, end, first, last, window })
    }
    const score = noAnswerScore(piece, scores[window]!) * share
    if (handle_impossible_answer && score < (none?.score ?? Infinity))
      none = { answer: '', score, start: 0, end: 0, first: 0, last: 0, window }
  }
  const found = [...best.values()].sort((a, b) => b.score - a.score)
  if (none === undefined) return found
  const { score } = none
  const [first] = found
  const leads = first === undefined || Math.log(score / first.score) > threshold
  if (leads) return [none, ...found]
  const place = Math.max(1, found.filter((one) => one.score >= score).length)
  return found.toSpliced(place, 0, none)
}

function refused(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: task, expected, found, hint })
}
