import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../autograd/index.js'
import { collect } from '../observe/index.js'
import { randomKey, ShapeError, UsageError } from '../base/index.js'
import {
  type AnyTensor,
  attention,
  attentionFilter,
  capture,
  type Mask,
  mixValues,
  normal,
  scope,
  type Score,
  sum,
  tensor,
  type Tensor,
  withDevice,
  zeros,
} from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import {
  alibi,
  allOf,
  type AttentionParameters,
  bias,
  causal,
  createAttention,
  crossAttention,
  explicit,
  KeyValueCache,
  padding,
  prefix,
  sameDocument,
  selfAttention,
  slidingWindow,
} from './index.js'

const [, exact] = devices[0]!
const on = <T>(work: () => T): T => withDevice(exact, () => scope(work))

const whole = <A extends string>(values: ArrayLike<number>, shape: Record<A, number>): Tensor<A> =>
  tensor(Int32Array.from(Array.from(values)), shape, { dtype: 'i32' })

/** Ones and zeros that differ from place to place. */
const coins = <A extends string>(seed: number, shape: Record<A, number>): Tensor<A> =>
  whole(
    normal(randomKey(seed), shape)
      .values()
      .map((x) => (x > -0.3 ? 1 : 0)),
    shape,
  )

type Axis = 'example' | 'group' | 'batch'

/** A tensor with only the first position of some of its axes, which it then lacks. */
function at(x: AnyTensor, place: Readonly<Record<string, number>>): Tensor {
  let rest = x as Tensor
  for (const [axis, position] of Object.entries(place))
    if (rest.axes.includes(axis)) rest = rest.at(axis, position) as AnyTensor as Tensor
  return rest
}

describe.each(devices)('masks and scores along batch axes of any name on %s', (_, device) => {
  const [bound, numRuns] = device.floatBytes === 8 ? [1e-12, 10] : [2e-5, 10]

  test('are those of each position by itself', () => {
    fc.assert(
      fc.property(
        fc.record({
          example: fc.integer({ min: 1, max: 3 }),
          group: fc.integer({ min: 1, max: 3 }),
          batch: fc.integer({ min: 1, max: 2 }),
          queries: fc.integer({ min: 1, max: 5 }),
          keys: fc.integer({ min: 1, max: 9 }),
          seed: fc.nat(1e6),
        }),
        fc.subarray<Axis>(['example', 'group', 'batch'], { minLength: 1 }),
        fc.subarray<Axis>(['example', 'group', 'batch']),
        fc.subarray<Axis>(['example', 'group', 'batch']),
        fc.subarray<Axis>(['example', 'group', 'batch']),
        ({ queries, keys, seed, ...sizes }, ofQuery, ofKey, ofMask, ofBias) =>
          withDevice(device, () =>
            scope(() => {
              const shape = (axes: readonly Axis[]): Record<string, number> =>
                Object.fromEntries(axes.map((axis) => [axis, sizes[axis]]))
              const all = [...new Set([...ofQuery, ...ofKey])]
              const query = normal(randomKey(seed), { ...shape(ofQuery), head: 2, query: queries, width: 3 })
              const key = normal(randomKey(seed + 1), { ...shape(ofKey), head: 2, key: keys, width: 3 })
              const allowed = coins(seed + 2, {
                ...shape(ofMask.filter((a) => all.includes(a))),
                query: queries,
                key: keys,
              })
              const added = normal(randomKey(seed + 3), {
                ...shape(ofBias.filter((a) => all.includes(a))),
                head: 2,
                key: keys,
              })
              const options = (mask: AnyTensor, score: AnyTensor): { mask: Mask; score: Score } => ({
                mask: explicit(mask as Tensor) as Mask,
                score: bias(score as Tensor) as Score,
              })
              const given = options(allowed, added)
              const fused = attention(query, key, key, given as never) as Tensor
              const plain = mixValues(
                attentionFilter(query, key, given as never) as never,
                key as never,
              ) as Tensor
              let places: Record<string, number>[] = [{}]
              for (const axis of all)
                places = places.flatMap((place) =>
                  Array.from({ length: sizes[axis] }, (_, i) => ({ ...place, [axis]: i })),
                )
              for (const place of places) {
                const expected = (
                  attention(
                    at(query, place) as never,
                    at(key, place) as never,
                    at(key, place) as never,
                    options(at(allowed, place), at(added, place)) as never,
                  ) as Tensor
                ).values(['head', 'query', 'width'])
                for (const found of [fused, plain])
                  at(found, place)
                    .values(['head', 'query', 'width'])
                    .forEach((x, i) => expect(Math.abs(x - expected[i]!)).toBeLessThan(bound))
              }
            }),
          ),
      ),
      { numRuns },
    )
  })
})

