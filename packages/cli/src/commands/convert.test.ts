import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadEncoder, saveModel } from 'heed'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heed, temporaryFolder, tinyConfigs, writeCheckpoint, writeModel } from '../testing.js'

const folder = temporaryFolder()
const at = (name: string): string => join(folder.path, name)
beforeAll(() => {
  mkdirSync(at('model'))
  writeCheckpoint(at('model'), tinyConfigs.decoder)
})
afterAll(folder.remove)

const idsOf = async (model: string): Promise<number[]> => {
  const args = ['--tokens', '12', '--temperature', '0', '--weights', 'f32', '--json', '--model', model]
  const { out, err } = await heed(['generate', 'The cat sat', ...args])
  expect(err).toBe('')
  return (JSON.parse(out) as { ids: number[] }).ids
}

test('through GGUF and back the model writes the same', async () => {
  const expected = await idsOf(at('model'))
  const { status, err } = await heed(['convert', at('model'), at('model.gguf'), '--type', 'f32'])
  expect({ status, err }).toMatchObject({ status: 0 })
  expect(err).toMatch(/^wrote .*model\.gguf \(\d+(\.\d)? KiB\)\n$/)
  expect(await idsOf(at('model.gguf'))).toEqual(expected)
  expect((await heed(['convert', at('model.gguf'), at('again')])).status).toBe(0)
  expect(await idsOf(at('again'))).toEqual(expected)
  expect(readdirSync(at('again')).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json'])
})

test('quantize writes blocks, and says where it goes', async () => {
  const { status } = await heed(['quantize', at('model'), at('small.gguf')])
  expect(status).toBe(0)
  const { out } = await heed(['inspect', at('small.gguf')])
  expect(out).toMatch(/attn_q\.weight .* Q8_0/)
  expect(out).toMatch(/attn_norm\.weight .* F32/)
  expect((await idsOf(at('small.gguf'))).length).toBeGreaterThan(0)
})

test('a sentence encoder stays one, converted and saved', async () => {
  const [folder, converted, saved] = ['sentences', 'converted', 'saved'].map(at)
  mkdirSync(join(folder!, '1_Pooling'), { recursive: true })
  writeCheckpoint(folder!, tinyConfigs.encoder)
  const modules = [
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
    { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
  ]
  writeFileSync(join(folder!, 'modules.json'), JSON.stringify(modules))
  const pooling = {
    word_embedding_dimension: 32,
    pooling_mode_cls_token: true,
    pooling_mode_mean_tokens: false,
  }
  writeFileSync(join(folder!, '1_Pooling', 'config.json'), JSON.stringify(pooling))
  expect((await heed(['convert', folder!, converted!])).status).toBe(0)
  await saveModel(saved!, await loadEncoder(folder!))
  const [one, ...others] = await Promise.all(
    [folder, converted, saved].map((path) => heed(['embed', '--model', path!, '--text', 'The cat sat'])),
  )
  expect(one!.status).toBe(0)
  for (const other of others) expect(other.out).toBe(one!.out)
})

test('what can not be is refused, and leaves nothing', async () => {
  mkdirSync(at('own'))
  writeModel(at('own'))
  for (const [args, message] of [
    [['quantize', at('model'), at('folder')], /a file that ends in \.gguf/],
    [['convert', at('model'), at('folder'), '--type', 'q8_0'], /f32, f16 or bf16 for safetensors/],
    [['convert', at('own'), at('own.gguf')], /heed's own decoder/],
  ] as const) {
    const { status, err } = await heed(args)
    expect(status).toBe(2)
    expect(err).toMatch(message)
  }
  expect(existsSync(at('folder')) || existsSync(at('own.gguf'))).toBe(false)
})
