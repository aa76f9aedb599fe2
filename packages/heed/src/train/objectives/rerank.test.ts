/** Pairs and groups of documents, and the logits of a teacher. */
import { rmSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { mapTree, randomKey, UsageError } from '../../base/index.js'
import { type Encoder, encoderOutput, type LoadedEncoder, readModel } from '../../models/index.js'
import { tinyFolder, words } from '../../models/testing/tiny-folder.js'
import { isTensor, scope, type Tensor } from '../../tensor/index.js'
import { train } from '../train.js'
import { logitDistillation, questionAnswering, rerank, textClassification } from './index.js'

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

function withHead(name: string, labels: readonly string[] | undefined, seed = 0): LoadedEncoder {
  const folder = tinyFolder('bert, masked language')
  folders.push(folder)
  return readModel(folder, { head: { name, ...(labels && { labels }), seed } }) as LoadedEncoder
}

const context = { key: randomKey(1), training: false, run: {} }
const group = { query: 'a b', documents: ['c', 'a a', 'b c a'], relevant: 1 }
const pairs = [
  { text: 'a', pair: 'a b', label: 1 },
  { text: 'b', pair: 'c', label: 0 },
]

describe('ranking', () => {
  test('a group with one that fits: the cross-entropy of finding it', () => {
    const loaded = withHead('SequenceClassification', ['score'])
    const objective = rerank(loaded)
    scope(() => {
      const examples = [group, { ...group, documents: ['b', 'c'], relevant: [0] }].flatMap((one) =>
        objective.encode(one),
      )
      const batch = objective.collate(examples)
      const { loss, weight } = objective.loss(loaded.model, batch, context)
      expect(weight).toBe(2)
      const output = encoderOutput(loaded.model, loaded.config, batch.ids, batch)
      const logits = (output as Extract<typeof output, { readonly kind: 'classification' }>).logits.at(
        'label',
        0,
      )
      const numbers = [...logits.values(['batch'])]
      const entropy = (own: number[], target: number): number =>
        Math.log(own.reduce((sum, x) => sum + Math.exp(x), 0)) - own[target]!
      const expected = (entropy(numbers.slice(0, 3), 1) + entropy(numbers.slice(3), 0)) / 2
      expect(Math.abs(loss.item() - expected)).toBeLessThan(1e-6)
    })
  })

  test.each(['listwise', 'pairwise'] as const)('learns pairs and groups in one batch: %s', async (groups) => {
    const loaded = withHead('SequenceClassification', ['score'])
    const losses: number[] = []
    let accuracy = 0
    await train({
      model: loaded,
      objective: rerank(loaded, { groups, positiveWeight: 2 }),
      data: [...pairs, group],
      steps: 40,
      batch: 3,
      rate: 0.02,
      dropout: 0,
      hooks: {
        onStep: ({ loss, metrics }) => {
          losses.push(loss)
          accuracy = metrics['accuracy']!
        },
      },
    })
    expect(losses.at(-1)!).toBeLessThan(0.3 * losses[0]!)
    expect(accuracy).toBe(1)
  })

  test('records that make no sense', () => {
    const loaded = withHead('SequenceClassification', ['score'])
    const objective = rerank(loaded)
    for (const wrong of [
      { ...group, relevant: 3 },
      { ...group, relevant: [] },
      { ...group, relevant: [0, 1, 2] },
      { text: 'a', pair: 'b', label: 2 },
      { text: 'a', label: 1 },
    ])
      expect(() => objective.encode(wrong as never), JSON.stringify(wrong)).toThrow(UsageError)
    expect(() => rerank(withHead('SequenceClassification', ['a', 'b']))).toThrow(UsageError)
  })
})

describe('distillation of logits', () => {
  test('of labels: 0 where the student is the teacher, else it falls', async () => {
    const labels = ['no', 'yes']
    const student = withHead('SequenceClassification', labels, 1)
    const small = withHead('SequenceClassification', labels, 2)
    const { head, pooler, ...rest } = small.model
    // One that is sure of itself: a new head says nearly the same of all labels.
    const sure = scope(() => mapTree({ head, pooler }, isTensor, (leaf: Tensor) => leaf.mul(60)))
    const teacher = { ...small, model: { ...rest, ...sure } as Encoder }
    const data = ['a b', 'c', 'b b a', 'a'].map((text) => ({ text, label: 'no' }))
    const soft = logitDistillation(textClassification(teacher), teacher, teacher, { labelShare: 0 })
    scope(() => {
      const batch = soft.collate(data.flatMap((record) => soft.encode(record)))
      expect(Math.abs(soft.loss(teacher.model, batch, context).loss.item())).toBeLessThan(1e-6)
    })
    const found: number[] = []
    await train({
      model: student,
      objective: logitDistillation(textClassification(student), student, teacher, {
        labelShare: 0.1,
        temperature: 1,
      }),
      data,
      steps: 30,
      rate: 0.02,
      dropout: 0,
      hooks: { onStep: ({ metrics }) => void found.push(metrics['distillation']!) },
    })
    expect(found[0]!).toBeGreaterThan(0)
    expect(Math.min(...found)).toBeLessThan(0.5 * found[0]!)
  })

  test('of answers: over the positions of each text alone', () => {
    const student = withHead('QuestionAnswering', undefined, 1)
    const objective = logitDistillation(questionAnswering(student), student, student, { labelShare: 0.5 })
    const record = { question: 'a', context: 'b c', answers: [{ text: 'c', start: 2 }] }
    scope(() => {
      const long = { ...record, context: 'b c a b' }
      const batch = objective.collate([record, long].flatMap((one) => objective.encode(one)))
      const { loss, metrics } = objective.loss(student.model, batch, context)
      expect(Number.isFinite(loss.item())).toBe(true)
      const distilled = metrics!['distillation'] as { readonly value: { item(): number } }
      expect(Math.abs(distilled.value.item())).toBeLessThan(1e-6)
    })
  })

  test('a teacher of other labels, another head or other tokens', () => {
    const student = withHead('SequenceClassification', ['a', 'b'])
    const objective = textClassification(student)
    const other = tinyFolder('bert, masked language', {}, [...words.slice(0, -1), 'd'])
    folders.push(other)
    const head = { name: 'SequenceClassification', labels: ['a', 'b'] }
    for (const teacher of [
      withHead('SequenceClassification', ['a', 'b', 'c']),
      withHead('TokenClassification', ['a', 'b']),
      readModel(other, { head }) as LoadedEncoder,
    ])
      expect(() => logitDistillation(objective, student, teacher)).toThrow(UsageError)
    expect(() => logitDistillation(objective, student, student, { labelShare: 1 })).toThrow(UsageError)
  })
})
