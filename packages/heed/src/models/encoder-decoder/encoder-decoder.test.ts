import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient, grad } from '../../autograd/index.js'
import { leavesOf, randomKey, ShapeError, UsageError } from '../../base/index.js'
import { KeyValueCache, normalInitializer, padding, RowCaches } from '../../nn/index.js'
import { referenceDevices } from '../../nn/testing/reference.js'
import { collect } from '../../observe/index.js'
import { isTensor, scope, tensor, type Tensor, withDevice } from '../../tensor/index.js'
import type { LayerDesign } from '../layer-design.js'
import {
  createEncoderDecoder,
  type EncoderDecoder,
  encoderDecoderAttentions,
  type EncoderDecoderDesign,
  encoderDecoderLoss,
  encodeSource,
  rememberSources,
  shiftedLabels,
  sourceIds,
  type StackDesign,
  type StackOptions,
  targetLogits,
  targetStates,
} from './index.js'

const vocabulary = 9
const shape = { width: 4, heads: 2, hidden: 3 }
const common = { vocabulary, context: 16, width: 4, layers: 1, heads: 2, padding: 1, start: 0 }
const rms = { kind: 'rms', epsilon: 1e-3 } as const
const layerNorm = { kind: 'layer', epsilon: 1e-3 } as const
const relativeLayer: LayerDesign = {
  shape: { ...shape, headWidth: 3, gated: true, bias: false, normBias: false },
  norm: rms,
  activation: 'gelu-tanh',
  attention: { scale: 1 },
}
const layerOf = (arrangement: 'pre' | 'post'): LayerDesign => ({
  shape,
  arrangement,
  norm: layerNorm,
  activation: 'silu',
  attention: {},
})
const relative: StackDesign = {
  blocks: [relativeLayer, relativeLayer],
  finalNorm: rms,
  relative: { buckets: 6, maximumDistance: 7 },
}
const post: StackDesign = { blocks: [layerOf('post')], embeddingNorm: layerNorm }
const pre: StackDesign = { blocks: [layerOf('pre')], finalNorm: layerNorm }

/** One of each mechanism. */
const designs: Readonly<Record<string, EncoderDecoderDesign>> = {
  'distances, a scaled tied head': {
    ...common,
    architecture: 't5',
    encoder: relative,
    decoder: relative,
    tied: true,
    outputScale: 0.4,
  },
  'learned positions from row 2, norms last, a bias of the output': {
    ...common,
    architecture: 'bart',
    encoder: post,
    decoder: post,
    position: { kind: 'learned', rows: 18, offset: 2 },
    tied: true,
    outputBias: true,
  },
  'a vocabulary for each side, sines in halves': {
    ...common,
    architecture: 'marian',
    encoder: post,
    decoder: { ...post, blocks: [layerOf('post'), layerOf('post')] },
    position: { kind: 'sinusoidal', arrangement: 'halves' },
    sourceVocabulary: 7,
    embeddingScale: 2,
    tied: true,
  },
  'positions without padding, norms first, a head of its own': {
    ...common,
    architecture: 'm2m100',
    encoder: pre,
    decoder: pre,
    position: { kind: 'sinusoidal', arrangement: 'halves', frequencies: 'endpoint', padding: 1 },
    tied: false,
    start: undefined,
  },
  'a recurrent unit in place of attention, nothing where a target begins': {
    ...common,
    architecture: 'bergamot',
    encoder: post,
    decoder: { blocks: [layerOf('post'), layerOf('post')], recurrent: true },
    position: { kind: 'sinusoidal', arrangement: 'halves', frequencies: 'endpoint' },
    tied: true,
    outputBias: true,
    emptyStart: true,
  },
}

const make = (design: EncoderDecoderDesign): EncoderDecoder =>
  createEncoderDecoder(design, randomKey(3), { initializer: normalInitializer(0.5) })
const idsOf = (...rows: readonly (readonly number[])[]): Tensor<'batch' | 'position'> =>
  tensor(rows.flat(), { batch: rows.length, position: rows[0]!.length }, { dtype: 'i32' })
const onInterpreter = <T>(work: () => T): T => withDevice(referenceDevices[0]!, () => scope(work))
const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  a.length === b.length
    ? Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)
    : Infinity

