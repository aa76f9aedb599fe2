/** Answers to questions about texts, by the measure of SQuAD. */
import type { LoadedEncoder, Running } from '../../models/index.js'
import { batchesByLength, ofFamily } from '../../models/index.js'
import type { DataRecord } from '../../train/index.js'
import type { Encoding } from '../../text/index.js'
import type { AnswerScores } from '../answer-spans.js'
import { type SquadAnswer, squadNoAnswerScores, squadScoreOf } from '../metrics/index.js'
import {
  answerLogits,
  answerSettings,
  placedAnswers,
  type QuestionAnsweringOptions,
  questionWindows,
} from '../question-answering.js'
import { firstSentence, slidingWindowAnswer } from './baselines/sliding-window.js'
import {
  checkOptions,
  type EvaluateOptions,
  inBatches,
  type Measure,
  type Measured,
  meanStatistic,
  textIn,
  wrongRecord,
} from './evaluation.js'

const task = 'question-answering'

/** How answers are looked for: as the pipeline's options of these names. */
export interface EvaluateReadingOptions
  extends
    EvaluateOptions,
    Pick<QuestionAnsweringOptions, 'max_answer_len' | 'max_seq_len' | 'doc_stride' | 'max_question_len'> {
  /**
   * Where ln(score of no answer / score of the best answer) is above it, there is no answer. Default: 0 where
   * some question has none, else there always is one.
   */
  readonly threshold?: number | undefined
}

/** Questions whose windows are held together. */
const together = 64

/**
 * Answers `{ question, context, answers }` and compares by the official measure: `F1`, `exact`. Where a
 * question has no answer (`answers` is empty), no answer is one too, and `details` has what the best
 * threshold would reach. Beside: `sliding window`, `first sentence`, and `no answer` where that may be right.
 *
 * @throws UsageError where the model has no head that finds answers, or for other records
 */
export async function measureReading(
  model: Running,
  records: readonly DataRecord[],
  options: EvaluateReadingOptions = {},
): Promise<Measured> {
  const { threshold, max_answer_len = 30, max_seq_len, doc_stride, max_question_len, ...rest } = options
  checkOptions(task, rest)
  const loaded: Running<LoadedEncoder> = ofFamily(model, 'encoder', task)
  const { around = (work) => work(), batchTokens = 2048 } = rest
  const questions = records.map(questionOf)
  const some = questions.some(({ answers }) => answers.length === 0)
  const settings = answerSettings(loaded, {
    max_answer_len,
    max_seq_len,
    doc_stride,
    max_question_len,
    top_k: 1,
    handle_impossible_answer: true,
    null_score_diff_threshold: Infinity,
  })
  // One question that is too long keeps nobody from the measure of the others.
  const how = { ...settings, cutsQuestions: true }
  const found: SquadAnswer[] = []
  // Of like lengths together.
  const order = questions
    .map((_, i) => i)
    .sort((a, b) => questions[a]!.context.length - questions[b]!.context.length)
  const groups = Array.from({ length: Math.ceil(order.length / together) }, (_, i) =>
    order.slice(i * together, (i + 1) * together),
  )
  await inBatches(groups, rest, (group) => {
    const windows = group.map((i) => questionWindows(loaded, asked(questions[i]!), how))
    const pieces = windows.flat()
    const scores: AnswerScores[] = []
    for (const batch of batchesByLength(
      pieces.map(({ length }) => length),
      batchTokens,
    )) {
      const made = around(() =>
        answerLogits(
          loaded,
          batch.map((i) => pieces[i]!),
        ),
      )
      batch.forEach((i, row) => (scores[i] = made[row]!))
    }
    let end = 0
    group.forEach((i, at) => {
      const own: readonly Encoding[] = windows[at]!
      const answers = placedAnswers(questions[i]!.context, scores.slice(end, (end += own.length)), own, how)
      const best = answers.find(({ answer }) => answer !== '')
      const none = answers.find(({ answer }) => answer === '')
      const noAnswer = Math.log((none?.score ?? 0) / (best?.score ?? 1e-300))
      found[i] = { found: best?.answer ?? '', answers: questions[i]!.answers, noAnswer }
    })
  })
  const limit = threshold ?? (some ? 0 : Infinity)
  return {
    task,
    count: questions.length,
    own: measureOf('model', found, limit),
    baselines: () => [
      ...(some
        ? [
            measureOf(
              'no answer',
              answered(questions, () => ''),
            ),
          ]
        : []),
      measureOf(
        'sliding window',
        answered(questions, ({ question, context }) => slidingWindowAnswer(question, context)),
      ),
      measureOf(
        'first sentence',
        answered(questions, ({ context }) => firstSentence(context)),
      ),
    ],
    details: some ? { threshold: limit, ...squadNoAnswerScores(found, limit) } : {},
  }
}

interface Question {
  readonly question: string
  readonly context: string
  readonly answers: readonly string[]
}

function questionOf(record: DataRecord): Question {
  const { answers } = record
  const isAnswer = (one: unknown): one is { readonly text: string } =>
    typeof one === 'object' && one !== null && 'text' in one && typeof one.text === 'string'
  if (!Array.isArray(answers) || !answers.every(isAnswer))
    throw wrongRecord(task, "records whose 'answers' is a list of { text }", record)
  return {
    question: textIn(task, record, 'question'),
    context: textIn(task, record, 'context'),
    answers: record['impossible'] === true ? [] : answers.map(({ text }) => text),
  }
}

/** What the model gets of a question. */
function asked({ question, context }: Question): { question: string; context: string } {
  return { question, context }
}

function answered(questions: readonly Question[], answer: (question: Question) => string): SquadAnswer[] {
  return questions.map((one) => ({ found: answer(one), answers: one.answers }))
}

function measureOf(name: string, found: readonly SquadAnswer[], threshold?: number): Measure {
  const scores = found.map((one) => squadScoreOf(one, threshold))
  return {
    name,
    metrics: {
      F1: meanStatistic(scores.map(({ f1 }) => f1)),
      exact: meanStatistic(scores.map(({ exact }) => exact)),
    },
  }
}
