import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomKey, ShapeError, StateError, UsageError } from '../base/index.js'
import {
  createDecoder,
  type Decoder,
  type DecoderConfig,
  decoderConfig,
  decoderLogits,
  quantizeDecoder,
} from '../models/index.js'
import { normalInitializer } from '../nn/index.js'
import { referenceDevices } from '../nn/testing/reference.js'
import { observe } from '../observe/index.js'
import { memoryUse, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import { type Decoding, PrefixCache, writable } from './index.js'

const vocabulary = 11
const small = { vocabulary, context: 128, width: 16, layers: 2, heads: 4, hidden: 24 }
const configs: readonly DecoderConfig[] = [
  decoderConfig({ ...small, keyValueHeads: 2 }),
  decoderConfig({
    ...small,
    gated: false,
    activation: 'gelu',
    norm: 'layer',
    position: 'learned',
    bias: true,
  }),
  decoderConfig({ ...small, position: 'alibi', tied: false, keyValueHeads: 1 }),
]
const make = (config: DecoderConfig): Decoder =>
  createDecoder(config, randomKey(1), { initializer: normalInitializer(0.3) })

/** The logits after each of the ids, computed all anew. */
function anew(
  model: Decoder,
  config: DecoderConfig,
  ids: readonly number[],
): Tensor<'position' | 'vocabulary'> {
  const input = tensor([...ids], { batch: 1, position: ids.length }, { dtype: 'i32' })
  return decoderLogits(model, config, input).at('batch', 0)
}

const ids = (most: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.array(fc.nat(vocabulary - 1), { maxLength: most }),
    // Of few kinds, so that texts begin alike.
    fc
      .tuple(fc.nat(most), fc.array(fc.nat(vocabulary - 1), { maxLength: 4 }))
      .map(([length, rest]) => [...Array.from({ length }, (_, i) => (i * i) % vocabulary), ...rest]),
  )
type Action =
  | { readonly what: 'begin'; readonly texts: readonly (readonly number[])[] }
  | { readonly what: 'step'; readonly added: readonly (readonly number[])[]; readonly all: boolean }
  | { readonly what: 'keep'; readonly rows: readonly number[] }
  | { readonly what: 'truncate'; readonly row: number; readonly share: number }
  | { readonly what: 'fork' }

const begin = fc.record({
  what: fc.constant('begin' as const),
  texts: fc.array(ids(55), { minLength: 1, maxLength: 5 }),
})
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: begin },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('step' as const),
      added: fc.array(fc.array(fc.nat(vocabulary - 1), { maxLength: 2 }), { minLength: 5, maxLength: 5 }),
      all: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('keep' as const),
      rows: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('truncate' as const),
      row: fc.nat(4),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  fc.record({ what: fc.constant('fork' as const) }),
)

