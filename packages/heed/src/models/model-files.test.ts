import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FormatError, HeedError, leavesOf, randomKey, ShapeError } from '../base/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { trainByteLevel } from '../text/index.js'
import { createDecoder } from './decoder/index.js'
import { decoderConfig } from './decoder/index.js'
import { lastLogits } from '../generation/index.js'
import { loadDecoder } from './load.js'
import { modelFiles, modelFromFiles, type LanguageModel } from './model-files.js'
import { saveModel } from './save.js'

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
    const loaded = await loadDecoder(join(folder, 'new', 'folder'))
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
  await expect(loadDecoder('/nowhere/at/all')).rejects.toThrow(/a folder with config.json, weights/)
})

test('a configuration says where it is wrong, and of what it is where it is not heed’s', async () => {
  const files = modelFiles(original)
  const text = (content: string): Uint8Array => new TextEncoder().encode(content)
  const load = (content: string | Uint8Array): LanguageModel =>
    modelFromFiles({ ...files, 'config.json': typeof content === 'string' ? text(content) : content }, 'here')
  const plain = JSON.stringify(config, undefined, 2)
  expect(() => load(plain.replace('"width": 16', '"width": "x"'))).toThrow(
    /width, a whole number from 1 to 65536, found "x" at \d+:\d+ of 'here\/config\.json'/,
  )
  expect(() => load(plain.replace('"width"', '"witdh"'))).toThrow(/found "witdh" at \d+:\d+ of 'here/)
  expect(() => load('{"model_type": "gpt2", "n_embd": 768}')).toThrow(
    /a configuration of gpt2, which heed doesn't read yet/,
  )
  expect(() => load('{"architectures": ["LlamaForCausalLM"]}')).toThrow(/of LlamaForCausalLM, which/)
  expect(load(`\ufeff${plain}`).config).toEqual(config)
  const hostile = [
    '',
    ' ',
    '[',
    '['.repeat(1e6),
    '{"width":'.repeat(1e6),
    ' '.repeat(2 ** 20 + 1),
    `{${Array.from({ length: 70_000 }, (_, i) => `"${i}":0`).join(',')}}`,
    plain.replace('"width"', '"width": 16, "width"'),
    plain.replace('"width": 16', '"width": 1e999'),
    plain.replace('"width": 16', `"width": ${'9'.repeat(2000)}`),
    plain.replace('"width": 16', '"width": 9007199254740993'),
    plain.replace('"layers"', '"__proto__"'),
    plain.replace('"width"', '"\\ud800"'),
    'null',
    '7',
  ]
  for (const content of hostile) expect(() => load(content)).toThrow(FormatError)
  for (let end = 0; end < plain.length; end += 7) expect(() => load(plain.slice(0, end))).toThrow(FormatError)
  for (const changes of [
    { width: 2 ** 16, vocabulary: 2 ** 24 },
    { width: 2 ** 16, layers: 1024, hidden: 2 ** 18 },
    { width: 2 ** 16, position: 'learned', context: 2 ** 24 },
  ]) {
    const claimed = JSON.stringify({ ...config, ...changes })
    expect(() => load(claimed)).toThrow(FormatError)
  }
  const widest = decoderConfig({ ...config, width: 2 ** 16, vocabulary: 2 ** 24 })
  expect(() => createDecoder(widest, randomKey(0))).toThrow(ShapeError)
})

test('a folder in Hugging Face’s form says what it is, whatever else it has; other files than files are refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heed-model-'))
  try {
    await writeFile(join(folder, 'config.json'), '{"model_type": "gpt2"}')
    await expect(loadDecoder(folder)).rejects.toThrow(/model\.safetensors/)
    await saveModel(folder, original)
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json'] as const) {
      await rm(join(folder, name))
      await mkdir(join(folder, name))
      await expect(loadDecoder(folder).then(({ tokenizer: found }) => found)).rejects.toThrow(FormatError)
      await rm(join(folder, name), { recursive: true })
      const file = await open(join(folder, name), 'w')
      await file.truncate(6 * 2 ** 30)
      await file.close()
      await expect(loadDecoder(folder).then(({ tokenizer: found }) => found)).rejects.toThrow(FormatError)
      await writeFile(join(folder, name), modelFiles(original)[name])
    }
    expect((await loadDecoder(folder)).config).toEqual(config)
  } finally {
    await rm(folder, { recursive: true })
  }
})
