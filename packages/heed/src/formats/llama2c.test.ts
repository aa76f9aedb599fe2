import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError, HeedError } from '../base/index.js'
import { scope } from '../tensor/index.js'
import { bytesInMemory } from './bytes-in-memory.js'
import { openWeights, readSafetensors } from './index.js'
import { isLlama2c, llama2cIn } from './llama2c.js'

interface Model {
  readonly width: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly keyHeads: number
  readonly vocabulary: number
  readonly context: number
  readonly tied: boolean
}
const small: Model = {
  width: 12,
  hidden: 5,
  layers: 3,
  heads: 3,
  keyHeads: 1,
  vocabulary: 7,
  context: 6,
  tied: true,
}

/** A file whose numbers count up from 0, and the place of each weight's first number. */
function written(model: Model): { bytes: Uint8Array; places: Map<string, number> } {
  const { width, hidden, layers, heads, keyHeads, vocabulary, context, tied } = model
  const keyWidth = (width / heads) * keyHeads
  const places = new Map<string, number>()
  let count = 0
  const once = (name: string, size: number): void => {
    places.set(name, count)
    count += size
  }
  const inLayers = (name: string, size: number): void => {
    for (let i = 0; i < layers; i++) once(`model.layers.${i}.${name}.weight`, size)
  }
  once('model.embed_tokens.weight', vocabulary * width)
  inLayers('input_layernorm', width)
  inLayers('self_attn.q_proj', width * width)
  inLayers('self_attn.k_proj', keyWidth * width)
  inLayers('self_attn.v_proj', keyWidth * width)
  inLayers('self_attn.o_proj', width * width)
  inLayers('post_attention_layernorm', width)
  inLayers('mlp.gate_proj', hidden * width)
  inLayers('mlp.down_proj', hidden * width)
  inLayers('mlp.up_proj', hidden * width)
  once('model.norm.weight', width)
  once('cosines and sines', (context * width) / heads)
  if (!tied) once('lm_head.weight', vocabulary * width)
  places.delete('cosines and sines')
  const bytes = new Uint8Array(28 + 4 * count)
  const header = Int32Array.of(
    width,
    hidden,
    layers,
    heads,
    keyHeads,
    tied ? vocabulary : -vocabulary,
    context,
  )
  bytes.set(new Uint8Array(header.buffer))
  bytes.set(new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer), 28)
  return { bytes, places }
}
const read = (bytes: Uint8Array): ReturnType<typeof llama2cIn> => llama2cIn(bytesInMemory(bytes, 'model.bin'))