describe.each(referenceDevices.map((device) => [device.name, device] as const))('on %s', (_, device) => {
  const tolerance = device.floatBytes === 8 ? 1e-11 : 1e-4
  test.each([
    ['without prefixes', 0],
    ['with prefixes', 2 ** 20],
    ['with prefixes and little memory', 20_000],
  ])('whatever is done, the logits are those of all computed anew: %s', (__, bytes) => {
    fc.assert(
      fc.property(
        fc.nat(configs.length - 1),
        begin,
        fc.array(action, { maxLength: 8 }),
        (which, first, actions) => {
          // Tables of positions grow once, and stay.
          withDevice(device, () =>
            scope(() => {
              for (const config of configs)
                anew(
                  make(config),
                  config,
                  Array.from({ length: small.context }, () => 1),
                )
            }),
          )
          const before = memoryUse().tensors
          withDevice(device, () =>
            scope(() => {
              const config = configs[which]!
              const model = make(config)
              const prefixes = bytes === 0 ? undefined : new PrefixCache({ bytes })
              const source = writable(model, config, { prefixes })
              const open: { decoding: Decoding; texts: number[][] }[] = []
              const compare = (
                found: Tensor<'row' | 'vocabulary'>,
                expected: readonly Tensor<'position' | 'vocabulary'>[],
              ): void => {
                const numbers = expected.flatMap((logits) => [...logits.values()])
                const values = found.values()
                expect(values.length).toBe(numbers.length)
                const worst = numbers.reduce((most, x, i) => Math.max(most, Math.abs(x - values[i]!)), 0)
                expect(worst).toBeLessThan(tolerance)
              }
              const step = (added: readonly (readonly number[])[], all: boolean): void => {
                const { decoding, texts } = open[0]!
                const room = added.map((list, row) => list.slice(0, small.context - texts[row]!.length))
                texts.forEach((text, row) => text.push(...room[row]!))
                const expected = texts.flatMap((text, row) => {
                  const count = room[row]!.length
                  if (count === 0) return []
                  const logits = anew(model, config, text)
                  const from = text.length - (all ? count : 1)
                  return [logits.slice('position', from, text.length)]
                })
                compare(decoding.step(room, { all }), expected)
                expect(decoding.lengths.join()).toBe(texts.map(({ length }) => length).join())
              }
              for (const action of [first, ...actions]) {
                if (action.what === 'begin') {
                  const { texts } = action
                  open.unshift({ decoding: source.begin(texts.length), texts: texts.map(() => []) })
                  step(texts, false)
                  continue
                }
                const { decoding, texts } = open[0]!
                if (action.what === 'step') step(action.added.slice(0, texts.length), action.all)
                if (action.what === 'fork')
                  open.push({ decoding: decoding.fork(), texts: texts.map((text) => [...text]) })
                if (action.what === 'keep') {
                  const rows = action.rows.map((row) => row % texts.length)
                  decoding.keep(rows)
                  open[0]!.texts = rows.map((row) => [...texts[row]!])
                }
                if (action.what === 'truncate') {
                  const row = action.row % texts.length
                  texts[row]!.length = Math.floor(action.share * texts[row]!.length)
                  decoding.truncate(row, texts[row]!.length)
                }
                if (action.what !== 'step' && open.length > 2) open.shift()!.decoding.dispose()
              }
              for (const { decoding } of open) decoding.dispose()
              if (prefixes !== undefined) expect(prefixes.bytes).toBeLessThanOrEqual(bytes)
              prefixes?.dispose()
            }),
          )
          expect(memoryUse().tensors).toBe(before)
        },
      ),
      { numRuns: 15 * Number(process.env.HEED_LONG ?? 1) },
    )
  })
})

describe('what is known, or several have alike, is computed once', () => {
  const config = configs[0]!
  const model = make(config)
  const long = Array.from({ length: 60 }, (_, i) => (i * 7) % vocabulary)
  /** How many positions ran through the model. */
  function positions(work: () => void, ...more: readonly string[]): number {
    let count = 0
    const add = (states: Tensor): void => void (count += (states as Tensor<'position'>).size('position'))
    const names = ['embedding', ...more]
    scope(() => observe(Object.fromEntries(names.map((name) => [name, add as never])), work))
    return count
  }

  test('of a batch', () => {
    const decoding = writable(model, config).begin(4)
    const texts = [long, [...long, 3], [...long.slice(0, 50), 1, 2], [9, 9]]
    // 32 that three of them have, and then 28, 29, 20 and 2.
    expect(positions(() => void decoding.step(texts), 'shared.embedding')).toBe(111)
    expect(decoding.lengths.join()).toBe('60,61,52,2')
    decoding.dispose()
  })

  test('of an earlier call', () => {
    using prefixes = new PrefixCache()
    const run = (text: readonly number[]): number => {
      const decoding = writable(model, config, { prefixes }).begin(1)
      const count = positions(() => void decoding.step([text]))
      decoding.dispose()
      return count
    }
    expect([long, long, [...long, 1, 2], [...long.slice(0, 40), 1, 2], [1, 2, 3]].map(run).join()).toBe(
      '60,28,30,42,3',
    )
  })

  test('of what was written then', () => {
    const prefixes = new PrefixCache()
    const source = writable(model, config, { prefixes })
    const first = source.begin(1)
    scope(() => void first.step([long]))
    scope(() => void first.step([[5]]))
    first.dispose()
    expect(prefixes.size).toBe(1)
    const known = prefixes.find([...long, 5, 6])
    expect(known?.length).toBe(61)
    known?.cache.dispose()
    expect(prefixes.find([1, 2, 3])).toBeUndefined()
    // The shorter is the beginning of the longer: nothing is added.
    const again = source.begin(1)
    scope(() => void again.step([long.slice(0, 20)]))
    again.dispose()
    expect(prefixes.size).toBe(1)
    prefixes.dispose()
  })
})

