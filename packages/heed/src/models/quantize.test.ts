import { expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { mapTree, randomKey } from '../base/index.js'
import { isModelLeaf, type ModelLeaf } from '../checkpoint/index.js'
import { weightFormats } from '../kernels/index.js'
import { plainWeight, type Quantized } from '../nn/index.js'
import { collect } from '../observe/index.js'
import { mean, memoryUse, scope, square, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import { generate } from '../generation/index.js'
import { createDecoder, type Decoder, decoderConfig, decoderLogits, quantizeDecoder } from './index.js'

const [tied, untied] = [true, false].map((tied) =>
  decoderConfig({
    vocabulary: 40,
    context: 16,
    width: 36,
    layers: 2,
    heads: 3,
    hidden: 50,
    gated: !tied,
    norm: tied ? 'layer' : 'rms',
    bias: tied,
    tied,
  }),
)
const ids = (): Tensor<'batch' | 'position'> =>
  tensor(
    Array.from({ length: 14 }, (_, i) => (i * 11) % 40),
    { batch: 2, position: 7 },
    { dtype: 'i32' },
  )

/** Root of the mean square of what they differ by, over that of the first. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [off, all] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    off += (a[i]! - b[i]!) ** 2
    all += a[i]! ** 2
  }
  return Math.sqrt(off / all)
}

const bounds = { bf16: 0.01, int8: 0.03, int4: 0.25 } as const

test.each(devices)('%s: a decoder in fewer bits gives nearly the same logits', (_, device) => {
  withDevice(device, () =>
    scope(() => {
      for (const config of [tied!, untied!]) {
        const model = createDecoder(config, randomKey(1))
        const exact = decoderLogits(model, config, ids()).values()
        for (const format of weightFormats) {
          const quantized = quantizeDecoder(model, format)
          const found = decoderLogits(quantized, config, ids()).values()
          expect(distance(exact, found)).toBeLessThan(bounds[format])
          expect(distance(exact, found)).toBeGreaterThan(0)
          // Token by token, with a cache, the same model.
          const options = { tokens: 5, temperature: 0 }
          expect([...generate(quantized, config, [1, 2, 3], options)]).toHaveLength(5)
          // What each head adds is found by writing the weights out.
          const { values } = collect(['blocks.0.attention.outputPerHead', 'logits'], () =>
            decoderLogits(quantized, config, ids()),
          )
          expect(distance(values.get('logits')!.values(), found)).toBeLessThan(bounds[format])
        }
      }
    }),
  )
})

test('matrices are freed where that is wanted; norms and biases are shared', () => {
  const before = memoryUse().bytes
  scope(() => {
    const model = createDecoder(tied!, randomKey(1))
    const held = memoryUse().bytes - before
    const quantized = quantizeDecoder(model, 'int8', { freeing: true })
    expect(memoryUse().bytes - before).toBeLessThan(held / 2)
    expect(model.blocks[0]!.attention.query.weight.freed).toBe(true)
    expect(quantized.norm.weight).toBe(model.norm.weight)
    expect(quantized.blocks[0]!.attention.query.bias).toBe(model.blocks[0]!.attention.query.bias)
    expect(plainWeight(quantized.embedding.weight).shape).toEqual({ vocabulary: 40, width: 36 })
  })
  expect(memoryUse().bytes).toBe(before)
})

test('of int4 the table has eight bits, unless it is asked for', () => {
  scope(() => {
    const model = createDecoder(untied!, randomKey(1))
    const formats = (table?: 'int4'): unknown[] => {
      const { embedding, head, blocks } = quantizeDecoder(model, 'int4', table && { table })
      return [embedding, head!, blocks[0]!.feedForward.gate!].map(
        ({ weight }) => 'format' in weight && weight.format,
      )
    }
    expect(formats()).toEqual(['int8', 'int8', 'int4'])
    expect(formats('int4')).toEqual(['int4', 'int4', 'int4'])
  })
})

test('gradients go through them to what was before', () => {
  scope(() => {
    const model = quantizeDecoder(createDecoder(tied!, randomKey(1)), 'bf16')
    const plain = mapTree<Quantized<Decoder>, ModelLeaf>(model, isModelLeaf, (leaf) => plainWeight(leaf))
    const norm = { bias: tensor(new Float32Array(36), { width: 36 }) }
    const [found, expected] = [model, plain].map((own) => {
      const loss = (bias: typeof norm): Tensor<never> =>
        mean(square(decoderLogits({ ...own, norm: { ...own.norm, ...bias } }, tied!, ids())))
      return grad(loss)(norm).bias.values()
    })
    const largest = expected!.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(largest).toBeGreaterThan(1e-3)
    found!.forEach((value, i) => expect(Math.abs(value - expected![i]!)).toBeLessThan(0.02 * largest))
  })
})