describe("llama2.c's legacy layout", () => {
  test.each([
    ['tied', small],
    ['with an own output', { ...small, tied: false }],
    ['with as many key heads', { ...small, keyHeads: 3, layers: 1 }],
  ])('%s: each weight has the numbers of its place', (_, model) => {
    const { bytes, places } = written(model)
    const { tensors, format } = read(bytes)
    expect(format).toBe('llama2.c')
    expect([...tensors.keys()].sort()).toEqual([...places.keys()].sort())
    const half = model.width / model.heads / 2
    for (const [name, tensor] of tensors) {
      const numbers = tensor.toFloat32()
      const [rows, width] = [tensor.shape[0]!, tensor.shape[1] ?? 1]
      expect(numbers.length).toBe(rows * width)
      for (let row = 0; row < rows; row++) {
        const place = row % (2 * half)
        const turned = row - place + (place < half ? 2 * place : 2 * (place - half) + 1)
        const from = /[qk]_proj/.test(name) ? turned : row
        for (let column = 0; column < width; column++)
          if (numbers[row * width + column] !== places.get(name)! + from * width + column)
            expect(`${name} ${row} ${column}`).toBe('right')
      }
    }
  })

  test('says its configuration as the hub does, and the order of its tensors', () => {
    const { config, tensors } = read(written({ ...small, tied: false }).bytes)
    expect(JSON.parse(config)).toMatchObject({
      model_type: 'llama',
      vocab_size: 7,
      hidden_size: 12,
      intermediate_size: 5,
      num_hidden_layers: 3,
      num_attention_heads: 3,
      num_key_value_heads: 1,
      max_position_embeddings: 6,
      tie_word_embeddings: false,
    })
    const names = [...tensors.keys()]
    expect([names.length, names[0], names[1], names.at(-2), names.at(-1)]).toEqual([
      30,
      'model.embed_tokens.weight',
      'model.layers.0.self_attn.q_proj.weight',
      'model.norm.weight',
      'lm_head.weight',
    ])
  })

  test('reads any part of the rows that are put back, and tensors of named axes', () => {
    const { tensors } = read(written(small).bytes)
    const query = tensors.get('model.layers.1.self_attn.q_proj.weight')!
    const numbers = query.toFloat32()
    scope(() => {
      const made = query.toTensor({ head: 3, headWidth: 4, width: 12 })
      expect(made.values().join()).toBe(numbers.join())
    })
    expect(query.bytes().length).toBe(query.byteLength)
    expect(Buffer.compare(query.bytes(), Buffer.from(numbers.buffer))).toBe(0)
  })

  test('is known by its size alone', () => {
    const { bytes } = written(small)
    const inMemory = (part: Uint8Array): boolean => isLlama2c(bytesInMemory(part))
    expect(inMemory(bytes)).toBe(true)
    expect(inMemory(new Uint8Array([...bytes, 0]))).toBe(false)
    for (let length = 0; length < bytes.length; length++) {
      expect(inMemory(bytes.subarray(0, length))).toBe(false)
      if (length % 97 === 0 || length < 40) expect(() => read(bytes.subarray(0, length))).toThrow(FormatError)
    }
  })

  test.each([
    ['no width', { 0: 0 }],
    ['a negative width', { 0: -12 }],
    ['a width that heads do not divide', { 3: 5 }],
    ['heads of an odd width', { 3: 4 }],
    ['key heads that do not divide the heads', { 4: 2 }],
    ['no layers', { 2: 0 }],
    ['2^31 - 1 layers', { 2: 2 ** 31 - 1 }],
    ['the smallest vocabulary', { 5: -(2 ** 31) }],
    ['no context', { 6: 0 }],
    ['the largest sizes', { 0: 2 ** 31 - 2, 1: 2 ** 31 - 1, 3: 1, 4: 1, 5: 2 ** 31 - 1, 6: 2 ** 31 - 1 }],
  ])('is refused with %s', (_, changes: Readonly<Record<number, number>>) => {
    const { bytes } = written(small)
    const header = new Int32Array(bytes.buffer, 0, 7)
    for (const [i, value] of Object.entries(changes)) header[Number(i)] = value
    expect(() => read(bytes)).toThrow(FormatError)
    expect(() => read(bytes)).toThrow(expect.objectContaining({ file: 'model.bin', offset: 0 }))
  })

  test('of any first numbers is read or refused', () => {
    const number = fc.oneof(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.integer({ min: -9, max: 40 }),
    )
    fc.assert(
      fc.property(fc.array(number, { minLength: 7, maxLength: 7 }), (header) => {
        const bytes = new Uint8Array(written(small).bytes)
        bytes.set(new Uint8Array(Int32Array.from(header).buffer))
        try {
          read(bytes)
        } catch (error) {
          if (!(error instanceof HeedError)) throw error
        }
      }),
    )
  })
})

const shared = process.env['HEED_SHARED'] ?? ''
const file = join(shared, 'data/tinystories260k/stories260K.bin')
const folder = join(shared, 'reference/real/stories260k')
const missing = shared === '' || !existsSync(file) || !existsSync(folder)
if (missing) console.warn('Skipped: a real file of llama2.c; HEED_SHARED names the folder that has it.')

test.skipIf(missing)('stories260K is what the hub has of it, bit for bit', () => {
  const hub = readSafetensors(readFileSync(join(folder, 'model.safetensors')))
  openWeights(file, (found) => {
    if (found.format !== 'llama2.c') throw new Error(found.format)
    expect([...found.tensors.keys()].sort()).toEqual([...hub.tensors.keys()].sort())
    for (const [name, tensor] of found.tensors) {
      const expected = hub.tensors.get(name)!
      expect([name, tensor.dtype, ...tensor.shape]).toEqual([name, expected.dtype, ...expected.shape])
      expect(Buffer.compare(tensor.bytes(), expected.bytes()), name).toBe(0)
    }
    expect(JSON.parse(found.config)).toEqual(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))
  })
})
