import {
  checkNames,
  checkPositive,
  checkWhole,
  foldIn,
  inWords,
  randomKey,
  UsageError,
} from '../../base/index.js'
import type { LoadedEncoder, SentenceEncoder, SentenceWeights } from '../../models/index.js'
import { createLinear, linear, type Linear } from '../../nn/index.js'
import { tensor, type Tensor } from '../../tensor/index.js'
import {
  distillVectors,
  inBatchNegativesLoss,
  matryoshkaLoss,
  type MatryoshkaOptions,
  type VectorDistillation,
  type Vectors,
} from '../losses/index.js'
import type { Objective } from './objective.js'
import { BatchTexts, sentenceText, type SentenceText, type SentenceTextOptions } from './sentence-texts.js'
import type { TeacherVectors } from './teacher-vectors.js'
import { wrongRecord } from './texts.js'

const name = 'sentence-distillation'

/** Texts whose vectors a student learns; of pairs and of texts with positives and negatives, all. */
export interface DistilledTexts {
  readonly text: string
  readonly pair?: string | null | undefined
  readonly positive?: string | null | undefined
  readonly negatives?: readonly string[] | null | undefined
}

/** What `sentenceDistillation` may be told. */
export interface SentenceDistillationTraining extends SentenceTextOptions {
  /**
   * How much of each loss of `distillVectors` there is. Default `{ cosine: 1, similarities: 1 }`. A map of
   * its own brings a student's vectors to the teacher's width for `squares` and `cosine`.
   */
  readonly losses?: Readonly<Partial<Record<VectorDistillation, number>>> | undefined
  /**
   * How much there is of a contrast: each student's vector finds the teacher's of the same text among those
   * of the batch (Tian et al. 2020, "Contrastive Representation Distillation"). Default 0.
   */
  readonly contrast?: number | undefined
  /** What the contrast's cosines are multiplied by. Default 20. */
  readonly scale?: number | undefined
  /** The student's vectors at several lengths, by `similarities`. Default: at their own alone. */
  readonly matryoshka?: MatryoshkaOptions | undefined
}

/** Weights of a student, and of the map to its teacher's width where there is one. */
export interface StudentWeights extends SentenceWeights {
  readonly toTeacher?: Linear<'width', 'made'>
}

/** A student in the form that `train` takes. */
export type TrainedStudent = Omit<LoadedEncoder, 'model'> & { readonly model: StudentWeights }

/** A batch of `sentenceDistillation`. */
export interface DistillationBatch {
  readonly texts: BatchTexts
  /** The different texts, in the order of the teacher's vectors. */
  readonly order: readonly SentenceText[]
  readonly taught: Vectors
}

/**
 * A student as what `train` trains. Where its vectors are narrower or wider than the teacher's, a linear map
 * is learned beside it, which `student.withWeights(model)` leaves out.
 *
 * @throws UsageError where matrices are quantized
 */
export function trainedStudent(
  student: SentenceEncoder,
  teacherWidth: number,
  seed: number = 0,
): TrainedStudent {
  const { weights, width } = student
  const map =
    width === teacherWidth
      ? undefined
      : createLinear(foldIn(randomKey(seed), 'to teacher'), { width }, { made: teacherWidth })
  return {
    ...(student.loaded as LoadedEncoder),
    model: map === undefined ? weights : { ...weights, toTeacher: map },
  }
}

/**
 * Learns a teacher's sentence embeddings (Reimers and Gurevych 2020, "Making Monolingual Sentence Embeddings
 * Multilingual using Knowledge Distillation", section 2, with texts of one language). Metrics: each loss by
 * its name.
 *
 * @param teacher `teacherVectors(teacher, texts)`, or `teacherAsks(teacher)`
 * @throws UsageError for options that make no sense
 */
