/**
 * The measure of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016; Rajpurkar, Jia and Liang 2018): an answer's text
 * against the texts that people gave.
 */
import { inWords, UsageError } from '../../base/index.js'
import { spacedWords } from './python-text.js'

/** string.punctuation of Python. */
const punctuation = /[!-/:-@[-`{-~]/g
// A letter or digit of any script is part of a word; `\b` of JavaScript knows ASCII alone.
const article = /(?<![\p{L}\p{N}_])(?:an|a|the)(?![\p{L}\p{N}_])/gu
/** An answer as it is compared: small letters, no punctuation, no articles, single spaces. */
export function normalizedAnswer(text: string): string {
  return wordsOf(text).join(' ')
}

function wordsOf(text: string): string[] {
  return spacedWords(text.toLowerCase().replace(punctuation, '').replace(article, ' '))
}

/**
 * 1 where the answer is one of the given ones, else 0. Both are normalized first.
 *
 * @param answers none: the question has no answer, and '' is right
 * @throws UsageError for anything but a text and a list of texts
 */
export function squadExact(found: string, answers: readonly string[]): number {
  check('squadExact', found, answers)
  const text = normalizedAnswer(found)
  return goldOf(answers).some((answer) => normalizedAnswer(answer) === text) ? 1 : 0
}

/**
 * How well the words of the answer and those of a given one cover each other, 0 to 1: the harmonic mean of
 * precision and recall, of the given one that fits best. Where one has no words, 1 if the other has none.
 *
 * @param answers none: the question has no answer, and '' is right
 * @throws UsageError for anything but a text and a list of texts
 */
export function squadF1(found: string, answers: readonly string[]): number {
  check('squadF1', found, answers)
  const words = wordsOf(found)
  return Math.max(...goldOf(answers).map((answer) => overlap(words, wordsOf(answer))))
}

function check(operation: string, found: unknown, answers: unknown): void {
  const isText = (one: unknown): boolean => typeof one === 'string'
  if (isText(found) && Array.isArray(answers) && answers.every(isText)) return
  throw new UsageError({
    operation,
    expected: 'an answer that is a text, and a list of texts that are right',
    found: `${inWords(found)}, and ${Array.isArray(answers) ? 'a list with something else' : inWords(answers)}`,
    hint: "write ('Warsaw', ['Warsaw', 'in Warsaw'])",
  })
}

/** Given answers that are nothing but punctuation and articles don't count. */
function goldOf(answers: readonly string[]): readonly string[] {
  const gold = answers.filter((answer) => wordsOf(answer).length > 0)
  return gold.length > 0 ? gold : ['']
}

function overlap(found: readonly string[], gold: readonly string[]): number {
  if (found.length === 0 || gold.length === 0) return found.length === gold.length ? 1 : 0
  const left = new Map<string, number>()
  for (const word of gold) left.set(word, (left.get(word) ?? 0) + 1)
  let common = 0
  for (const word of found) {
    const count = left.get(word) ?? 0
    if (count === 0) continue
    left.set(word, count - 1)
    common++
  }
  const [precision, recall] = [common / found.length, common / gold.length]
  return common === 0 ? 0 : (2 * precision * recall) / (precision + recall)
}

/** What was answered to one question. */
export interface SquadAnswer {
  /** The best answer, as if there were one. '' says that there is none. */
  readonly found: string
  /** Of people; none: the question has no answer. */
  readonly answers: readonly string[]
  /** How much speaks for no answer; larger is more. Default 0. */
  readonly noAnswer?: number | undefined
}

/** Means over questions, 0 to 1. */
export interface SquadScores {
  readonly exact: number
  readonly f1: number
  readonly count: number
}

/** SQuAD 2.0's scores: as answered, of both kinds of questions, and with the best threshold. */
export interface SquadNoAnswerScores extends SquadScores {
  /** Of the questions that have an answer. */
  readonly answerable: SquadScores
  /** Of those that have none: exact and F1 are the same. */
  readonly unanswerable: SquadScores
  /** The exact share if no answer were given where `noAnswer` is above the threshold. */
  readonly bestExact: number
  readonly bestExactThreshold: number
  readonly bestF1: number
  readonly bestF1Threshold: number
}

/**
 * Means over the answers as they stand.
 *
 * @throws UsageError where there are none
 */
export function squadScores(answered: readonly SquadAnswer[]): SquadScores {
  return checkedScores(answered, Infinity)
}

function checkedScores(answered: readonly SquadAnswer[], threshold: number): SquadScores {
  checkAnswered(answered)
  return meanScores(answered, threshold)
}

function checkAnswered(answered: readonly SquadAnswer[]): void {
  const isAnswer = (one: unknown): boolean => typeof one === 'object' && one !== null
  if (Array.isArray(answered) && answered.length > 0 && answered.every(isAnswer)) return
  throw new UsageError({
    operation: 'squadScores',
    expected: 'a list of at least one answer, { found, answers }',
    found: !Array.isArray(answered)
      ? inWords(answered)
      : answered.length === 0
        ? 'none'
        : 'a list with something else',
    hint: 'give the answers to the questions of a set',
  })
}

/**
 * The scores of SQuAD 2.0. Answers stand where `noAnswer` is at most `threshold`, elsewhere there is none.
 * The best thresholds are searched as the official script does: over the questions by rising `noAnswer`.
 *
 * @param threshold default: answers stand as they are
 * @throws UsageError where there are none
 */
export function squadNoAnswerScores(
  answered: readonly SquadAnswer[],
  threshold: number = Infinity,
): SquadNoAnswerScores {
  checkAnswered(answered)
  const [bestExact, bestExactThreshold] = best(answered, squadExact)
  const [bestF1, bestF1Threshold] = best(answered, squadF1)
  return {
    ...checkedScores(answered, threshold),
    answerable: meanScores(answered.filter(hasAnswer), threshold),
    unanswerable: meanScores(
      answered.filter((one) => !hasAnswer(one)),
      threshold,
    ),
    bestExact,
    bestExactThreshold,
    bestF1,
    bestF1Threshold,
  }
}

/** The score of one answer, where one above the threshold is no answer. */
export function squadScoreOf(
  { found, answers, noAnswer = 0 }: SquadAnswer,
  threshold: number = Infinity,
): { readonly exact: number; readonly f1: number } {
  if (noAnswer <= threshold) return { exact: squadExact(found, answers), f1: squadF1(found, answers) }
  const score = answers.length > 0 ? 0 : 1
  return { exact: score, f1: score }
}

const hasAnswer = ({ answers }: SquadAnswer): boolean => answers.length > 0

function meanScores(answered: readonly SquadAnswer[], threshold: number): SquadScores {
  const count = answered.length
  const scores = answered.map((one) => squadScoreOf(one, threshold))
  const mean = (of: 'exact' | 'f1'): number =>
    scores.reduce((sum, score) => sum + score[of], 0) / Math.max(1, count)
  return { exact: mean('exact'), f1: mean('f1'), count }
}

/** The best mean that a threshold gives, and the threshold. */
function best(answered: readonly SquadAnswer[], score: typeof squadF1): [value: number, threshold: number] {
  const order = answered
    .map((one, i) => ({ ...one, place: i, doubt: one.noAnswer ?? 0 }))
    .sort((a, b) => a.doubt - b.doubt || a.place - b.place)
  // Nobody answers: what has no answer is right.
  let sum = answered.filter((one) => !hasAnswer(one)).length
  let [most, threshold] = [sum, 0]
  for (const { found, answers, doubt } of order) {
    if (answers.length > 0) sum += score(found, answers)
    else if (found !== '') sum--
    if (sum > most) [most, threshold] = [sum, doubt]
  }
  return [most / answered.length, threshold]
}