describe('batch axes of any name', () => {
  test('a mask of one’s own asks for their positions', () =>
    on(() => {
      const [query, key] = [zeros({ example: 3, query: 1, width: 2 }), zeros({ key: 3, width: 2 })]
      const mask: Mask<'example'> = ({ example, key }) => key.le(example)
      const thirds = [1, 0, 0, 1 / 2, 1 / 2, 0, 1 / 3, 1 / 3, 1 / 3]
      expect([...attentionFilter(query, key, { mask }).values(['example', 'query', 'key'])]).toEqual(thirds)
      // Two of them, of which one is gone through position by position.
      const both = attentionFilter(zeros({ example: 3, part: 2, query: 1, width: 2 }), key, {
        mask: ({ example, part, key }) => key.eq(example.add(part).remainderBy(3)),
      })
      expect([...both.values(['example', 'part', 'query', 'key'])]).toEqual([
        1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0,
      ])
    }))

  test('ready-made masks take them', () =>
    on(() => {
      const [query, key] = [
        zeros({ example: 2, query: 2, width: 2 }),
        zeros({ example: 2, key: 2, width: 2 }),
      ]
      const seen = (mask: Mask<'example'>): string =>
        Array.from(attentionFilter(query, key, { mask }).values(['example', 'query', 'key']), (x) =>
          x > 0 ? 1 : 0,
        ).join('')
      expect(seen(prefix(whole([0, 2], { example: 2 })))).toBe('10111111')
      expect(seen(padding(whole([1, 0, 1, 1], { example: 2, key: 2 })))).toBe('10101111')
      expect(seen(sameDocument(whole([1, 2, 3, 3], { example: 2, key: 2 })))).toBe('10011111')
      expect(
        seen(
          sameDocument(
            whole([1, 2, 3, 3], { example: 2, key: 2 }),
            whole([2, 1, 3, 4], { example: 2, query: 2 }),
          ),
        ),
      ).toBe('01101100')
      expect(seen(allOf(causal, explicit(whole([1, 0], { example: 2 }))))).toBe('10110000')
    }))

  test('an axis that only keys and values have, or that a tensor has in another place', () =>
    on(() => {
      const query = normal(randomKey(1), { query: 2, width: 3 })
      const key = normal(randomKey(2), { beam: 2, key: 3, width: 3 })
      const added = normal(randomKey(3), { key: 3, beam: 2 })
      const whole = attention(query, key, key, { score: bias(added) })
      for (const beam of [0, 1]) {
        const [k, b] = [key.at('beam', beam), added.at('beam', beam)]
        expect([...whole.at('beam', beam).values(['query', 'width'])]).toEqual([
          ...attention(query, k, k, { score: bias(b) }).values(['query', 'width']),
        ])
      }
    }))

  test('gradients of captured tensors are those of differences', () =>
    on(() => {
      const model = {
        query: normal(randomKey(1), { example: 2, group: 3, head: 2, query: 3, width: 2 }),
        key: normal(randomKey(2), { group: 3, head: 1, key: 4, width: 2 }),
        perExample: normal(randomKey(3), { example: 2, key: 4 }),
        perGroup: normal(randomKey(4), { group: 3, head: 2, query: 3 }),
        both: normal(randomKey(5), { example: 2, group: 3, query: 3, key: 4 }),
      }
      const mask = allOf(causal, explicit(coins(6, { group: 3, key: 4 })))
      const score =
        ({ perExample, perGroup, both }: typeof model): Score<'example' | 'group'> =>
        (score, at) =>
          score
            .add(capture(perExample).along(at))
            .mul(capture(perGroup).along(at))
            .add(capture(both).along(at))
      const upstream = normal(randomKey(7), { example: 2, group: 3, head: 2, query: 3, width: 2 })
      for (const loss of [
        (m: typeof model): Tensor<never> =>
          sum(attention(m.query, m.key, m.key, { mask, score: score(m) }).mul(upstream)) as never,
        (m: typeof model): Tensor<never> =>
          sum(
            mixValues(attentionFilter(m.query, m.key, { mask, score: score(m) }), m.key).mul(upstream),
          ) as never,
      ])
        checkGradient(loss, model)
    }))
})

