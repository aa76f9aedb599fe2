import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { leavesOf, UsageError } from '../base/index.js'
import { isModelLeaf } from '../checkpoint/index.js'
import { type AnyTensor, isTensor, scope, type Tensor, tensor } from '../tensor/index.js'
import {
  architectures,
  encoderOutput,
  type HeadOptions,
  loadEncoder,
  type LoadedEncoder,
  loadModel,
  saveModel,
} from './index.js'
import { foldersOr, largestDifference, referenceModels } from './testing/reference.js'

const encoders = architectures().filter(({ family }) => family === 'encoder')
const folders = foldersOr(encoders.flatMap(({ modelTypes }) => modelTypes))
const heads: readonly HeadOptions[] = [
  { name: 'SequenceClassification', labels: ['no', 'perhaps', 'yes', 'always', 'never'] },
  { name: 'TokenClassification', labels: ['O', 'B-A', 'I-A', 'B-B', 'I-B', 'B-C', 'I-C'] },
  { name: 'QuestionAnswering' },
  { name: 'MaskedLM' },
]

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-head-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** All numbers that the head gives. */
function logitsOf({ model, config }: LoadedEncoder): Float32Array {
  return scope(() => {
    const ids = tensor([1, 5, 9, 4, 2, 7], { batch: 1, position: 6 }, { dtype: 'i32' })
    const made = encoderOutput(model, config, ids)
    const parts: AnyTensor[] = made.kind === 'answer' ? [made.start, made.end] : [made.logits]
    return Float32Array.from(parts.flatMap((part) => [...(part as Tensor).values()]))
  })
}

function weightsOf({ model }: LoadedEncoder, path: string): Float32Array {
  return Float32Array.from(leavesOf<Tensor>(model, isTensor).get(path)!.values())
}

describe.skipIf(referenceModels === undefined).each(folders)('%s', (name) => {
  test.each(heads)('$name', async (head) => {
    const path = join(referenceModels!, name)
    const loaded = await loadEncoder(path, { head })
    const { config } = loaded.stored
    expect(config.member('architectures').items()[0]!.string().endsWith(`For${head.name}`)).toBe(true)
    if (head.labels !== undefined)
      expect(
        config
          .member('id2label')
          .members()
          .map(([, label]) => label.value),
      ).toEqual(head.labels)
    const again = await loadEncoder(path, { head: { ...head, seed: 0 } })
    expect(largestDifference(logitsOf(again), logitsOf(loaded))).toBe(0)
    const other = await loadEncoder(path, { head: { ...head, seed: 1 } })
    const own = (await loadModel(path)).stored.config.member('architectures').items()[0]!.string()
    const isOwn = own.endsWith(`For${head.name}`) && head.labels === undefined
    // Without a head in the file, MaskedLM's dense layer is new as well.
    expect(largestDifference(logitsOf(other), logitsOf(loaded)) === 0).toBe(isOwn)
    const saved = join(folder, name, head.name)
    await saveModel(saved, loaded)
    const back = await loadEncoder(saved)
    expect(back.stored.config.member('architectures').items()[0]!.string()).toBe(
      config.member('architectures').items()[0]!.string(),
    )
    expect(largestDifference(logitsOf(back), logitsOf(loaded))).toBe(0)
  })
})

describe.skipIf(referenceModels === undefined)('what a checkpoint has of a head', () => {
  const path = join(referenceModels ?? '', 'bert-sequence-classification')

  test('stays for the same head and labels, and is made anew for others', async () => {
    const own = await loadEncoder(path)
    const { labels } = own.config.head as { labels: number }
    const names = Array.from({ length: labels }, (_, i) => `name ${i}`)
    const same = await loadEncoder(path, { head: { name: 'SequenceClassification' } })
    const output = 'head.output.weight'
    expect(largestDifference(weightsOf(same, output), weightsOf(own, output))).toBe(0)
    const tokens = await loadEncoder(path, { head: { name: 'TokenClassification', labels: names } })
    expect(largestDifference(weightsOf(tokens, output), weightsOf(own, output))).toBeGreaterThan(0)
    const more = await loadEncoder(path, {
      head: { name: 'SequenceClassification', labels: [...names, 'one more'] },
    })
    expect(weightsOf(more, output).length).toBe((weightsOf(own, output).length / labels) * (labels + 1))
    const query = 'blocks.0.attention.query.weight'
    expect(largestDifference(weightsOf(more, query), weightsOf(own, query))).toBe(0)
    const pooler = 'pooler.weight'
    expect(largestDifference(weightsOf(more, pooler), weightsOf(own, pooler))).toBe(0)
  })

  test('is quantized with the rest, but for what is new', async () => {
    const loaded = await loadModel(path, { weights: 'int8', head: { name: 'QuestionAnswering' } })
    expect(loaded.family).toBe('encoder')
    expect(isTensor(leavesOf(loaded.model, isModelLeaf).get('head.output.weight'))).toBe(true)
  })

  test.each<[string, HeadOptions]>([
    ['a head of', { name: 'CausalLM' }],
    ['no labels for', { name: 'QuestionAnswering', labels: ['a'] }],
    ['different texts', { name: 'SequenceClassification', labels: ['a', 'a'] }],
    ['different texts', { name: 'SequenceClassification', labels: [] }],
    ['head.seed', { name: 'MaskedLM', seed: -1 }],
    ['no other names', { name: 'MaskedLM', label: ['a'] } as never],
  ])('refuses what makes no sense: %s', async (message, head) => {
    const error = await loadModel(path, { head }).catch((one: unknown) => one)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as UsageError).message).toContain(message)
  })

  test('refuses a head on a decoder', async () => {
    const decoder = join(referenceModels!, 'gpt2')
    await expect(loadModel(decoder, { head: { name: 'SequenceClassification' } })).rejects.toThrow(
      'an encoder, which takes a head',
    )
  })
})
