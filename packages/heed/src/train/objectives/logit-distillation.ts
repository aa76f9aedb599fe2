import { checkNames, checkPositive, UsageError } from '../../base/index.js'
import {
  type Encoder,
  encoderOutput,
  type EncoderOutput,
  type LoadedEncoder,
  type Running,
} from '../../models/index.js'
import { gather, map, type Tensor } from '../../tensor/index.js'
import { distillLogits } from '../losses/index.js'
import type { Objective } from './objective.js'
import { placesOf } from './question-answering.js'
import type { TokenRows } from './texts.js'

const name = 'logit-distillation'

/** How `logitDistillation` mixes what it learns from. */
export interface LogitDistillationTraining {
  /** Both sides' logits are divided by it; default 2. */
  readonly temperature?: number | undefined
  /** The share of the objective's own loss, 0 … 1. Above 0 the student runs twice a batch. Default 0.5. */
  readonly labelShare?: number | undefined
}

/**
 * An objective whose student also learns a teacher's logits (`distillLogits`; Hinton et al. 2015): of labels
 * of texts, of labels at each position, of masked tokens, or of an answer's two ends. Metrics: those of the
 * objective, and `distillation`.
 *
 *     logitDistillation(questionAnswering(student), student, teacher, { temperature: 2 })
 *
 * @param objective of the student; its batches are rows of tokens
 * @param teacher an encoder with the same head over the same tokens; it may be quantized
 * @throws UsageError where the teacher reads other tokens or has another head, or for options that make no
 * sense
 */
export function logitDistillation<R, E, B extends TokenRows>(
  objective: Objective<R, E, B, Encoder>,
  student: LoadedEncoder,
  teacher: Running<LoadedEncoder>,
  options: LogitDistillationTraining = {},
): Objective<R, E, B, Encoder> {
  checkNames(name, options, ['temperature', 'labelShare'] satisfies (keyof LogitDistillationTraining)[])
  const { temperature = 2, labelShare = 0.5 } = options
  checkPositive(name, 'temperature', temperature)
  if (!(labelShare >= 0 && labelShare < 1))
    throw new UsageError({
      operation: name,
      expected: 'labelShare from 0 up to, but without, 1',
      found: String(labelShare),
      hint: 'leave it out for 0.5',
    })
  checkAlike(student, teacher)
  return {
    ...objective,
    settings: { ...objective.settings, temperature, labelShare, distillation: true },
    loss(model, batch, context) {
      const { ids, tokenTypes, rows } = batch
      const own = encoderOutput(model, student.config, ids, { tokenTypes, rows, ...context.run })
      const taught = encoderOutput(teacher.model, teacher.config, ids, { tokenTypes, rows })
      const soft = softLoss(own, taught, rows, temperature)
      const distillation = { distillation: { value: soft, weight: rows.length } }
      if (labelShare === 0) return { loss: soft, weight: rows.length, metrics: distillation }
      const hard = objective.loss(model, batch, context)
      return {
        loss: hard.loss.mul(labelShare).add(soft.mul(1 - labelShare)),
        weight: hard.weight,
        metrics: { ...hard.metrics, ...distillation },
      }
    },
  }
}

function softLoss(
  own: EncoderOutput,
  taught: EncoderOutput,
  rows: readonly number[],
  temperature: number,
): Tensor<never> {
  const of = <A extends string, K extends A>(a: Tensor<A>, b: Tensor<A>, axis: K): Tensor<never> =>
    distillLogits<A, K>(a, b, axis, { temperature })
  if (own.kind === 'answer' && taught.kind === 'answer') {
    const { places, allowed } = placesOf(rows)
    const ofEachRow = (logits: Tensor<'batch' | 'position'>): Tensor<'batch' | 'position'> =>
      map(
        (x, may) => may.ne(0).select(x, -Infinity),
        gather(logits.at('batch', 0), places, 'position').rename({ place: 'position' }),
        allowed,
      )
    const start = of(ofEachRow(own.start), ofEachRow(taught.start), 'position')
    return start.add(of(ofEachRow(own.end), ofEachRow(taught.end), 'position')).mul(0.5)
  }
  if (own.kind === 'classification' && taught.kind === 'classification')
    return of(own.logits, taught.logits, 'label')
  if (own.kind === 'token' && taught.kind === 'token') return of(own.logits, taught.logits, 'label')
  if (own.kind === 'masked-language' && taught.kind === 'masked-language')
    return of(own.logits, taught.logits, 'vocabulary')
  throw otherHead(own.kind, taught.kind)
}

function checkAlike(student: LoadedEncoder, teacher: Running<LoadedEncoder>): void {
  const [own, other] = [student.config.head, teacher.config.head]
  if (own?.kind !== other?.kind || own === undefined)
    throw otherHead(own?.kind ?? 'none', other?.kind ?? 'none')
  const labels = (head: object | undefined): unknown => (head as { readonly labels?: number }).labels
  if (labels(own) !== labels(other))
    throw otherHead(`${String(labels(own))} labels`, `${String(labels(other))}`)
  const [first, second] = [student.tokenizer, teacher.tokenizer]
  const size = Math.max(first.size, second.size)
  for (let id = 0; id < size; id++) {
    if (first.token(id) === second.token(id)) continue
    throw new UsageError({
      operation: name,
      expected: "a teacher that reads the student's tokens",
      found: `token ${id} is ${JSON.stringify(first.token(id) ?? null)} to one and ${JSON.stringify(second.token(id) ?? null)} to the other`,
      hint: 'take a teacher of the same tokenizer',
    })
  }
}

function otherHead(student: string, teacher: string): UsageError {
  return new UsageError({
    operation: name,
    expected: `a teacher with the student's head: ${student}`,
    found: teacher,
    hint: 'load both with the same head and labels',
  })
}
