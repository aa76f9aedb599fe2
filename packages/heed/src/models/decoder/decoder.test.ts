import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad, checkGradient } from '../../autograd/index.js'
import { leavesOf, randomKey, HeedError, UsageError } from '../../base/index.js'
import { Device } from '../../device/index.js'
import { KeyValueCache, normalInitializer } from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import { interpreter } from '../../targets/index.js'
import {
  crossEntropy,
  isTensor,
  memoryUse,
  scope,
  tensor,
  type Tensor,
  withDevice,
} from '../../tensor/index.js'
import { createDecoder, type Decoder, decoderLogits } from './decoder.js'
import { type DecoderConfig, decoderConfig } from './decoder-config.js'
import { generate, lastLogits } from '../../generation/index.js'

const small = { vocabulary: 23, context: 16, width: 16, layers: 2, heads: 4, hidden: 24 }
const configs: Readonly<Record<string, DecoderConfig>> = {
  llama: decoderConfig({ ...small, keyValueHeads: 2 }),
  gpt2: decoderConfig({
    ...small,
    gated: false,
    activation: 'gelu-tanh',
    norm: 'layer',
    position: 'learned',
    bias: true,
  }),
  alibi: decoderConfig({ ...small, position: 'alibi', tied: false, keyValueHeads: 1 }),
  sinusoidal: decoderConfig({
    ...small,
    position: 'sinusoidal',
    norm: 'layer',
    gated: false,
    activation: 'relu',
  }),
}
const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))
/** Weights far larger than in training, so that every part matters. */
const make = (config: DecoderConfig, seed = 1): Decoder =>
  createDecoder(config, randomKey(seed), { initializer: normalInitializer(0.3) })
const idsOf = (rows: readonly (readonly number[])[]): Tensor<'batch' | 'position'> =>
  tensor(rows.flat(), { batch: rows.length, position: rows[0]!.length }, { dtype: 'i32' })
const anyIds = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 0, max: small.vocabulary - 1 }), { minLength: length, maxLength: length })

describe.each(Object.entries(configs))('decoder like %s', (name, config) => {
  test('what it predicts does not depend on what comes after', () =>
    fc.assert(
      fc.property(anyIds(9), anyIds(9), fc.integer({ min: 1, max: 9 }), (a, b, kept) =>
        on(() => {
          const model = make(config)
          const changed = [...a.slice(0, kept), ...b.slice(kept)]
          const logits = decoderLogits(model, config, idsOf([a, changed]))
          const rows = logits.slice('position', 0, kept)
          expect(close(rows.at('batch', 0).values(), rows.at('batch', 1).values())).toBeLessThan(1e-12)
        }),
      ),
      { numRuns: 10 },
    ))

  test('a cache changes nothing, however the text is cut', () =>
    fc.assert(
      fc.property(anyIds(11), fc.array(fc.integer({ min: 1, max: 11 }), { maxLength: 4 }), (ids, cuts) =>
        on(() => {
          const model = make(config)
          const whole = decoderLogits(model, config, idsOf([ids]))
            .at('batch', 0)
            .values()
          const cache = new KeyValueCache()
          const places = [...new Set([0, ...cuts, 11])].sort((a, b) => a - b)
          const parts = places
            .slice(1)
            .flatMap((end, i) => [
              ...decoderLogits(model, config, idsOf([ids.slice(places[i], end)]), { cache }).values(),
            ])
          cache.dispose()
          expect(close(whole, parts)).toBeLessThan(1e-12)
        }),
      ),
      { numRuns: 10 },
    ))

  // The others differ in positions alone, whose gradients autograd's own tests hold.
  test.runIf(name === 'llama' || name === 'gpt2')('gradients equal central differences', () =>
    on(() => {
      const tiny = decoderConfig({
        ...config,
        vocabulary: 5,
        width: 8,
        heads: 2,
        keyValueHeads: 1,
        hidden: 6,
        layers: 1,
        context: 4,
      })
      const ids = idsOf([
        [0, 3, 2],
        [4, 4, 1],
      ])
      const targets = idsOf([
        [3, 2, 1],
        [4, 1, 0],
      ])
      const loss = (model: Decoder): Tensor<never> =>
        crossEntropy(decoderLogits(model, tiny, ids), targets, 'vocabulary')
      const { error, at } = checkGradient(loss, make(tiny))
      expect(error, at).toBeLessThan(1e-7)
    }),
  )

  test('rematerialization gives the same gradients', () =>
    on(() => {
      const model = make(config)
      const ids = idsOf([[1, 2, 3, 4, 5]])
      const targets = idsOf([[2, 3, 4, 5, 6]])
      const gradients = [false, true].map((rematerialize) => {
        const gradient = grad((m: Decoder) =>
          crossEntropy(decoderLogits(m, config, ids, { rematerialize }), targets, 'vocabulary'),
        )(model)
        return [...leavesOf<Tensor>(gradient, isTensor).values()].flatMap((leaf) => [...leaf.values()])
      })
      expect(gradients[0]!.some((value) => value !== 0)).toBe(true)
      expect(close(gradients[0]!, gradients[1]!)).toBeLessThan(1e-12)
    }))

  test('names its values', () =>
    on(() => {
      const { values } = collect(
        ['embedding', 'blocks.*.attention.filter', 'finalNorm.output', 'logits'],
        () => decoderLogits(make(config), config, idsOf([[1, 2, 3]])),
      )
      expect([...values.keys()]).toEqual([
        'embedding',
        'blocks.0.attention.filter',
        'blocks.1.attention.filter',
        'finalNorm.output',
        'logits',
      ])
      const filter = values.get('blocks.1.attention.filter')!
      expect(filter.shape).toEqual({ batch: 1, head: 4, query: 3, key: 3 })
    }))

  test('dropout changes what training sees, the same for the same key', () =>
    on(() => {
      const model = make(config)
      const ids = idsOf([[1, 2, 3, 4]])
      const run = (seed: number): number[] => [
        ...decoderLogits(model, config, ids, { dropout: { rate: 0.3, key: randomKey(seed) } }).values(),
      ]
      expect(run(1)).toEqual(run(1))
      expect(run(1)).not.toEqual(run(2))
    }))
})

