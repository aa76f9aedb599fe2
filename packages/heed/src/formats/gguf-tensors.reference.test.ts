import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ggufBytes, ggufNumbers, type GgufTensor, readGguf, readSafetensors, withGguf } from './index.js'

// Dequantized numbers against another implementation's, bit for bit: every type, and real weights.

const reference = join(process.env['HEED_SHARED'] ?? '', 'reference/real')
const weights = process.env['HEED_REFERENCE_WEIGHTS'] ?? ''
const types = join(reference, 'gguf')

interface TypeCase {
  readonly type: string
  readonly weights_per_block: number
  readonly bytes_per_block: number
}

describe.skipIf(!existsSync(join(types, 'cases.json')))(
  'every type of the reference (set HEED_SHARED to run)',
  () => {
    const cases = (): TypeCase[] =>
      (JSON.parse(readFileSync(join(types, 'cases.json'), 'utf8')) as { types: TypeCase[] }).types
    const expected = (): ReturnType<typeof readSafetensors> =>
      readSafetensors(readFileSync(join(types, 'expected.safetensors')))
    const all = (): ReturnType<typeof readGguf> => readGguf(readFileSync(join(types, 'all-types.gguf')))

    it('is equal bit for bit, alone and beside others', () => {
      const { tensors } = expected()
      for (const { type, weights_per_block, bytes_per_block } of cases()) {
        const numbers = Buffer.from(tensors.get(`matrix.${type}`)!.bytes())
        const alone = readGguf(readFileSync(join(types, `${type}.gguf`))).tensors
        const [only] = alone.values()
        for (const tensor of [only!, all().tensors.get(`matrix.${type}`)!]) {
          expect([tensor.dtype, tensor.shape, tensor.type?.weights, tensor.type?.bytes]).toEqual([
            type,
            [3, 512],
            weights_per_block,
            bytes_per_block,
          ])
          const found = tensor.toFloat32()
          const bytes = Buffer.from(found.buffer, found.byteOffset, found.byteLength)
          expect(bytes.equals(numbers), type).toBe(true)
        }
      }
      expect(cases().length).toBeGreaterThanOrEqual(24)
    })

    it('is what the numbers that it was made of are written as', () => {
      const source = expected().tensors.get('source')!.toFloat32()
      for (const type of ['F32', 'F16', 'BF16', 'Q8_0']) {
        const entry = ggufNumbers([3, 512], source, type)
        const written = readGguf(ggufBytes({ metadata: new Map(), tensors: new Map([['matrix', entry]]) }))
        const stored = Buffer.from(all().tensors.get(`matrix.${type}`)!.bytes())
        expect(stored.equals(written.tensors.get('matrix')!.bytes()), type).toBe(true)
      }
    })

    it('has metadata of each kind', () => {
      const { metadata } = all()
      expect([metadata.number('test.answer'), metadata.boolean('test.true')]).toEqual([42, true])
      expect(metadata.string('test.text')).toBe('naïve 🙂 text')
      expect(metadata.strings('test.strings')).toEqual(['', 'a', 'β'])
      expect([...metadata.numbers('test.integers')!]).toEqual([-1, 0, 2147483647])
      expect(metadata.value('test.int64')).toEqual({ type: 'i64', value: -9007199254740993n })
      expect(metadata.number('test.float')).toBe(Math.fround(0.1))
    })
  },
)

interface Dequantized {
  readonly tensor: string
  readonly type: string
  readonly shape: readonly number[]
  readonly sha256_of_float32_little_endian: string
}

describe.each([
  ['smollm2', 'SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf'],
  ['gemma-3-270m', 'gemma-3-270m/gemma-3-270m-q4_k_m.gguf'],
])('real weights: %s (set HEED_SHARED and HEED_REFERENCE_WEIGHTS to run)', (name, file) => {
  const path = join(weights, file)
  const casesFile = join(reference, name, 'cases.json')
  it.skipIf(!existsSync(path) || !existsSync(casesFile))('is equal bit for bit', () => {
    const { dequantized } = JSON.parse(readFileSync(casesFile, 'utf8')) as { dequantized: Dequantized[] }
    expect(dequantized.length).toBeGreaterThan(0)
    withGguf(path, ({ tensors }) => {
      for (const { tensor: tensorName, type, shape, sha256_of_float32_little_endian } of dequantized) {
        const tensor = tensors.get(tensorName)!
        expect([tensor.dtype, tensor.shape]).toEqual([type, shape])
        expect(hashOf(tensor), tensorName).toBe(sha256_of_float32_little_endian)
      }
    })
  })
})

function hashOf(tensor: GgufTensor): string {
  const hash = createHash('sha256')
  const part = new Float32Array(2 ** 18)
  for (let at = 0; at < tensor.elements; at += part.length) {
    const numbers = part.subarray(0, Math.min(part.length, tensor.elements - at))
    tensor.read(at, numbers)
    hash.update(new Uint8Array(numbers.buffer, 0, numbers.byteLength))
  }
  return hash.digest('hex')
}