test.each(referenceDevices.map((device) => [device.name, device] as const))(
  'a row has the same bits alone and in any batch: %s',
  (_, device) => {
    const beginning = fc.constantFrom(0, 5, 33, 64, 70)
    const text = fc.tuple(beginning, fc.array(fc.nat(vocabulary - 1), { minLength: 1, maxLength: 40 }))
    fc.assert(
      fc.property(
        fc.nat(configs.length - 1),
        fc.array(text, { minLength: 2, maxLength: 6 }),
        fc.constantFrom('f32' as const, 'bf16' as const),
        fc.constantFrom(undefined, 'int8' as const, 'int4' as const, 'bf16' as const),
        fc.boolean(),
        (which, drawn, dtype, format, known) =>
          withDevice(device, () =>
            scope(() => {
              const config = configs[which]!
              const weights = make(config)
              const model = format === undefined ? weights : quantizeDecoder(weights, format)
              using prefixes = new PrefixCache()
              const texts = drawn.map(([count, rest]) => [
                ...Array.from({ length: count }, (__, i) => (i * i) % vocabulary),
                ...rest,
              ])
              const run = (rows: readonly (readonly number[])[], before?: PrefixCache): number[][] => {
                const decoding = writable(model, config, { dtype, prefixes: before }).begin(rows.length)
                const steps = [rows, rows.map(() => [1]), rows.map(() => [2, 3])]
                const found = steps.map((ids) => decoding.step(ids).values())
                decoding.dispose()
                return rows.map((__, row) =>
                  found.flatMap((logits) =>
                    Array.from(logits.subarray(row * vocabulary, (row + 1) * vocabulary)),
                  ),
                )
              }
              if (known) {
                const first = writable(model, config, { dtype, prefixes }).begin(1)
                first.step([Array.from({ length: 90 }, (__, i) => (i * i) % vocabulary)])
                first.dispose()
              }
              const together = run(texts, known ? prefixes : undefined)
              texts.forEach((ids, row) => expect(together[row]!.join()).toBe(run([ids])[0]!.join()))
            }),
          ),
      ),
      { numRuns: 12 * Number(process.env.HEED_LONG ?? 1) },
    )
  },
)

describe('what does not fit is refused, and changes nothing', () => {
  const config = configs[0]!
  const model = make(config)
  test('a step', () =>
    scope(() => {
      const decoding = writable(model, config).begin(2)
      decoding.step([[1, 2], [3]])
      expect(() => decoding.step([[1]])).toThrow(UsageError)
      expect(() => decoding.step([[1], [vocabulary]])).toThrow(ShapeError)
      expect(() => decoding.step([[1], [0.5]])).toThrow(ShapeError)
      expect(() => decoding.step([Array.from({ length: 127 }, () => 1), [1]])).toThrow(StateError)
      expect(() => decoding.keep([2])).toThrow(UsageError)
      expect(() => decoding.truncate(0, 3)).toThrow(StateError)
      expect(() => decoding.truncate(2, 0)).toThrow(UsageError)
      expect(decoding.lengths.join()).toBe('2,1')
      decoding.dispose()
      expect(() => decoding.step([[1], [1]])).toThrow(StateError)
    }))
  test('options', () => {
    expect(() => writable(model, config, { dtype: 'i8' as never })).toThrow(UsageError)
    expect(() => new PrefixCache({ bytes: -1 })).toThrow(UsageError)
  })
})
