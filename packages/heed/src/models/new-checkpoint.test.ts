import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FormatError } from '../base/index.js'
import { scope, tensor } from '../tensor/index.js'
import { type Tokenizer, trainTokenizer } from '../text/index.js'
import { encoderStates } from './encoder/index.js'
import { createCheckpoint, type LoadedEncoder, loadEncoder } from './index.js'

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
  await createCheckpoint(at('new'), { config: bert, tokenizer, seed: 1 })
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

test('what makes no sense is refused', async () => {
  const tokenizer = await tokenizerOf()
  const created = (config: object): Promise<unknown> =>
    createCheckpoint(at('refused'), { config: { ...bert, ...config }, tokenizer })
  await expect(created({ hiden_size: 16 })).rejects.toThrow(/did you mean 'hidden_size'/)
  await expect(created({ model_type: 'bertt' })).rejects.toThrow(FormatError)
  await expect(created({ model_type: 't5' })).rejects.toThrow(FormatError)
})
