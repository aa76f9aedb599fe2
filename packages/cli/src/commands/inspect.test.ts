import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveWeights, tensor } from 'heed'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { heed } from '../testing.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-inspect-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('the shipped model: sizes, memory, tokenizer, tensors of all layers as one', async () => {
  const { status, out } = await heed(['inspect'])
  expect(status).toBe(0)
  expect(out).toMatch(/sizes +4 layers of 4 heads, 256 wide, context of 256, vocabulary of 8,192\n/)
  expect(out).toMatch(/tokenizer +BPE of 8,192 tokens\n/)
  expect(out).toMatch(/memory +weights 20\.3 MiB as f32/)
  expect(out).toMatch(/blocks\.#\.attention\.key\.weight +× 4 +256 × 4 × 64 +f16 +512 KiB\n/)
  const all = await heed(['inspect', '--all'])
  expect(all.out).toMatch(/blocks\.3\.attention\.key\.weight +256 × 4 × 64/)
})

test('as JSON; numbers add up', async () => {
  const { out } = await heed(['inspect', '--json'])
  const found = JSON.parse(out) as {
    parameters: number
    bytes: number
    groups: { shape: number[]; count: number; bytes: number }[]
    model: { memory: { f32: number } }
  }
  const sum = found.groups.reduce((n, { shape, count }) => n + count * shape.reduce((a, b) => a * b, 1), 0)
  expect(sum).toBe(found.parameters)
  expect(found.groups.reduce((n, { bytes }) => n + bytes, 0)).toBe(found.bytes)
  expect(found.model.memory.f32).toBe(4 * found.parameters)
})

test('what heed does not run is listed, with the reason; what is no checkpoint is refused', async () => {
  await writeFile(join(folder, 'config.json'), '{"model_type": "lama"}')
  await writeFile(join(folder, 'model.safetensors'), saveWeights({ odd: tensor([1, 2, 3], { row: 3 }) }))
  const { status, out } = await heed(['inspect', folder])
  expect(status).toBe(0)
  expect(out).toMatch(/none that heed runs: .*"lama".*the nearest is 'llama'/)
  expect(out).toMatch(/odd +3 +f32 +12 bytes\n/)
  expect(out).toMatch(/tokenizer +none: it has no files of one\n/)
  const alone = await heed(['inspect', join(folder, 'model.safetensors')])
  expect(alone.out).toMatch(/odd +3 +f32/)
  const nothing = await heed(['inspect', join(folder, 'nothing')])
  expect(nothing.status).toBe(1)
  expect(nothing.err).toMatch(/^heed: .*nothing.*\n$/)
})