describe.each(Object.entries(designs))('%s', (_, design) => {
  const loss = (model: EncoderDecoder, options: StackOptions = {}): Tensor<never> => {
    const source = idsOf([3, 5, 2, 6], [4, 2, 1, 1])
    const labels = idsOf([5, 7, 2], [3, 2, -100])
    const mask = padding(idsOf([1, 1, 1, 1], [1, 1, 0, 0]))
    return encoderDecoderLoss(model, design, source, labels, { mask, ...options })
  }

  test('the gradient of the loss equals central differences', () =>
    onInterpreter(() => {
      const { error, at } = checkGradient((m: EncoderDecoder) => loss(m), make(design))
      expect(error, at).toBeLessThan(1e-6)
    }))

  test('every parameter has a gradient, and forgetting blocks changes none', () =>
    onInterpreter(() => {
      const model = make(design)
      const flat = (tree: unknown): Map<string, ArrayLike<number>> =>
        new Map([...leavesOf<Tensor>(tree, isTensor)].map(([path, leaf]) => [path, leaf.values()]))
      const plain = flat(grad((m: EncoderDecoder) => loss(m))(model))
      const again = flat(grad((m: EncoderDecoder) => loss(m, { rematerialize: true }))(model))
      const still = [...plain].filter(([, values]) => Array.from(values).every((x) => x === 0))
      // The softmax cancels the bias of a key.
      expect(still.map(([path]) => path).filter((path) => !path.endsWith('key.bias'))).toEqual([])
      for (const [path, values] of plain) expect(largest(values, again.get(path)!), path).toBeLessThan(1e-12)
    }))

  test('dropout changes the loss, and the same key the same way', () =>
    onInterpreter(() => {
      const model = make(design)
      const dropped = (key: number): number =>
        loss(model, { dropout: { rate: 0.3, key: randomKey(key) } }).item()
      expect(dropped(1)).toBe(dropped(1))
      expect(dropped(1)).not.toBe(dropped(2))
    }))

  test('its attentions are named as it computes them', () =>
    onInterpreter(() => {
      const places = encoderDecoderAttentions(design)
      const { values } = collect(
        places.map(({ name }) => name),
        () =>
          targetLogits(
            make(design),
            design,
            idsOf([0, 3]),
            encodeSource(make(design), design, idsOf([3, 4, 5])),
          ),
      )
      const sizes: Readonly<Record<string, number>> = { source: 3, target: 2 }
      for (const { name, queries, keys } of places) {
        const filter = values.get(name)!.withAxes('batch', 'head', 'query', 'key')
        expect([filter.size('query'), filter.size('key')], name).toEqual([sizes[queries], sizes[keys]])
      }
    }))

  test('what follows changes nothing before it; the source changes everything', () =>
    onInterpreter(() => {
      const model = make(design)
      const run = (from: readonly number[], to: readonly number[]): ArrayLike<number> => {
        const logits = targetLogits(model, design, idsOf(to), encodeSource(model, design, idsOf(from)))
        return logits.slice('position', 0, 2).values()
      }
      const base = run([3, 5, 2], [0, 4, 6])
      expect(largest(base, run([3, 5, 2], [0, 4, 2]))).toBe(0)
      for (const other of [
        [4, 5, 2],
        [3, 4, 2],
        [3, 5, 6],
      ])
        expect(largest(base, run(other, [0, 4, 6]))).toBeGreaterThan(1e-3)
    }))

  test('rows that are filled up, one after the other, or remembered are what each is alone', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            from: fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 7 }),
            to: fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 5 }),
          }),
          { minLength: 1, maxLength: 4 },
        ),
        (rows) =>
          onInterpreter(() => {
            const model = make(design)
            const expected = rows.map(({ from, to }) =>
              targetLogits(model, design, idsOf(to), encodeSource(model, design, idsOf(from))).values(),
            )
            const check = (name: string, row: number, found: ArrayLike<number>): void =>
              expect(largest(found, expected[row]!), name).toBeLessThan(1e-10)

            const filled = (lists: readonly (readonly number[])[]): number[][] => {
              const length = Math.max(...lists.map((list) => list.length))
              return lists.map((list) => [...list, ...Array<number>(length - list.length).fill(1)])
            }
            const froms = rows.map(({ from }) => from)
            const tos = rows.map(({ to }) => to)
            const sources = idsOf(...filled(froms))
            const flags = filled(froms).map((list, row) =>
              list.map((__, i) => (i < froms[row]!.length ? 1 : 0)),
            )
            const mask = padding(idsOf(...flags))
            const encoded = encodeSource(model, design, sources, { mask })
            const targets = idsOf(...filled(tos))
            const together = targetLogits(model, design, targets, encoded, { sourceMask: mask })
            tos.forEach(({ length }, row) =>
              check('filled up', row, together.at('batch', row).slice('position', 0, length).values()),
            )

            const one = (lists: readonly (readonly number[])[]): Tensor<'batch' | 'position'> =>
              idsOf(lists.flat())
            const [fromLengths, lengths] = [froms, tos].map((lists) => lists.map(({ length }) => length))
            const packed = encodeSource(model, design, one(froms), { lengths: fromLengths! })
            const compare = (name: string, logits: Tensor<'batch' | 'position' | 'vocabulary'>): void => {
              let at = 0
              tos.forEach(({ length }, row) =>
                check(name, row, logits.slice('position', at, (at += length)).values()),
              )
            }
            compare(
              'one after the other',
              targetLogits(model, design, one(tos), packed, {
                rows: { lengths: lengths!, sources: fromLengths! },
              }),
            )
            using caches = new RowCaches(rows.length)
            rememberSources(model, packed, { lengths: fromLengths!, caches: caches.of() })
            compare(
              'remembered',
              targetLogits(model, design, one(tos), undefined, {
                rows: { lengths: lengths!, caches: caches.of() },
              }),
            )
          }),
      ),
      { numRuns: 10 * Number(process.env.HEED_LONG ?? 1) },
    ))
})