describe('generation', () => {
  const config = configs.llama!

  test('takes the likeliest, as full recomputation does, beyond the context too', () =>
    on(() => {
      const model = make(config)
      const found = [...generate(model, config, [3, 1, 4], { tokens: 40, temperature: 0 })]
      const ids = [3, 1, 4]
      let start = 0
      for (const id of found) {
        if (ids.length - start > config.context) start = ids.length - config.context / 2
        const logits = lastLogits(model, config, ids.slice(start))
        expect(id).toBe(logits.indexOf(Math.max(...logits)))
        ids.push(id)
      }
      expect(found.length).toBe(40)
    }))

  test('the same seed gives the same text; another one another', () =>
    on(() => {
      const model = make(config)
      const run = (seed: number): number[] => [...generate(model, config, [0], { tokens: 12, seed })]
      expect(run(5)).toEqual(run(5))
      expect(run(5)).not.toEqual(run(6))
    }))

  test('stops where told to, and takes any prompt', () =>
    on(() => {
      const model = make(config)
      const greedy = { tokens: 10, temperature: 0 }
      const all = [...generate(model, config, [7], greedy)]
      const stop = all[4]!
      expect([...generate(model, config, [7], { ...greedy, stop: [stop] })]).toEqual(
        all.slice(0, all.indexOf(stop)),
      )
      expect([...generate(model, config, [7], { tokens: 0 })]).toEqual([])
      const long = Array.from({ length: 50 }, (_, i) => i % 23)
      expect([...generate(model, config, long, { tokens: 1, temperature: 0 })]).toEqual([
        ...generate(model, config, long.slice(-config.context), { tokens: 1, temperature: 0 }),
      ])
    }))

  test('leaves nothing behind', () =>
    withDevice(device, () => {
      const model = make(config)
      const text = generate(model, config, [1], { tokens: 30 })
      text.next()
      const before = memoryUse().tensors
      for (let i = 0; i < 20; i++) text.next()
      text.return()
      expect(memoryUse().tensors).toBeLessThanOrEqual(before)
    }))

  test('refuses what makes no sense', () =>
    on(() => {
      const model = make(config)
      const run = (prompt: number[], options: object): unknown => [
        ...generate(model, config, prompt, { tokens: 1, ...options }),
      ]
      expect(() => run([], {})).toThrow(UsageError)
      expect(() => run([1], { tokens: 1.5 })).toThrow(/tokens to be a whole number/)
      expect(() => run([23], {})).toThrow(/found id 23/)
      expect(() => run([1], { temperature: -1 })).toThrow(/temperature/)
      expect(() => run([1], { stop: [0.5] })).toThrow(UsageError)
      for (const ids of [[1.5], [2, NaN], [Infinity], [-1], [1, 23], ['1' as unknown as number]]) {
        expect(() => generate(model, config, ids, { tokens: 1 })).toThrow(HeedError)
        expect(() => lastLogits(model, config, ids)).toThrow(HeedError)
      }
      for (const ids of [undefined, null, 5, 'text', {}, new Set([1])])
        expect(() => generate(model, config, ids as never, { tokens: 1 })).toThrow(UsageError)
      expect(() => lastLogits(model, config, [])).toThrow(UsageError)
    }))
})

function close(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)
}
