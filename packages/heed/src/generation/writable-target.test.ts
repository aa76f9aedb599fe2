import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import {
  createEncoderDecoder,
  type EncoderDecoder,
  type EncoderDecoderDesign,
  encodeSource,
  type LayerDesign,
  targetLogits,
  targetStates,
} from '../models/index.js'
import { normalInitializer } from '../nn/index.js'
import { referenceDevices } from '../nn/testing/reference.js'
import { memoryUse, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { loadTokenizer } from '../text/index.js'
import { type Decoding, writableTarget, write } from './index.js'

const vocabulary = 11
const shape = { width: 16, heads: 4, hidden: 24 }
const t5Layer: LayerDesign = {
  shape: { ...shape, bias: false, normBias: false },
  norm: { kind: 'rms', epsilon: 1e-6 },
  activation: 'relu',
  attention: { scale: 1 },
}
const bartLayer: LayerDesign = {
  shape,
  arrangement: 'post',
  norm: { kind: 'layer', epsilon: 1e-5 },
  activation: 'gelu',
  attention: {},
}
const common = { vocabulary, context: 64, width: 16, layers: 2, heads: 4, padding: 0, start: 0 }
const t5Stack = {
  blocks: [t5Layer, t5Layer],
  finalNorm: t5Layer.norm,
  relative: { buckets: 8, maximumDistance: 20 },
}
const bartStack = { blocks: [bartLayer, bartLayer], embeddingNorm: bartLayer.norm }
const designs: readonly EncoderDecoderDesign[] = [
  { architecture: 't5', ...common, encoder: t5Stack, decoder: t5Stack, tied: true, outputScale: 0.25 },
  {
    architecture: 'bart',
    ...common,
    encoder: bartStack,
    decoder: bartStack,
    position: { kind: 'learned', rows: 66, offset: 2 },
    tied: false,
    outputBias: true,
  },
  {
    architecture: 'm2m100',
    ...common,
    encoder: bartStack,
    decoder: bartStack,
    position: { kind: 'sinusoidal', padding: 1, arrangement: 'halves' },
    embeddingScale: 4,
    tied: true,
  },
  {
    architecture: 'bergamot',
    ...common,
    encoder: bartStack,
    decoder: { ...bartStack, recurrent: true },
    tied: true,
    emptyStart: true,
  },
]
const make = (design: EncoderDecoderDesign): EncoderDecoder =>
  createEncoderDecoder(design, randomKey(1), { initializer: normalInitializer(0.3) })

const rowOf = (ids: readonly number[]): Tensor<'batch' | 'position'> =>
  tensor([...ids], { batch: 1, position: ids.length }, { dtype: 'i32' })

// Padding has no position of its own: from 2 on there is none.
const ids = (minLength: number, maxLength: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 2, max: vocabulary - 1 }), { minLength, maxLength })

describe.each(referenceDevices.map((device) => [device.name, device] as const))('on %s', (_, device) => {
  const tolerance = device.floatBytes === 8 ? 1e-11 : 1e-4
  test('each row answers its own source as it does alone, whatever becomes of the others', () => {
    fc.assert(
      fc.property(
        fc.nat(designs.length - 1),
        fc.array(ids(1, 12), { minLength: 1, maxLength: 4 }),
        fc.array(
          fc.record({
            added: fc.array(ids(0, 3), { minLength: 4, maxLength: 4 }),
            kept: fc.option(fc.array(fc.nat(3), { minLength: 1, maxLength: 4 })),
            cut: fc.nat(2),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        (which, sources, steps) => {
          const run = (): void =>
            withDevice(device, () =>
              scope(() => {
                const design = designs[which]!
                const model = make(design)
                let decoding: Decoding = writableTarget(model, design, sources).begin(sources.length)
                let texts = sources.map((source) => ({ source, ids: [] as number[] }))
                for (const { added, kept, cut } of steps) {
                  const lists = texts.map((__, row) => added[row]!)
                  const found = decoding.step(lists, { all: true }).values()
                  const expected = texts.flatMap(({ source, ids: text }, row) => {
                    const list = lists[row]!
                    if (list.length === 0) return []
                    text.push(...list)
                    const encoded = encodeSource(model, design, rowOf(source))
                    const logits = targetLogits(model, design, rowOf(text), encoded)
                    return [...logits.slice('position', text.length - list.length, text.length).values()]
                  })
                  expect(found.length).toBe(expected.length)
                  const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - found[i]!)), 0)
                  expect(worst).toBeLessThan(tolerance)
                  const length = Math.max(0, texts[0]!.ids.length - cut)
                  decoding.truncate(0, length)
                  texts[0]!.ids.length = length
                  if (kept !== null) {
                    const rows = kept.map((row) => row % texts.length)
                    const fork = decoding.fork()
                    decoding.dispose()
                    decoding = fork
                    decoding.keep(rows)
                    texts = rows.map((row) => ({ ...texts[row]!, ids: [...texts[row]!.ids] }))
                  }
                }
                decoding.dispose()
              }),
            )
          run() // tables of positions grow, and stay
          const before = memoryUse().tensors
          run()
          expect(memoryUse().tensors).toBe(before)
        },
      ),
      { numRuns: 15 * Number(process.env.HEED_LONG ?? 1) },
    )
  })
})

