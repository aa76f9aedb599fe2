import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { randomKey, ShapeError } from '../../base/index.js'
import { alibi, bias, causal, cosine, local, slidingWindow, softCap } from '../../nn/index.js'
import {
  attention,
  type AttentionOptions,
  attentionRagged,
  cast,
  concat,
  memoryUse,
  normal,
  scope,
  type Stretch,
  sum,
  type Tensor,
  withDevice,
} from '../index.js'
import { devices } from '../testing/devices.js'

interface Sizes {
  readonly seed: number
  readonly kvHeads: number
  readonly group: number
  readonly width: number
  readonly valueWidth: number
  /** Of each sequence, queries and keys. */
  readonly lengths: readonly (readonly [number, number])[]
}

const sizes: fc.Arbitrary<Sizes> = fc.record({
  seed: fc.nat(1e6),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  width: fc.integer({ min: 1, max: 19 }),
  valueWidth: fc.integer({ min: 1, max: 19 }),
  lengths: fc.array(
    fc.tuple(
      fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 70 })),
      fc.integer({ min: 0, max: 90 }),
    ),
    { minLength: 1, maxLength: 6 },
  ),
})

type Key = Tensor<'head' | 'key' | 'width'>
type Query = Tensor<'head' | 'query' | 'width'>

interface Drawn {
  readonly query: Query
  readonly key: Key
  readonly value: Key
  readonly slopes: Tensor<'head'>
  readonly sink: Tensor<'head'>
}

function operands({ seed, kvHeads, group, width, valueWidth, lengths }: Sizes): Drawn {
  const [queries, keys] = [0, 1].map((i) => lengths.reduce((total, both) => total + both[i]!, 0))
  const part = (n: number): ReturnType<typeof randomKey> => randomKey(seed + 7919 * n)
  return {
    // As projections leave them: heads inside positions.
    query: normal(part(0), { query: queries!, head: kvHeads * group, width }) as never,
    key: normal(part(1), { key: keys!, head: kvHeads, width }) as never,
    value: normal(part(2), { key: keys!, head: kvHeads, width: valueWidth }) as never,
    slopes: normal(part(3), { head: kvHeads * group }),
    sink: normal(part(4), { head: kvHeads * group }),
  }
}

function stretches(tensor: Key, lengths: readonly (readonly [number, number])[]): Stretch<keyof Shape>[] {
  let start = 0
  return lengths.map(([, length]) => {
    const own = { tensor, start, length }
    start += length
    return own
  })
}
interface Shape {
  head: number
  key: number
  width: number
}

function alone({ query, key, value }: Drawn, lengths: Sizes['lengths'], options: AttentionOptions): Query {
  let [q, k] = [0, 0]
  return concat(
    lengths.map(([queries, keys]) => {
      const [from, to] = [q, k]
      q += queries
      k += keys
      return attention(
        query.slice('query', from, q),
        key.slice('key', to, k),
        value.slice('key', to, k),
        options,
      ) as Query
    }),
    'query',
  )
}

const variants: readonly (readonly [string, (drawn: Drawn) => AttentionOptions])[] = [
  ['as it is', () => ({})],
  ['causal', () => ({ mask: causal })],
  ['a window and a cap', () => ({ mask: slidingWindow(7), score: softCap(2) })],
  ['local, ALiBi, a sink', ({ slopes, sink }) => ({ mask: local(3), score: alibi(slopes), sink })],
  ['cosine', () => ({ score: cosine(0.3) })],
]

