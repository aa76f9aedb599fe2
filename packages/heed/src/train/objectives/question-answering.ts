import { checkNames, checkWhole, inWords } from '../../base/index.js'
import { type Encoder, encoderOutput, type LoadedEncoder, type Running } from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { gather, tensor, type Tensor } from '../../tensor/index.js'
import type { Encoding } from '../../text/index.js'
import { spanLoss } from '../losses/index.js'
import type { Objective } from './objective.js'
import {
  encodedCut,
  headOfKind,
  textEncoder,
  textField,
  type TextOptions,
  type TokenExample,
  tokenRows,
  type TokenRows,
  wrongRecord,
} from './texts.js'

const name = 'question-answering'

/** A question about a text, and its answers, of which the first is learned. */
export interface AnsweredQuestion {
  readonly question: string
  readonly context: string
  /** Each with the place of its first character in the context, in UTF-16 code units. */
  readonly answers: readonly { readonly text: string; readonly start: number }[]
  /** Whether the context doesn't answer it. Default false: then there is an answer. */
  readonly impossible?: boolean | undefined
}

/** What `questionAnswering` may be told. */
export interface QuestionAnsweringTraining extends TextOptions {
  /** Tokens that a window of a long context repeats of the one before. Default a third of `maximum`. */
  readonly stride?: number | undefined
  /** Tokens of a question at most; what is longer is cut. Default 64 (Devlin et al. 2019). */
  readonly questionTokens?: number | undefined
  /** Whether windows without the answer are learned, too: that it isn't there. Default true. */
  readonly withoutAnswer?: boolean | undefined
}

/** A window of a context behind its question, and where the answer's first and last tokens stand. */
export interface AnswerExample extends TokenExample {
  readonly start: number
  readonly end: number
}

/** A batch of `questionAnswering`. */
export interface AnswerBatch extends TokenRows {
  /** i32: in each window */
  readonly start: Tensor<'batch'>
  readonly end: Tensor<'batch'>
}

/**
 * Learns where answers begin and end (Devlin et al. 2019, "BERT", sections 4.2 and 4.3). A context that is
 * too long is read by windows. Where a window lacks the answer, or there is none, the first position is it.
 * Metric: `exact`, the share of windows whose both ends are the likeliest ones.
 *
 * @param loaded an encoder with the head QuestionAnswering
 * @throws UsageError for another head
 */
export function questionAnswering(
  loaded: Running<LoadedEncoder>,
  options: QuestionAnsweringTraining = {},
): Objective<AnsweredQuestion, AnswerExample, AnswerBatch, Quantized<Encoder>> {
  const names = ['maximum', 'stride', 'questionTokens', 'withoutAnswer'] satisfies (keyof typeof options)[]
  checkNames(name, options, names)
  const { config } = loaded
  headOfKind(name, loaded, 'answer', 'QuestionAnswering')
  const texts = textEncoder(name, loaded, options)
  const { maximum } = texts
  const { stride = Math.floor(maximum / 3), questionTokens = 64, withoutAnswer = true } = options
  checkWhole(name, 'stride', stride)
  checkWhole(name, 'questionTokens', questionTokens, 1)
  const shortened = (question: string): string => {
    const { spans, length } = texts.tokenizer.encode(question, {
      addSpecial: false,
      padding: null,
      truncation: null,
    })
    return length <= questionTokens ? question : question.slice(0, spans[2 * questionTokens - 1])
  }
  return {
    name,
    settings: { maximum, stride, questionTokens, withoutAnswer },
    encode(record) {
      const question = textField(name, 'question', record.question)
      const context = textField(name, 'context', record.context)
      const answer = answerOf(record, context)
      const pair = { pair: context, strategy: 'OnlySecond', stride } as const
      const first = encodedCut(texts, shortened(question), pair)
      const windows = [first, ...first.overflow].map((encoding) => ({
        ids: encoding.ids,
        types: encoding.typeIds,
        ...(answer === undefined ? nowhere : placeOf(encoding, answer)),
      }))
      return withoutAnswer || answer === undefined ? windows : windows.filter(({ end }) => end > 0)
    },
    lengthOf: ({ ids }) => ids.length,
    collate(examples) {
      const batch = { batch: examples.length }
      const numbers = (of: (example: AnswerExample) => number): Tensor<'batch'> =>
        tensor(examples.map(of), batch, { dtype: 'i32' })
      return { ...tokenRows(examples), start: numbers(({ start }) => start), end: numbers(({ end }) => end) }
    },
    loss(model, { ids, tokenTypes, rows, start, end }, { run }) {
      const output = encoderOutput(model, config, ids, { tokenTypes, rows, ...run })
      const made = output as Extract<typeof output, { readonly kind: 'answer' }>
      const { places, allowed } = placesOf(rows)
      const eachRow = (logits: Tensor<'batch' | 'position'>): Tensor<'batch' | 'position'> =>
        gather(logits.at('batch', 0), places, 'position').rename({ place: 'position' })
      const both = [made.start, made.end] as const
      return {
        loss: spanLoss(eachRow(both[0]), eachRow(both[1]), { start, end }, { allowed }),
        weight: rows.length,
        metrics: { exact: exactShare(both, [start, end], rows) },
      }
    },
  }
}

