import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { collect } from '../observe/index.js'
import { type AnyTensor, type Mask, normal, tensor, type Tensor } from '../tensor/index.js'
import {
  allOf,
  type BlockOptions,
  createCrossBlock,
  crossDecoderBlock,
  decoderBlock,
  encoderBlock,
  KeyValueCache,
  padding,
} from './index.js'
import { block, drawn, expectEqual, longest, on, sequence } from './testing/blocks.js'

// Properties that hold for every block, on random sizes and options, in f64 on the interpreter and in f32 on
// WebAssembly.

const runs = { numRuns: 30 * Number(process.env.HEED_LONG ?? 1) }

describe('a decoder block', () => {
  test('looks only backwards: what comes later changes nothing', () => {
    fc.assert(
      fc.property(drawn, fc.nat(longest), (given, cut) =>
        on(given.device, () => {
          const { batch, positions, seed, options } = given
          const parameters = block(given)
          const x = sequence(seed, batch, positions)
          const kept = Math.min(cut, positions)
          const whole = decoderBlock(parameters, x, options).slice('position', 0, kept)
          if (kept > 0)
            expectEqual(given, whole, decoderBlock(parameters, x.slice('position', 0, kept), options))
        }),
      ),
      runs,
    )
  })

  test('with a cache gives, step by step, what it gives for the whole', () => {
    fc.assert(
      fc.property(drawn, fc.array(fc.integer({ min: 1, max: 5 })), (given, steps) =>
        on(given.device, () => {
          const { batch, positions, seed, options } = given
          const parameters = block(given)
          const x = sequence(seed, batch, positions)
          const whole = decoderBlock(parameters, x, options)
          const cache = new KeyValueCache()
          for (let start = 0, i = 0; start < positions; i++) {
            const end = Math.min(positions, start + (steps[i] ?? 1))
            const part = decoderBlock(parameters, x.slice('position', start, end), {
              ...options,
              cache: cache.layer(0),
            })
            expect(cache.length).toBe(end)
            expectEqual(given, part, whole.slice('position', start, end))
            start = end
          }
          cache.dispose()
        }),
      ),
      runs,
    )
  })

  test('treats each sequence of a batch as if it were alone', () => {
    fc.assert(
      fc.property(drawn, (given) =>
        on(given.device, () => {
          const { batch, positions, seed, options } = given
          const parameters = block(given)
          const x = sequence(seed, batch, positions)
          const whole = decoderBlock(parameters, x, options)
          for (let i = 0; i < batch; i++)
            expectEqual(
              given,
              whole.slice('batch', i, i + 1),
              decoderBlock(parameters, x.slice('batch', i, i + 1), options),
            )
        }),
      ),
      runs,
    )
  })

  test('gives the same whether or not somebody looks', () => {
    fc.assert(
      fc.property(drawn, (given) =>
        on(given.device, () => {
          const { batch, positions, seed, options } = given
          const parameters = block(given)
          const x = sequence(seed, batch, positions)
          const fused = decoderBlock(parameters, x, options)
          const names = ['*', 'attention.*', 'feedForward.*', 'attentionNorm.*', 'feedForwardNorm.*']
          const { result, values } = collect(names, () => decoderBlock(parameters, x, options))
          expectEqual(given, result, fused)
          const filter = values.get('attention.filter')!
          const sums = new Map<number, number>()
          filter.values(['batch', 'head', 'query', 'key']).forEach((share, i) => {
            expect(share).toBeGreaterThanOrEqual(0)
            const row = Math.floor(i / positions)
            sums.set(row, (sums.get(row) ?? 0) + share)
          })
          for (const sum of sums.values()) expect(sum).toBeCloseTo(1, 5)
        }),
      ),
      runs,
    )
  })
})

describe('an encoder block', () => {
  test('is not changed by padding', () => {
    fc.assert(
      fc.property(drawn, fc.integer({ min: 1, max: longest }), (given, length) =>
        on(given.device, () => {
          const { batch, positions, seed, options } = given
          const real = Math.min(length, positions)
          const parameters = block(given)
          const x = sequence(seed, batch, positions)
          const flags = tensor(
            Int32Array.from({ length: positions }, (_, i) => (i < real ? 1 : 0)),
            { key: positions },
            { dtype: 'i32' },
          )
          const padded = encoderBlock(parameters, x, withMask(options, padding(flags)))
          const short = x.slice('position', 0, real)
          expectEqual(given, padded.slice('position', 0, real), encoderBlock(parameters, short, options))
        }),
      ),
      runs,
    )
  })
})

function withMask(options: BlockOptions, mask: Mask): BlockOptions {
  const own = options.attention?.mask
  return {
    ...options,
    attention: { ...options.attention, mask: own === undefined ? mask : allOf(own, mask) },
  }
}

describe('a decoder block with a context', () => {
  test('with a cache gives, step by step, what it gives for the whole', () => {
    fc.assert(
      fc.property(drawn, fc.integer({ min: 1, max: 7 }), (given, length) =>
        on(given.device, () => {
          const { batch, positions, seed, options, shape } = given
          const parameters = createCrossBlock(randomKey(seed), {
            ...shape,
            contextWidth: 5,
            initializer: (key, size) => normal(key, size, 0.5),
          })
          const x = sequence(seed, batch, positions)
          const context = normal(randomKey(seed, 'context'), {
            batch,
            position: length,
            width: 5,
          }) as AnyTensor as Tensor<'batch' | 'position' | 'width'>
          const whole = crossDecoderBlock(parameters, x, context, options)
          const cache = new KeyValueCache()
          for (let i = 0; i < positions; i++) {
            const part = crossDecoderBlock(parameters, x.slice('position', i, i + 1), context, {
              ...options,
              cache: cache.layer(0),
            })
            expectEqual(given, part, whole.slice('position', i, i + 1))
          }
          cache.dispose()
        }),
      ),
      runs,
    )
  })
})
