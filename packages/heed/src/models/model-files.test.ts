import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FormatError, HeedError, leavesOf, randomKey } from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { trainByteLevel } from '../text/index.js'
import { createDecoder } from './decoder.js'
import { decoderConfig } from './decoder-config.js'
import { lastLogits } from './generate.js'
import { loadModel, modelFiles, modelFromFiles, type LanguageModel, saveModel } from './model-files.js'

const tokenizer = trainByteLevel(['a few words, a few more words'], {
  vocabularySize: 262,
  special: ['<|endoftext|>'],
})
const config = decoderConfig({ vocabulary: 264, context: 16, width: 16, layers: 2, heads: 2 })
const original: LanguageModel = { config, tokenizer, model: createDecoder(config, randomKey(3)) }

test('a model comes back from its files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heed-model-'))
  try {
    await saveModel(join(folder, 'new', 'folder'), original)
    const loaded = await loadModel(join(folder, 'new', 'folder'))
    expect(loaded.config).toEqual(config)
    expect([...loaded.tokenizer.encode('a few words').ids]).toEqual([...tokenizer.encode('a few words').ids])
    const [a, b] = [original.model, loaded.model].map((model) => leavesOf<Tensor>(model, isTensor))
    expect([...b!.keys()]).toEqual([...a!.keys()])
    for (const [path, leaf] of a!) expect(b!.get(path)!.values(), path).toEqual(leaf.values())
    const ids = [0, 5, 9]
    expect(lastLogits(loaded.model, config, ids)).toEqual(lastLogits(original.model, config, ids))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('halved weights take half the bytes', () => {
  const bytes = (dtype: 'f32' | 'f16'): number => modelFiles(original, dtype)['model.safetensors'].length
  expect(bytes('f16') / bytes('f32')).toBeLessThan(0.6)
})

test('damaged and foreign files are refused, by name', async () => {
  const files = modelFiles(original)
  const text = (content: string): Uint8Array => new TextEncoder().encode(content)
  const load = (change: object): LanguageModel => modelFromFiles({ ...files, ...change }, 'here')
  expect(() => load({ 'config.json': text('{') })).toThrow(FormatError)
  expect(() => load({ 'config.json': Uint8Array.of(0xff) })).toThrow(/UTF-8/)
  expect(() => load({ 'config.json': text(JSON.stringify({ ...config, width: 32 })) })).toThrow(
    /expected 'embedding.weight' with vocabulary 264, width 32/,
  )
  expect(() => load({ 'config.json': text(JSON.stringify({ ...config, layers: 3 })) })).toThrow(/blocks.2/)
  expect(() => load({ 'config.json': text(JSON.stringify({ ...config, vocabulary: 100 })) })).toThrow(
    /at most 100 tokens/,
  )
  expect(() => load({ 'tokenizer.json': text('{}') })).toThrow(FormatError)
  expect(() => load({ 'model.safetensors': files['model.safetensors'].subarray(0, 900) })).toThrow(
    FormatError,
  )
  await expect(saveModel(join(import.meta.filename, 'below-a-file'), original)).rejects.toThrow(HeedError)
  await expect(loadModel('/nowhere/at/all')).rejects.toThrow(/a folder with config.json, model.safetensors/)
})