describe('layers', () => {
  const parameters = (): AttentionParameters =>
    createAttention(randomKey(1), {
      width: 8,
      heads: 4,
      keyValueHeads: 2,
      initializer: (key, shape) => normal(key, shape, 0.5),
    })
  const numbers = (x: AnyTensor): number[] => [...(x as Tensor).values(['position', 'width'])]

  test('take batch axes of any names, with masks along them: fused, watched, and from a cache', () =>
    on(() => {
      const p = parameters()
      const x = normal(randomKey(2), { example: 2, group: 2, position: 4, width: 8 })
      const allowed = coins(3, { example: 2, key: 4 })
      const whole = selfAttention(p, x, { mask: allOf(causal, explicit(allowed)) })
      const { result: watched } = collect(['filter'], () =>
        selfAttention(p, x, { mask: allOf(causal, explicit(allowed)) }),
      )
      const cache = new KeyValueCache()
      const steps = [0, 1, 2, 3].map((i) =>
        selfAttention(p, x.slice('position', i, i + 1), {
          cache: cache.layer(0),
          mask: explicit(allowed.slice('key', 0, i + 1)),
        }),
      )
      for (const example of [0, 1])
        for (const group of [0, 1]) {
          const one = at(x, { example, group }) as AnyTensor as Tensor<'position' | 'width'>
          const expected = numbers(
            selfAttention(p, one, { mask: allOf(causal, explicit(allowed.at('example', example))) }),
          )
          const stepped = steps.flatMap((step) => numbers(at(step, { example, group })))
          for (const found of [
            numbers(at(whole, { example, group })),
            numbers(at(watched, { example, group })),
            stepped,
          ])
            found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 10))
        }
      cache.dispose()
    }))

  test('a mask longer than the cache says so', () =>
    on(() => {
      const mask = padding(whole([1, 1, 1], { key: 3 }))
      const x = normal(randomKey(2), { batch: 1, position: 1, width: 8 })
      expect(() => selfAttention(parameters(), x, { cache: new KeyValueCache().layer(0), mask })).toThrow(
        "expected axis 'key' of a captured tensor of size 1, as it is read along 'key', found 3; cut it to the 1 that the attention has",
      )
    }))

  test('contexts with a batch axis of their own', () =>
    on(() => {
      const p = parameters()
      const x = normal(randomKey(2), { position: 2, width: 8 })
      const context = normal(randomKey(3), { source: 3, position: 4, width: 8 })
      const allowed = coins(4, { source: 3, key: 4 })
      const found = crossAttention(p, x, context, { mask: explicit(allowed) })
      for (const source of [0, 1, 2]) {
        const alone = crossAttention(p, x, context.at('source', source), {
          mask: explicit(allowed.at('source', source)),
        })
        numbers(alone).forEach((value, i) =>
          expect(numbers(found.at('source', source))[i]).toBeCloseTo(value, 10),
        )
      }
    }))
})

