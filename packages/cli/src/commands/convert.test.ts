import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
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
