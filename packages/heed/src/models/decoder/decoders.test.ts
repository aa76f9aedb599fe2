import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../base/index.js'
import { checkGradient } from '../../autograd/index.js'
import { Device } from '../../device/index.js'
import { KeyValueCache, padding } from '../../nn/index.js'
import { interpreter } from '../../targets/index.js'
import { crossEntropy, scope, tensor, type Tensor, withDevice } from '../../tensor/index.js'
import { decoderConfigs, decoderOf, designOf } from '../testing/decoders.js'
import { type Decoder, decoderLogits } from '../index.js'

// Every architecture with random weights, in f64.

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))
const table = (rows: readonly (readonly number[])[]): Tensor<'batch' | 'position'> =>
  tensor(rows.flat(), { batch: rows.length, position: rows[0]!.length }, { dtype: 'i32' })
const vocabulary = 7
const anyIds = (minLength: number, maxLength = minLength): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 0, max: vocabulary - 1 }), { minLength, maxLength })
const runs = { numRuns: 6 }

describe.each(Object.entries(decoderConfigs))('%s', (_, config) => {
  const design = designOf(config)

  test('what it predicts does not depend on what comes after', () =>
    fc.assert(
      fc.property(anyIds(9), anyIds(9), fc.integer({ min: 1, max: 9 }), (a, b, kept) =>
        on(() => {
          const logits = decoderLogits(
            decoderOf(design),
            design,
            table([a, [...a.slice(0, kept), ...b.slice(kept)]]),
          ).slice('position', 0, kept)
          expect(far(logits.at('batch', 0).values(), logits.at('batch', 1).values())).toBeLessThan(1e-12)
        }),
      ),
      runs,
    ))

  test('a cache changes nothing, however the text is cut', () =>
    fc.assert(
      fc.property(anyIds(11), fc.array(fc.integer({ min: 1, max: 11 }), { maxLength: 4 }), (ids, cuts) =>
        on(() => {
          const model = decoderOf(design)
          const whole = decoderLogits(model, design, table([ids])).values()
          const cache = new KeyValueCache()
          const places = [...new Set([0, ...cuts, 11])].sort((a, b) => a - b)
          const parts = places.slice(1).flatMap((end, i) => {
            const part = table([ids.slice(places[i], end)])
            return [...decoderLogits(model, design, part, { cache }).values()]
          })
          cache.dispose()
          expect(far(whole, parts)).toBeLessThan(1e-12)
        }),
      ),
      runs,
    ))

  test('padding at either end changes nothing', () =>
    fc.assert(
      fc.property(anyIds(2, 6), anyIds(8), fc.boolean(), (ids, filler, left) =>
        on(() => {
          const model = decoderOf(design)
          const alone = decoderLogits(model, design, table([ids])).values()
          const fill = filler.slice(ids.length)
          const start = left ? fill.length : 0
          const real = filler.map((__, i) => (i >= start && i < start + ids.length ? 1 : 0))
          const padded = decoderLogits(model, design, table([left ? [...fill, ...ids] : [...ids, ...fill]]), {
            mask: padding(tensor(real, { batch: 1, key: 8 }, { dtype: 'i32' })),
            ...(left && { positions: table([real.map((__, i) => Math.max(0, i - start))]) }),
          })
          const own = padded.slice('position', start, start + ids.length).values()
          expect(far(alone, own)).toBeLessThan(1e-12)
        }),
      ),
      runs,
    ))

  test('gradients equal central differences', () =>
    on(() => {
      const ids = table([[0, 3, 2, 6]])
      const targets = table([[3, 2, 1, 5]])
      const loss = (model: Decoder): Tensor<never> =>
        crossEntropy(decoderLogits(model, design, ids), targets, 'vocabulary')
      // The norms bend much at such small widths: a small step.
      const { error, at } = checkGradient(loss, decoderOf(design), 1e-6)
      expect(error, at).toBeLessThan(1e-7)
    }))
})

describe('LongRoPE', () => {
  const design = designOf(decoderConfigs['phi3']!)
  const ids = Array.from({ length: 20 }, (_, i) => (i * 3) % vocabulary)
  const run = (model: Decoder, from: number, to: number, cache?: KeyValueCache): ArrayLike<number> =>
    decoderLogits(model, design, table([ids.slice(from, to)]), { cache }).values()

  test('turns long texts otherwise, and a cache of them is as good as all of it', () =>
    on(() => {
      const model = decoderOf(design)
      expect(far(run(model, 0, 16), Array.from(run(model, 0, 17)).slice(0, 16 * vocabulary))).toBeGreaterThan(
        1e-3,
      )
      const cache = new KeyValueCache()
      const parts = [...Array.from(run(model, 0, 18, cache)), ...Array.from(run(model, 18, 20, cache))]
      expect(far(run(model, 0, 20), parts)).toBeLessThan(1e-12)
    }))

  test('refuses to go on from a short text into a long one', () =>
    on(() => {
      const model = decoderOf(design)
      const cache = new KeyValueCache()
      run(model, 0, 15, cache)
      run(model, 15, 16, cache)
      expect(() => run(model, 16, 17, cache)).toThrow(UsageError)
      expect(() => run(model, 16, 17, cache)).toThrow(/longer than 16 tokens.*new cache/s)
    }))
})

function far(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)
}