/** The first position stands for no answer. */
const nowhere = { start: 0, end: 0 }

/** A stretch of a context, in UTF-16 code units. */
type Stretch = { readonly start: number; readonly end: number }

/** Where the first answer stands in the context; undefined where there is none. */
function answerOf({ answers, impossible = false }: AnsweredQuestion, context: string): Stretch | undefined {
  if (impossible) return undefined
  const first = Array.isArray(answers) ? answers[0] : undefined
  if (first === undefined) throw wrongRecord(name, "answers, or 'impossible'", inWords(answers))
  const { text, start } = first as AnsweredQuestion['answers'][number]
  const end = start + textField(name, 'answers[0].text', text).length
  if (Number.isInteger(start) && start >= 0 && end > start && context.slice(start, end) === text)
    return { start, end }
  throw wrongRecord(
    name,
    `the answer ${JSON.stringify(text.slice(0, 50))} at ${start} of the context`,
    'another text there',
  )
}

/** The tokens of a window where an answer begins and ends; the first position where it isn't whole in it. */
function placeOf({ sequenceIds, spans }: Encoding, { start, end }: Stretch): Stretch {
  const from = sequenceIds.indexOf(1)
  const to = sequenceIds.lastIndexOf(1)
  if (from < 0 || start < spans[2 * from]! || end > spans[2 * to + 1]!) return nowhere
  let first = from
  while (first < to && spans[2 * first + 1]! <= start) first++
  let last = to
  while (last > first && spans[2 * last]! >= end) last--
  return { start: first, end: last }
}

/** Where the positions of each window stand in the sequence of all, and which are filled up. */
export function placesOf(rows: readonly number[]): {
  readonly places: Tensor<'batch' | 'place'>
  readonly allowed: Tensor<'batch' | 'position'>
} {
  const [batch, longest] = [rows.length, Math.max(...rows)]
  const places = new Int32Array(batch * longest)
  const allowed = new Int32Array(batch * longest)
  let at = 0
  rows.forEach((length, row) => {
    for (let i = 0; i < length; i++) places[row * longest + i] = at++
    allowed.fill(1, row * longest, row * longest + length)
  })
  return {
    places: tensor(places, { batch, place: longest }, { dtype: 'i32' }),
    allowed: tensor(allowed, { batch, position: longest }, { dtype: 'i32' }),
  }
}

/** The share of windows whose likeliest first and last positions are those of the answer. */
function exactShare(
  logits: readonly [Tensor<'batch' | 'position'>, Tensor<'batch' | 'position'>],
  targets: readonly [Tensor<'batch'>, Tensor<'batch'>],
  rows: readonly number[],
): number {
  const found = logits.map((one) => one.values(['batch', 'position']))
  const wanted = targets.map((one) => one.values(['batch']))
  let [at, right] = [0, 0]
  rows.forEach((length, row) => {
    const isRight = found.every((numbers, end) => {
      const own = numbers.subarray(at, at + length)
      return own.indexOf(own.reduce((most, x) => Math.max(most, x), -Infinity)) === wanted[end]![row]
    })
    if (isRight) right++
    at += length
  })
  return right / rows.length
}