test.each(referenceDevices.map((device) => [device.name, device] as const))(
  'a row has the same bits alone and in any batch: %s',
  (_, device) => {
    fc.assert(
      fc.property(
        fc.nat(designs.length - 1),
        fc.array(fc.tuple(ids(1, 40), ids(1, 20)), { minLength: 2, maxLength: 5 }),
        (which, rows) =>
          withDevice(device, () =>
            scope(() => {
              const design = designs[which]!
              const model = make(design)
              const run = (some: typeof rows): string[] => {
                const sources = some.map(([source]) => source)
                const decoding = writableTarget(model, design, sources).begin(some.length)
                const steps = [some.map(([, target]) => target), some.map(() => [3])]
                const found = steps.map((step) => decoding.step(step).values())
                decoding.dispose()
                const row = (i: number): string =>
                  found.map((logits) => logits.slice(i * vocabulary, (i + 1) * vocabulary).join()).join()
                return some.map((__, i) => row(i))
              }
              const together = run(rows)
              rows.forEach((row, i) => expect(together[i]).toBe(run([row])[0]))
            }),
          ),
      ),
      { numRuns: 8 * Number(process.env.HEED_LONG ?? 1) },
    )
  },
)

test('a text is its own words: the start token is none of it, and no space stands in front', async () => {
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
  const words = ['</s>', '<unk>', '▁a', '▁b', 'c', '▁d', 'e', '▁f', 'g', '▁h', 'i']
  const tokenizer = loadTokenizer({
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: metaspace,
    post_processor: null,
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: 1, vocab: words.map((word, i) => [word, -i]) },
  })
  for (const design of designs) {
    const target = writableTarget(make(design), design, [[3, 4]])
    // Tokens 2, 3, …: which of them is nobody's matter.
    const options = { tokenizer, temperature: 0, tokens: 4, suppressed: [0, 1] }
    for (const how of [options, { ...options, beams: 2 }]) {
      const [written] = await write(target, [[0]], how)
      expect(written!.ids).toHaveLength(4)
      expect(written!.text).toBe(tokenizer.decode(written!.ids))
      expect(written!.text).toMatch(/^\S/)
    }
    // Behind a word that stands there already there is one.
    const [more] = await write(target, [[0, 2]], options)
    expect(`a${more!.text}`).toBe(tokenizer.decode([2, ...more!.ids]))
  }
})

test('what does not fit is refused', () => {
  const design = designs[0]!
  const model = make(design)
  expect(() => writableTarget(model, design, [])).toThrow(UsageError)
  expect(() => writableTarget(model, design, [[1], []])).toThrow(UsageError)
  expect(() => writableTarget(model, design, [[1]], { dtype: 'i8' as never })).toThrow(UsageError)
  expect(() => writableTarget(model, design, [[1]]).begin(2)).toThrow(UsageError)
  expect(() => targetStates(model, design, rowOf([1]), undefined)).toThrow(UsageError)
})
