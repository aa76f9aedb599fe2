import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FormatError, UsageError } from '../base/index.js'
import { scope, tensor } from '../tensor/index.js'
import { pruneTokenizer, type Tokenizer, trainTokenizer } from '../text/index.js'
import { encoderStates } from './encoder/index.js'
import { createCheckpoint, type LoadedEncoder, loadEncoder } from './index.js'
import { eigenvectors } from './narrowed-embedding.js'

const folder = mkdtempSync(join(tmpdir(), 'heed-new-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

const sentence = 'the cat sat on the mat and the dog lay by the door of the old house'
const tokenizerOf = (): Promise<Tokenizer> =>
  trainTokenizer([sentence, 'a pale quick zebra, five jugs'], {
    model: 'WordPiece',
    vocabularySize: 90,
    special: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'],
    unknownToken: '[UNK]',
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  })
const bert = {
  model_type: 'bert',
  hidden_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 60,
  layer_norm_eps: 1e-12,
}

function states({ model, config, tokenizer }: LoadedEncoder, text: string): Float32Array {
  const { ids } = tokenizer.encode(text)
  return scope(() =>
    encoderStates(model, config, tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })).values(),
  ) as Float32Array
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((most, number, i) => Math.max(most, Math.abs(number - b[i]!)), 0)
}

test('a new model is one that loads, under any head, and its seed decides it', async () => {
  const tokenizer = await tokenizerOf()
  const { taken, anew } = await createCheckpoint(at('new'), { config: bert, tokenizer, seed: 1 })
  expect(taken).toEqual([])
  expect(anew).toContain('blocks.2.attention.query.weight')
  const loaded = await loadEncoder(at('new'), {
    head: { name: 'SequenceClassification', labels: ['a', 'b'] },
  })
  expect(loaded.config.head).toMatchObject({ kind: 'classification', labels: 2 })
  await createCheckpoint(at('same'), { config: bert, tokenizer, seed: 1 })
  await createCheckpoint(at('other'), { config: bert, tokenizer, seed: 2 })
  const [one, same, other] = await Promise.all(['new', 'same', 'other'].map((name) => loadEncoder(at(name))))
  const text = 'the cat'
  expect(largestDifference(states(one!, text), states(same!, text))).toBe(0)
  expect(largestDifference(states(one!, text), states(other!, text))).toBeGreaterThan(0.01)
})

test('with the layers of another and its tokens that occur, it computes the same', async () => {
  const tokenizer = await tokenizerOf()
  await createCheckpoint(at('teacher'), { config: bert, tokenizer, seed: 3 })
  const from = await loadEncoder(at('teacher'))
  const fewer = pruneTokenizer(tokenizer, tokenizer.encode(sentence).ids)
  expect(fewer.size).toBeLessThan(tokenizer.size)
  expect([...fewer.encode(sentence).ids].map((id) => fewer.token(id))).toEqual(
    [...tokenizer.encode(sentence).ids].map((id) => tokenizer.token(id)),
  )
  expect(fewer.encode('zebra').ids).not.toContain(fewer.id('[UNK]'))
  const all = { config: { ...bert, max_position_embeddings: 50 }, tokenizer: fewer, seed: 4 }
  const whole = await createCheckpoint(at('whole'), { ...all, initialize: { from } })
  expect(whole.anew).toEqual([])
  expect(
    largestDifference(states(await loadEncoder(at('whole')), sentence), states(from, sentence)),
  ).toBeLessThan(1e-6)
  // Layers 2 and 0: as the teacher with these alone, in this order.
  const config = { ...all.config, num_hidden_layers: 2 }
  await createCheckpoint(at('two'), { ...all, config, initialize: { from, layers: [2, 0] } })
  const { blocks } = from.model
  const two = { ...from, model: { ...from.model, blocks: [blocks[2]!, blocks[0]!] } } as LoadedEncoder
  const cut = { ...two, config: { ...from.config, layers: 2, blocks: from.config.blocks.slice(0, 2) } }
  expect(
    largestDifference(states(await loadEncoder(at('two')), sentence), states(cut, sentence)),
  ).toBeLessThan(1e-6)
})

test('a narrower embedding keeps what the wider one tells apart', async () => {
  const tokenizer = await tokenizerOf()
  await createCheckpoint(at('wide'), { config: bert, tokenizer, seed: 3 })
  const from = await loadEncoder(at('wide'))
  // One dimension less than the vectors have once their mean is taken off: nearly nothing is lost.
  const config = { ...bert, model_type: 'electra', embedding_size: 15 }
  const { anew } = await createCheckpoint(at('narrow'), { config, tokenizer, initialize: { from } })
  expect(anew).toEqual(['embeddingNorm.weight', 'embeddingNorm.bias'])
  const [narrow, wide] = [states(await loadEncoder(at('narrow')), sentence), states(from, sentence)]
  const dot = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, number, i) => sum + number * b[i]!, 0)
  const cosine = dot(narrow, wide) / Math.sqrt(dot(narrow, narrow) * dot(wide, wide))
  expect(cosine).toBeGreaterThan(0.9)
})

test('eigenvectors of a symmetric matrix', () => {
  const size = 5
  const random = Float64Array.from({ length: size * size }, (_, i) => Math.sin(7 * i + 1))
  const matrix = random.map((_, i) => {
    const [row, column] = [Math.floor(i / size), i % size]
    return random
      .slice(row * size, (row + 1) * size)
      .reduce((sum, x, k) => sum + x * random[column * size + k]!, 0)
  })
  const vectors = eigenvectors(Float64Array.from(matrix), size)
  const times = (v: Float64Array): Float64Array =>
    v.map((_, i) => v.reduce((sum, x, k) => sum + x * matrix[i * size + k]!, 0))
  let before = Infinity
  for (let row = 0; row < size; row++) {
    const vector = vectors.slice(row * size, (row + 1) * size)
    const product = times(vector)
    const value = product.reduce((sum, x, i) => sum + x * vector[i]!, 0)
    expect(Math.max(...product.map((x, i) => Math.abs(x - value * vector[i]!)))).toBeLessThan(1e-9)
    expect(value).toBeLessThanOrEqual(before)
    before = value
  }
})

test('what makes no sense is refused', async () => {
  const tokenizer = await tokenizerOf()
  const from = await loadEncoder(at('wide'))
  const created = (config: object, layers?: readonly number[]): Promise<unknown> =>
    createCheckpoint(at('refused'), {
      config: { ...bert, ...config },
      tokenizer,
      initialize: { from, layers },
    })
  await expect(created({}, [0, 1])).rejects.toThrow(
    /initialize\.layers to name 3 of the layers 0 to 2, found 0, 1/,
  )
  await expect(created({}, [0, 1, 3])).rejects.toThrow(UsageError)
  await expect(created({ hiden_size: 16 })).rejects.toThrow(/did you mean 'hidden_size'/)
  await expect(created({ model_type: 'bertt' })).rejects.toThrow(FormatError)
  await expect(created({ model_type: 't5' })).rejects.toThrow(FormatError)
})
