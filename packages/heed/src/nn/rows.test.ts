import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomKey, ShapeError, StateError, UsageError } from '../base/index.js'
import { collect } from '../observe/index.js'
import { concat, memoryUse, normal, scope, tensor, type Tensor } from '../tensor/index.js'
import {
  createCrossBlock,
  crossDecoderBlock,
  decoderBlock,
  encoderBlock,
  KeyValueCache,
  RowCaches,
  selfAttention,
  type Sequence,
} from './index.js'
import { block, type Drawn, drawn, expectEqual, longest, on, sequence } from './testing/blocks.js'

const runs = { numRuns: 30 * Number(process.env.HEED_LONG ?? 1) }

const lengths = fc.array(fc.integer({ min: 1, max: longest }), { minLength: 1, maxLength: 5 })

/** The positions of each row. */
function split(x: Sequence, lengths: readonly number[]): Sequence[] {
  let start = 0
  return lengths.map((length) => x.slice('position', start, (start += length)))
}

const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0)

describe('rows of lengths of their own are what each is alone', () => {
  test('in an encoder block and in a decoder block', () => {
    fc.assert(
      fc.property(drawn, lengths, fc.boolean(), (given, lengths, causal) =>
        on(given.device, () => {
          const parameters = block(given)
          const x = sequence(given.seed, 1, total(lengths))
          const run = causal ? decoderBlock : encoderBlock
          const { options } = given
          const alone = split(x, lengths).map((row) => run(parameters, row, options))
          const together = run(parameters, x, {
            ...options,
            attention: { ...options.attention, rows: { lengths } },
          })
          expectEqual(given, together, concat(alone, 'position'))
        }),
      ),
      runs,
    )
  })

  test('in a block with cross-attention, each to a context of its own', () => {
    fc.assert(
      fc.property(
        drawn,
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (given, both) => {
          const before = memoryUse().tensors
          on(given.device, () => {
            const { seed, shape, options } = given
            const own = { ...shape, initializer: (key: never, size: never) => normal(key, size, 0.5) }
            const parameters = createCrossBlock(randomKey(seed), own as never)
            const [lengths, contexts] = [both.map(([own]) => own), both.map(([, context]) => context)]
            const x = sequence(seed, 1, total(lengths))
            const context = sequence(seed + 1, 1, total(contexts))
            const rows = split(x, lengths)
            const alone = split(context, contexts).map((part, row) =>
              crossDecoderBlock(parameters, rows[row]!, part, options),
            )
            const found = crossDecoderBlock(parameters, x, context, {
              ...options,
              attention: { ...options.attention, rows: { lengths } },
              crossAttention: { rows: { lengths, contexts } },
            })
            expectEqual(given, found, concat(alone, 'position'))
            // Position by position, with what each row remembers.
            const caches = new RowCaches(lengths.length)
            const outputs = lengths.map((): Sequence[] => [])
            for (let at = 0; at < Math.max(...lengths); at++) {
              const there = lengths.flatMap((length, row) => (at < length ? [row] : []))
              // The context is computed in the first step, with all rows.
              const of = { lengths: there.map(() => 1), caches: caches.layer(0, there) }
              const step = crossDecoderBlock(
                parameters,
                concat(
                  there.map((row) => rows[row]!.slice('position', at, at + 1)),
                  'position',
                ),
                context,
                {
                  ...options,
                  attention: { ...options.attention, rows: of },
                  crossAttention: { rows: { ...of, contexts } },
                },
              )
              there.forEach((row, i) => outputs[row]!.push(step.slice('position', i, i + 1)))
            }
            expectEqual(
              given,
              concat(
                outputs.map((parts) => concat(parts, 'position')),
                'position',
              ),
              concat(alone, 'position'),
            )
            caches.dispose()
          })
          expect(memoryUse().tensors).toBe(before)
        },
      ),
      runs,
    )
  })
})

type Step =
  | { readonly what: 'add'; readonly lengths: readonly number[] }
  | { readonly what: 'keep'; readonly rows: readonly number[] }
  | { readonly what: 'truncate'; readonly row: number; readonly share: number }
  | { readonly what: 'fork' }
  | { readonly what: 'swap' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('add' as const),
      lengths: fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('keep' as const),
      rows: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('truncate' as const),
      row: fc.nat(5),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  fc.record({ what: fc.constant('fork' as const) }),
  fc.record({ what: fc.constant('swap' as const) }),
)

interface Held {
  readonly caches: RowCaches
  /** The positions of each row: numbers of vectors of the pool. */
  rows: number[][]
}