export function sentenceDistillation(
  student: SentenceEncoder,
  teacher: TeacherVectors,
  options: SentenceDistillationTraining = {},
): Objective<DistilledTexts, readonly SentenceText[], DistillationBatch, StudentWeights> {
  const known: Record<keyof SentenceDistillationTraining, true> = {
    losses: true,
    contrast: true,
    scale: true,
    matryoshka: true,
    chunkTokens: true,
    cached: true,
  }
  checkNames(name, options, Object.keys(known))
  const {
    losses = { cosine: 1, similarities: 1 },
    contrast = 0,
    scale = 20,
    matryoshka,
    chunkTokens,
  } = options
  checkNames(name, losses, ['squares', 'cosine', 'similarities'] satisfies VectorDistillation[], 'losses')
  const parts = Object.entries(losses) as [VectorDistillation, number][]
  for (const [which, share] of parts) checkPositive(name, `losses.${which}`, share)
  checkPositive(name, 'scale', scale)
  if (chunkTokens !== undefined) checkWhole(name, 'chunkTokens', chunkTokens, 1)
  if (!(contrast >= 0 && contrast < Infinity) || (parts.length === 0 && contrast === 0))
    throw new UsageError({
      operation: name,
      expected: 'losses, or a contrast above 0',
      found: inWords(contrast),
      hint: 'leave both out for { cosine: 1, similarities: 1 }',
    })
  return {
    name,
    settings: {
      losses,
      contrast,
      scale,
      matryoshka: matryoshka ?? null,
      teacher: teacher.fingerprint,
      maximum: student.settings.maximum,
    },
    encode({ text, pair, positive, negatives }) {
      const given = [text, pair, positive, ...(negatives ?? [])].filter(
        (one) => one !== undefined && one !== null,
      )
      if (given.length === 0) throw wrongRecord(name, "a 'text'", 'none')
      return [given.map((one) => sentenceText(name, student, 'text', one))]
    },
    lengthOf: (texts) => texts.reduce((sum, { tokens }) => sum + tokens.length, 0),
    collate(examples) {
      const order = [...new Map(examples.flat().map((one) => [one.text, one])).values()]
      const vectors = teacher.of(order.map(({ text }) => text))
      const numbers = new Float32Array(order.length * teacher.width)
      vectors.forEach((vector, i) => numbers.set(vector, i * teacher.width))
      return {
        texts: new BatchTexts(order, options),
        order,
        taught: tensor(numbers, { batch: order.length, width: teacher.width }),
      }
    },
    loss(weights, { texts, order, taught }, context) {
      const own = texts.of(texts.encoded(student, weights, context, options), order)
      const mapped = toTeacherOf(weights, own, teacher.width)
      const found: (readonly [name: string, loss: Tensor<never>, share: number])[] = parts.map(
        ([which, share]) => [
          which,
          distillVectors(which === 'similarities' ? own : mapped, taught, which),
          share,
        ],
      )
      if (contrast > 0) found.push(['contrast', inBatchNegativesLoss(mapped, taught, { scale }), contrast])
      if (matryoshka !== undefined)
        found.push([
          'matryoshka',
          matryoshkaLoss([own], (cut) => distillVectors(cut, taught, 'similarities'), matryoshka),
          1,
        ])
      const weight = order.length
      return {
        loss: found.map(([, loss, share]) => loss.mul(share)).reduce((sum, one) => sum.add(one)),
        weight,
        metrics: Object.fromEntries(found.map(([which, value]) => [which, { value, weight }])),
      }
    },
  }
}

function toTeacherOf({ toTeacher }: StudentWeights, own: Vectors, width: number): Vectors {
  if (toTeacher !== undefined)
    return linear<'batch' | 'width', 'width', 'made'>(toTeacher, own, 'width').rename({ made: 'width' })
  if (own.size('width') === width) return own
  throw new UsageError({
    operation: name,
    expected: `vectors of ${width} numbers, as the teacher's, or a map to these`,
    found: `${own.size('width')}`,
    hint: 'train trainedStudent(student, teacher.width)',
  })
}