describe('labels', () => {
  const [t5] = Object.values(designs) as [EncoderDecoderDesign]

  test('are moved by one, with the start in front, and no label becomes padding', () =>
    onInterpreter(() => {
      const shifted = shiftedLabels({ ...t5, start: 4 }, idsOf([5, 7, 2], [3, 2, -100], [-100, -100, -100]))
      expect([...shifted.values()]).toEqual([4, 5, 7, 4, 3, 2, 4, 1, 1])
    }))

  test('begin with the last id that is no padding, where a target starts with its language', () =>
    onInterpreter(() => {
      const design = { ...t5, start: undefined }
      const shifted = shiftedLabels(design, idsOf([5, 7, 8], [3, 6, -100], [-100, -100, -100]))
      expect([...shifted.values()]).toEqual([8, 5, 7, 6, 3, 6, 1, 1, 1])
    }))

  test('their loss is the mean over those that there are', () =>
    onInterpreter(() => {
      const model = make(t5)
      const source = idsOf([3, 5], [3, 5])
      const [both, one] = [idsOf([5, 7], [5, 7]), idsOf([5, 7], [-100, -100])]
      const [whole, half] = [both, one].map((labels) => encoderDecoderLoss(model, t5, source, labels).item())
      expect(half).toBeCloseTo(whole!, 12)
    }))
})

test('a source ends with its end, once, where the model wants one', () => {
  const [t5] = Object.values(designs) as [EncoderDecoderDesign]
  expect(sourceIds(t5, [3, 4])).toEqual([3, 4])
  expect(sourceIds({ ...t5, sourceEnd: 0 }, Int32Array.of(3, 4))).toEqual([3, 4, 0])
  expect(sourceIds({ ...t5, sourceEnd: 0 }, [3, 4, 0])).toEqual([3, 4, 0])
  expect(sourceIds({ ...t5, sourceEnd: 0 }, [])).toEqual([0])
})

test('what does not fit is refused', () => {
  const [t5, bart] = Object.values(designs) as [EncoderDecoderDesign, EncoderDecoderDesign]
  onInterpreter(() => {
    expect(() => encodeSource(make(t5), t5, idsOf([3, vocabulary]))).toThrow(ShapeError)
    const long = idsOf(Array.from({ length: 17 }, () => 3))
    expect(() => encodeSource(make(bart), bart, long)).toThrow(UsageError)
    expect(() => encodeSource(make(t5), t5, idsOf([3, 4]), { lengths: [1, 2] })).toThrow(ShapeError)
    const cache = new KeyValueCache()
    expect(() => targetStates(make(t5), t5, idsOf([0]), undefined, { cache })).toThrow(UsageError)
    cache.dispose()
    using caches = new RowCaches(1)
    const rows = { lengths: [1], caches: caches.of() }
    expect(() => targetStates(make(t5), t5, idsOf([0]), undefined, { rows })).toThrow(UsageError)
  })
})