test('caches that are added to, kept, forked and cut are what computing all anew is', () => {
  fc.assert(
    fc.property(
      drawn,
      fc.array(step, { maxLength: 14 }),
      fc.constantFrom('f32', 'f16'),
      (given, steps, dtype) => {
        const before = memoryUse().tensors
        on(given.device, () => {
          const parameters = block(given)
          const pool = sequence(given.seed, 1, 64)
          const vectors = (places: readonly number[]): Sequence =>
            concat(
              places.map((place) => pool.slice('position', place, place + 1)),
              'position',
            )
          let next = 0
          const held: Held[] = [{ caches: new RowCaches(3, { dtype: dtype as 'f32' }), rows: [[], [], []] }]
          for (const step of steps) {
            const { caches, rows } = held[0]!
            if (step.what === 'fork' && held.length < 3)
              held.push({ caches: caches.fork(), rows: rows.map((row) => [...row]) })
            if (step.what === 'swap') held.push(held.shift()!)
            if (step.what === 'keep') {
              const chosen = step.rows.map((row) => row % rows.length)
              caches.keep(chosen)
              held[0]!.rows = chosen.map((row) => [...rows[row]!])
            }
            if (step.what === 'truncate') {
              const row = step.row % rows.length
              const length = Math.floor(step.share * rows[row]!.length)
              caches.truncate(row, length)
              rows[row]!.length = length
            }
            if (step.what !== 'add') continue
            const lengths = rows.map((row, i) => Math.min(step.lengths[i]!, longest - row.length))
            const added = lengths.map((length) => Array.from({ length }, () => next++ % 64))
            if (total(lengths) === 0) continue
            rows.forEach((row, i) => row.push(...added[i]!))
            const { options } = given
            const found = decoderBlock(parameters, vectors(added.flat()), {
              ...options,
              attention: { ...options.attention, rows: { lengths, caches: caches.layer(0) } },
            })
            if (dtype === 'f16') continue
            const expected = rows.flatMap((row, i) =>
              lengths[i] === 0
                ? []
                : [
                    decoderBlock(parameters, vectors(row), options).slice(
                      'position',
                      row.length - lengths[i]!,
                      row.length,
                    ),
                  ],
            )
            expectEqual(given, found, concat(expected, 'position'))
          }
          for (const { caches, rows } of held) {
            expect(caches.lengths.join()).toBe(rows.map(({ length }) => length).join())
            caches.dispose()
          }
        })
        expect(memoryUse().tensors).toBe(before)
      },
    ),
    runs,
  )
})

const [example] = fc.sample(drawn, { numRuns: 1, seed: 4 }) as [Drawn]

test('scores and filter have the names of their rows, and the rest that of all', () => {
  on(example.device, () => {
    const [parameters, x] = [block(example), sequence(1, 1, 5)]
    const run = (lengths: readonly number[]) => (): Sequence =>
      selfAttention(parameters.attention, x, { rows: { lengths } })
    const several = collect(['rows.*.filter', 'mixed'], run([2, 3]))
    expect([...several.values.keys()].sort().join()).toBe('mixed,rows.0.filter,rows.1.filter')
    const filter = several.values.get('rows.1.filter') as Tensor<'query' | 'key'>
    expect([filter.size('query'), filter.size('key')].join()).toBe('3,3')
    expectEqual(example, several.result, run([2, 3])())
    const one = collect(['filter'], run([5]))
    expectEqual(example, one.result, run([5])())
  })
})

test('forks share memory until they write', () => {
  on(0, () => {
    const before = memoryUse().bytes
    const numbers = (count: number): Tensor<'batch' | 'head' | 'key' | 'width'> =>
      tensor(new Float32Array(count * 4), { batch: 1, head: 1, key: count, width: 4 })
    const held = (): number => memoryUse().bytes - before
    const cache = new KeyValueCache()
    const added = numbers(60)
    const scratch = held()
    scope(() => void cache.layer(0).append(added, added))
    const whole = held() - scratch
    const forks = [cache.fork(), cache.fork(), cache.fork()]
    expect(held() - scratch).toBe(whole)
    for (const fork of forks)
      expect([...fork.blocks()].map(({ bytes }) => bytes).join()).toBe(`${whole / 2},${whole / 2}`)
    cache.dispose()
    for (const fork of forks.slice(1)) fork.dispose()
    expect(held() - scratch).toBe(whole)
    expect(forks[0]!.length).toBe(60)
    forks[0]!.dispose()
    expect(held()).toBe(scratch)
  })
})

describe('what does not fit is refused', () => {
  const run = (rows: NonNullable<Parameters<typeof selfAttention>[2]>['rows'], batch = 1): void => {
    on(example.device, () => void selfAttention(block(example).attention, sequence(1, batch, 5), { rows }))
  }
  test.each([
    ['too few positions', () => run({ lengths: [2, 2] }), ShapeError],
    ['no row', () => run({ lengths: [] }), ShapeError],
    ['a part of a position', () => run({ lengths: [2.5, 2.5] }), ShapeError],
    ['a batch', () => run({ lengths: [5] }, 2), ShapeError],
    ['too few caches', () => run({ lengths: [2, 3], caches: new RowCaches(1).layer(0) }), UsageError],
    ['a cache twice', () => run({ lengths: [2, 3], caches: new RowCaches(1).layer(0, [0, 0]) }), UsageError],
    ['a row that is not there', () => new RowCaches(2).keep([2]), UsageError],
    ['to forget what is to come', () => new RowCaches(2).truncate(0, 1), StateError],
    ['another dtype', () => new RowCaches(2, { dtype: 'i8' as never }), UsageError],
  ])('%s', (_, work, error) => expect(work).toThrow(error))
})
