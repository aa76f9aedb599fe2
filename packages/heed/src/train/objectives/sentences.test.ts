/** Sentence encoders by their objectives: what is learned, in chunks or not, and from a teacher. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { valueAndGrad } from '../../autograd/index.js'
import { leavesOf, randomKey, UsageError } from '../../base/index.js'
import { Device } from '../../device/index.js'
import {
  createSentenceEncoder,
  readModel,
  type LoadedEncoder,
  type SentenceEncoder,
} from '../../models/index.js'
import { tinyFolder } from '../../models/testing/tiny-folder.js'
import { interpreter } from '../../targets/index.js'
import { isTensor, scope, type Tensor, withDevice } from '../../tensor/index.js'
import { train } from '../train.js'
import {
  sentenceDistillation,
  sentenceSimilarity,
  type SentenceSimilarityTraining,
  teacherAsks,
  teacherVectors,
  trainedSentences,
  trainedStudent,
} from './index.js'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

function encoder(width?: number): SentenceEncoder {
  const folder = tinyFolder('bert, masked language')
  folders.push(folder)
  return createSentenceEncoder(
    readModel(folder) as LoadedEncoder,
    width === undefined ? {} : { dense: { width } },
  )
}

const contrastive = [
  { text: 'a b', positive: 'a a b' },
  { text: 'c c', positive: 'c', negatives: ['a c', 'a b'] },
  { text: 'b', positive: 'b b b' },
  { text: 'a b', positive: 'b a' },
]
const scored = [
  { text: 'a b', pair: 'a a b', score: 1 },
  { text: 'c c', pair: 'a', score: 0 },
  { text: 'b', pair: 'b c', score: 0.5 },
]

function lossOf(
  own: SentenceEncoder,
  options: SentenceSimilarityTraining,
  records: readonly object[],
): {
  value: number
  gradient: number[]
} {
  const objective = sentenceSimilarity(own, options)
  const examples = records.flatMap((record) => objective.encode(record as never))
  return scope(() => {
    const batch = objective.collate(examples)
    const context = {
      key: randomKey(1),
      training: true,
      run: { dropout: { rate: 0.2, head: 0, key: randomKey(2) } },
    }
    const { value, gradient } = valueAndGrad(
      (weights: SentenceEncoder['weights']) => objective.loss(weights, batch, context).loss,
    )(own.weights)
    const leaves = [...leavesOf<Tensor>(gradient, isTensor).values()]
    return { value: value.item(), gradient: leaves.flatMap((leaf) => [...leaf.values()]) }
  })
}

describe('sentence similarity', () => {
  test('with what is kept of a chunk at a time: the same loss and gradients, dropout included', () => {
    withDevice(new Device(interpreter), () => {
      const own = encoder()
      const records = [...contrastive, ...scored]
      const options = {
        chunkTokens: 12,
        symmetric: true,
        matryoshka: { dimensions: [4, 2], weights: [1, 0.5] },
      }
      const plain = lossOf(own, options, records)
      const cached = lossOf(own, { ...options, cached: true }, records)
      expect(Math.abs(plain.value - cached.value)).toBeLessThan(1e-12)
      const worst = plain.gradient.reduce(
        (most, one, i) => Math.max(most, Math.abs(one - cached.gradient[i]!)),
        0,
      )
      expect(worst).toBeLessThan(1e-11)
      expect(Math.max(...plain.gradient.map(Math.abs))).toBeGreaterThan(1e-3)
    })
  })

  test('what says the same is no negative', () => {
    const own = encoder()
    // All candidates but its own are excluded for each text: nothing is left to tell apart.
    const records = [
      { text: 'a b', positive: 'b a' },
      { text: 'a b', positive: 'c', negatives: ['b a', 'a b'] },
    ]
    expect(Math.abs(lossOf(own, {}, records).value)).toBeLessThan(1e-6)
    expect(lossOf(own, {}, contrastive).value).toBeGreaterThan(0.1)
  })

  test('trains by either kind of record, and is put back', async () => {
    const own = encoder(3)
    const before = own.encode(['a b'])[0]!.join()
    const losses: number[] = []
    const { model } = await train({
      model: trainedSentences(own),
      objective: sentenceSimilarity(own),
      data: [...contrastive, ...scored],
      steps: 30,
      batch: 7,
      rate: 0.02,
      hooks: { onStep: ({ loss }) => void losses.push(loss) },
    })
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!)
    const trained = own.withWeights(model.model)
    expect(trained.encode(['a b'])[0]!.join()).not.toBe(before)
    expect(trained.encode(['a b'])[0]!.length).toBe(3)
  })

  test('records and options that make no sense', () => {
    const own = encoder()
    const objective = sentenceSimilarity(own)
    expect(() => objective.encode({ text: 'a', pair: 'b' } as never)).toThrow(UsageError)
    expect(() => objective.encode({ text: 1, positive: 'b' } as never)).toThrow(UsageError)
    expect(() => sentenceSimilarity(own, { scored: 'angle' as never })).toThrow(UsageError)
    expect(() => sentenceSimilarity(own, { temperature: 1 } as never)).toThrow('temperature')
  })
})

describe('distillation of vectors', () => {
  const texts = ['a b', 'c', 'a a b c', 'b b', 'c c a', 'a']
  const data = texts.map((text) => ({ text }))

  test.each([undefined, 3])(
    'brings a student to its teacher; the width of the student: %s',
    async (width) => {
      const [teacher, student] = [encoder(4), encoder(width)]
      const taught = await teacherVectors(teacher, texts)
      const losses: number[] = []
      const { model } = await train({
        model: trainedStudent(student, taught.width),
        objective: sentenceDistillation(student, taught, { contrast: 0.1 }),
        data,
        steps: 60,
        batch: 6,
        rate: 0.02,
        dropout: 0,
        hooks: { onStep: ({ loss }) => void losses.push(loss) },
      })
      expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!)
      expect(student.withWeights(model.model).width).toBe(width ?? 4)
    },
  )

  test('vectors are kept, and computed anew for another teacher or other texts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heed-teacher-'))
    folders.push(folder)
    const cache = join(folder, 'vectors.safetensors')
    const teacher = encoder(4)
    const told: number[] = []
    const progress = (done: number): void => void told.push(done)
    const first = await teacherVectors(teacher, texts, { cache, progress })
    expect(existsSync(cache) && told.length).toBe(1)
    const again = await teacherVectors(teacher, [...texts, 'a'], { cache, progress })
    expect(told.length).toBe(1)
    expect(again.of(['c'])[0]!.join()).toBe(first.of(['c'])[0]!.join())
    expect(first.of(['c'])[0]!.join()).toBe(teacher.encode(['c'])[0]!.join())
    expect(() => first.of(['unknown'])).toThrow(UsageError)
    await teacherVectors(teacher, ['c'], { cache, progress })
    expect(told.length).toBe(2)
    const other = await teacherVectors(encoder(5), ['c'], { cache, progress })
    expect(told.length).toBe(3)
    expect(other.fingerprint).not.toBe(first.fingerprint)
    expect((await teacherAsks(teacher)).fingerprint).toBe(first.fingerprint)
    expect(statSync(cache).size).toBeGreaterThan(0)
    await expect(teacherVectors(teacher, texts, { signal: { aborted: true } })).rejects.toThrow('stopped')
  })

  test('a student of another width needs its map', async () => {
    const [teacher, student] = [encoder(4), encoder(3)]
    const taught = await teacherAsks(teacher)
    await expect(
      train({
        model: trainedSentences(student),
        objective: sentenceDistillation(student, taught),
        data,
        steps: 1,
        rate: 0.01,
      }),
    ).rejects.toThrow('trainedStudent')
    expect(() => sentenceDistillation(student, taught, { losses: {} })).toThrow(UsageError)
    expect(() => sentenceDistillation(student, taught, { losses: { cosine: 0 } })).toThrow(UsageError)
  })
})