describe.each(devices)('sequences of several lengths are what each is alone: %s', (title, device) => {
  test.each(variants)('%s', (_, options) => {
    fc.assert(
      fc.property(sizes, (drawn) => {
        const before = memoryUse().bytes
        withDevice(device, () =>
          scope(() => {
            const given = operands(drawn)
            const { query, key, value } = given
            const { lengths } = drawn
            const found = attentionRagged(
              query,
              lengths.map(([queries]) => queries),
              stretches(key, lengths),
              stretches(value, lengths),
              options(given),
            )
            const order = ['query', 'head', 'width'] as const
            const expected = alone(given, lengths, options(given))
            expect(found.values(order).join()).toBe(expected.values(order).join())
          }),
        )
        expect(memoryUse().bytes).toBe(before)
      }),
      { numRuns: title === 'interpreter' ? 10 : 25 },
    )
  })

  test('many keys in parts, and keys in tensors of their own, in half precision', () =>
    withDevice(device, () =>
      scope(() => {
        const lengths = [
          [1, 2500],
          [1, 40],
          [3, 4100],
          [1, 2500],
        ] as const
        const given = operands({ seed: 1, kvHeads: 2, group: 2, width: 8, valueWidth: 8, lengths })
        const half = { ...given, key: cast(given.key, 'f16'), value: cast(given.value, 'f16') }
        const own = (tensor: Key): Stretch<keyof Shape>[] => {
          let start = 0
          return lengths.map(([, length]) => {
            const part = tensor.slice('key', start, (start += length))
            return { tensor: part as never, start: 0, length }
          })
        }
        const found = attentionRagged(
          half.query,
          lengths.map(([queries]) => queries),
          own(half.key),
          own(half.value),
          { mask: causal },
        )
        const order = ['query', 'head', 'width'] as const
        const expected = alone(half, lengths, { mask: causal })
        expect(found.values(order).join()).toBe(expected.values(order).join())
      }),
    ))
})

test('gradients go through, sequence by sequence', () => {
  const lengths = [
    [3, 3],
    [5, 5],
  ] as const
  const given = operands({ seed: 3, kvHeads: 2, group: 1, width: 4, valueWidth: 4, lengths })
  const { slopes, sink, ...learned } = given
  const found = grad((model: typeof learned) =>
    sum(
      attentionRagged(model.query, [3, 5], stretches(model.key, lengths), stretches(model.value, lengths), {
        mask: causal,
      }),
    ),
  )(learned)
  const expected = grad((model: typeof learned) =>
    sum(alone({ ...model, slopes, sink }, lengths, { mask: causal })),
  )(learned)
  for (const name of ['query', 'key', 'value'] as const)
    expect(found[name].values().join()).toBe(expected[name].values().join())
})

describe('what does not fit is refused', () => {
  const lengths = [
    [2, 4],
    [3, 5],
  ] as const
  const { query, key, value } = operands({ seed: 2, kvHeads: 1, group: 1, width: 4, valueWidth: 4, lengths })
  const [keys, values] = [stretches(key, lengths), stretches(value, lengths)]

  test.each([
    ['too few queries', () => attentionRagged(query, [2, 2], keys, values)],
    ['keys of one sequence', () => attentionRagged(query, [2, 3], keys.slice(1), values)],
    ['no sequence', () => attentionRagged(query, [], [], [])],
    [
      'a stretch beyond its tensor',
      () => attentionRagged(query, [2, 3], [keys[0]!, { ...keys[1]!, start: 5 }], values),
    ],
    [
      'other values than keys',
      () => attentionRagged(query, [2, 3], keys, [values[0]!, { ...values[1]!, length: 4 }]),
    ],
    [
      'tensors of several dtypes',
      () =>
        attentionRagged(query, [2, 3], [keys[0]!, { ...keys[1]!, tensor: cast(key, 'f16') as Key }], values),
    ],
    [
      'a batch',
      () => attentionRagged(normal(randomKey(1), { batch: 2, query: 5, width: 4 }), [2, 3], keys, values),
    ],
    [
      'a score by position of another length',
      () =>
        attentionRagged(query, [2, 3], keys, values, {
          score: bias(normal(randomKey(1), { query: 5, key: 9 })),
        }),
    ],
  ])('%s', (_, work) => expect(work).toThrow(ShapeError))
})