describe('a captured tensor that is not as long as the attention', () => {
  const query = (): Tensor<'query' | 'width'> => zeros({ query: 1, width: 4 })
  const key = (keys = 2): Tensor<'key' | 'width'> => zeros({ key: keys, width: 4 })
  const numbers = (...values: number[]): Tensor<'key'> => tensor(values, { key: values.length })
  const cases: Record<string, [work: () => unknown, axis: string, says: string]> = {
    'a batch that is not there': [
      () =>
        attentionFilter(query(), key(), {
          score: bias(tensor([0, -Infinity, -Infinity, 0], { batch: 2, key: 2 })),
        }),
      'batch',
      "attentionFilter: expected axis 'batch' of a captured tensor of size 1, as it is read along 'batch', found 2",
    ],
    'a batch of 1': [
      () =>
        attentionFilter(zeros({ batch: 1, query: 1, width: 4 }), key(), {
          score: bias(zeros({ batch: 2, key: 2 })),
        }),
      'batch',
      'found 2',
    ],
    'a batch of another name': [
      () =>
        attention(zeros({ example: 2, query: 1, width: 4 }), key(), key(), {
          mask: padding(whole([1, 1, 1, 1], { batch: 2, key: 2 })),
        }),
      'batch',
      'found 2',
    ],
    'an axis that the attention lacks': [
      () =>
        attention(query(), key(), key(), {
          mask: padding(whole([1, 1, 1, 1], { example: 2, key: 2 })) as never,
        }),
      'example',
      "attention: expected score and mask to read along axes of the attention: query, key, found 'example'; rename the axis",
    ],
    'slopes without heads': [
      () => attention(query(), key(), key(), { score: alibi(zeros({ head: 2 })) }),
      'head',
      "size 1, as it is read along 'head', found 2",
    ],
    'more keys': [
      () => attention(query(), key(), key(), { mask: padding(whole([1, 1, 0], { key: 3 })) }),
      'key',
      "of size 2, as it is read along 'key', found 3; cut it to the 2 that the attention has",
    ],
    'fewer keys': [() => attention(query(), key(), key(3), { score: bias(numbers(1, 2)) }), 'key', ''],
    'more queries': [
      () => attention(query(), key(), key(), { score: bias(zeros({ query: 2, key: 2 })) }),
      'query',
      'found 2',
    ],
    'documents of more keys': [
      () => attention(query(), key(), key(), { mask: sameDocument(whole([1, 1, 2], { key: 3 })) }),
      'key',
      'found 3',
    ],
    'documents of fewer keys than queries': [
      () =>
        attention(zeros({ query: 3, width: 4 }), key(), key(), {
          mask: sameDocument(whole([1, 1], { key: 2 })),
        }),
      'key',
      "expected axis 'key' of a captured tensor read at positions from 0 on, found 'query', whose first position is -1",
    ],
    'lengths of another batch': [
      () =>
        attention(zeros({ batch: 3, query: 1, width: 4 }), key(), key(), {
          mask: prefix(whole([1, 2], { batch: 2 })),
        }),
      'batch',
      'found 2',
    ],
    'rows read at positions': [
      () =>
        attention(query(), key(3), key(3), {
          score: (score, { query }) => score.add(capture(zeros({ query: 1 })).at({ query })),
        }),
      'query',
      'write queryRow to count the queries from 0',
    ],
    'a table that ends before the keys': [
      () =>
        attention(query(), key(3), key(3), {
          score: (score, { key }) => score.add(capture(zeros({ place: 2 })).at({ place: key })),
        }),
      'place',
      'found 2',
    ],
    'a number beyond the axis': [
      () =>
        attention(query(), key(), key(), {
          score: (score) => score.add(capture(zeros({ kind: 2 })).at({ kind: 2 })),
        }),
      'kind',
      "capture.at: expected an index of axis 'kind' in 0 … 1, found 2",
    ],
  }
  test.each(Object.entries(cases))('%s', (_, [work, axis, says]) =>
    on(() => {
      let error: unknown
      try {
        work()
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(ShapeError)
      expect((error as ShapeError).axis).toBe(axis)
      expect((error as ShapeError).message).toContain(says)
    }),
  )

  test('a table of positions may be longer, and what is computed is clamped to it', () =>
    on(() => {
      const places = tensor([1, 2, 3, 4, 5], { place: 5 })
      const table: Score = (score, { key }) => score.add(capture(places).at({ place: key }))
      const clamped: Score = (score, { key }) =>
        score.add(capture(places).at({ place: key.mul(100).sub(50) }))
      const scores = (score: Score): number[] =>
        Array.from(attentionFilter(query(), key(2), { score }).values(), Math.log)
      const difference = ([a, b]: number[]): number => b! - a!
      expect(difference(scores(table))).toBeCloseTo(1, 10)
      expect(difference(scores(clamped))).toBeCloseTo(4, 10)
    }))

  test('with nothing to attend to there is nothing to read', () =>
    on(() => {
      const none = zeros({ key: 0, width: 4 })
      const found = attention(query(), none, none, {
        mask: sameDocument(whole([], { key: 0 })),
        score: bias(zeros({ query: 1, key: 0 })),
      })
      expect([...found.values()]).toEqual([0, 0, 0, 0])
    }))
})

test.each<[string, () => unknown, new (...rest: never[]) => Error, string]>([
  [
    'a window of NaN',
    () => slidingWindow(NaN),
    UsageError,
    'slidingWindow: expected size to be a whole number',
  ],
  [
    'a mask of floats',
    () => explicit(zeros({ key: 2 })),
    Error,
    'explicit: expected allowed as an i32 tensor, found f32 key 2',
  ],
])('%s', (_, work, error, says) =>
  on(() => {
    expect(work).toThrow(error)
    expect(work).toThrow(says)
  }),
)
