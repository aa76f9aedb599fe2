import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import {
  alibi,
  allOf,
  anyOf,
  bias,
  causal,
  chunked,
  cosine,
  firstKeys,
  inOrder,
  local,
  not,
  prefix,
  slidingWindow,
  softCap,
  t5Bias,
} from '../nn/index.js'
import { interpreter } from '../targets/index.js'
import {
  adjustable,
  attention,
  attentionFilter,
  type AttentionOptions,
  attentionScores,
  attentionWithStatistics,
  capture,
  exp,
  expand,
  memoryUse,
  map,
  mixValues,
  normal,
  scope,
  sum,
  type Tensor,
  tensor,
  withDevice,
} from '../tensor/index.js'
import { checkGradient, checkpoint, grad } from './index.js'

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))

/** A loss that weighs each element differently, so that no gradient hides in a sum. −infinity counts as 0. */
const weigh = (x: Tensor<string>): Tensor<never> =>
  sum(
    map((v) => {
      const finite = v.gt(-1e3).select(v, 0)
      return finite.mul(1.3).sin().add(finite.mul(finite).mul(0.2))
    }, x) as Tensor<string>,
  ) as Tensor<never>

interface Model {
  readonly query: Tensor<'batch' | 'head' | 'query' | 'width'>
  readonly key: Tensor<'batch' | 'head' | 'key' | 'width'>
  readonly value: Tensor<'batch' | 'head' | 'key' | 'width'>
  readonly perHead: Tensor<'head'>
  readonly table: Tensor<'bucket' | 'head'>
  readonly perPair: Tensor<'head' | 'query' | 'key'>
}

const model = (kvHeads = 1): Model => ({
  query: normal(randomKey(1), { batch: 2, head: 2 * kvHeads, query: 3, width: 3 }),
  key: normal(randomKey(2), { batch: 2, head: kvHeads, key: 4, width: 3 }),
  value: normal(randomKey(3), { batch: 2, head: kvHeads, key: 4, width: 2 }),
  perHead: normal(randomKey(4), { head: 2 * kvHeads }),
  table: normal(randomKey(5), { bucket: 8, head: 2 * kvHeads }),
  perPair: normal(randomKey(6), { head: 2 * kvHeads, query: 3, key: 4 }),
})

const options: Readonly<Record<string, (model: Model) => AttentionOptions>> = {
  plain: () => ({}),
  'a scale': () => ({ scale: 0.3 }),
  causal: () => ({ mask: causal }),
  'a sink': ({ perHead }) => ({ mask: causal, sink: perHead }),
  'a sliding window beside the first key': () => ({ mask: anyOf(slidingWindow(2), firstKeys(1)) }),
  'all but the near': () => ({ mask: not(local(1)) }),
  'blocks, prefix': () => ({ mask: allOf(chunked(2), prefix(3)) }),
  'nothing to see': () => ({ mask: firstKeys(0) }),
  cosine: ({ perHead }) => ({ score: cosine(exp(perHead)) }),
  'cosine with a sink': ({ perHead }) => ({ score: cosine(0.3), scale: 2, sink: perHead }),
  'capped ALiBi': ({ perHead }) => ({ score: inOrder(alibi(perHead), softCap(2)), mask: causal }),
  'T5 bias': ({ table }) => ({
    score: t5Bias(table, { bidirectional: true, maximumDistance: 6 }),
    scale: 1,
  }),
  bias: ({ perPair }) => ({ score: bias(perPair) }),
  'a bias that is broadcast': ({ perHead }) => ({ score: bias(expand(perHead, { query: 3, key: 4 })) }),
  'a score of −infinity as mask': () => ({
    score: (score, { query, key }) => key.gt(query.add(1)).select(-Infinity, score),
  }),
  'one tensor in two places': ({ perHead }) => ({
    score: inOrder(alibi(perHead), alibi(perHead)),
    sink: perHead,
  }),
  'what the user writes': ({ table, perHead }) => ({
    score: (score, { head, key, queryRow }) =>
      score
        .mul(
          capture(table)
            .at({ bucket: key.add(queryRow), head })
            .tanh()
            .add(1.5),
        )
        .add(capture(perHead).at({ head: 1 }).mul(adjustable(0.7))),
    mask: ({ query, key }) => query.sub(key).remainderBy(2).eq(0),
  }),
}

const paths: Readonly<Record<string, (model: Model, options: AttentionOptions) => Tensor<string>>> = {
  fused: ({ query, key, value }, options) => attention(query, key, value, options) as Tensor<string>,
  plain: ({ query, key, value }, options) =>
    mixValues(attentionFilter(query, key, options), value) as Tensor<string>,
  scores: ({ query, key }, options) => attentionScores(query, key, options) as Tensor<string>,
}

describe.each(Object.keys(paths))('the gradient of attention equals central differences, %s', (path) => {
  test.each(Object.keys(options))('%s', (name) =>
    on(() => {
      const { error, at } = checkGradient((m: Model) => weigh(paths[path]!(m, options[name]!(m))), model())
      expect(error, at).toBeLessThan(1e-7)
    }),
  )
})

describe('the gradient of attention on other layouts', () => {
  const checkSame = <M>(f: (model: M) => Tensor<string>, model: M): void => {
    const { error, at } = checkGradient((m: M) => weigh(f(m)), model)
    expect(error, at).toBeLessThan(1e-7)
  }

  test('without batch and heads', () =>
    on(() =>
      checkSame(({ q, k, v }) => attention(q, k, v, { mask: causal }) as Tensor<string>, {
        q: normal(randomKey(1), { query: 4, width: 3 }),
        k: normal(randomKey(2), { key: 4, width: 3 }),
        v: normal(randomKey(3), { key: 4, width: 5 }),
      }),
    ))

  test('heads in groups', () =>
    on(() =>
      checkSame(
        ({ query, key, value, perHead }: Model) =>
          attention(query, key, value, {
            mask: causal,
            score: alibi(perHead),
            sink: perHead,
          }) as Tensor<string>,
        model(2),
      ),
    ))

  test('more batch axes, some of them in one tensor only', () =>
    on(() => {
      const tensors = {
        q: normal(randomKey(1), { beam: 2, query: 2, width: 3, batch: 2 }),
        k: normal(randomKey(2), { batch: 2, head: 2, key: 3, width: 3 }),
        v: normal(randomKey(3), { other: 2, key: 3, width: 2 }),
        s: normal(randomKey(4), { batch: 2, key: 3 }),
      }
      checkSame(({ q, k, v }) => attention(q, k, v) as Tensor<string>, tensors)
      checkSame(({ q, k, v, s }) => attention(q, k, v, { score: bias(s) }) as Tensor<string>, tensors)
      checkSame(({ q, k, s }) => attentionScores(q, k, { score: bias(s) }) as Tensor<string>, tensors)
    }))

  test('views: heads split off, slices, positions of another tensor', () =>
    on(() => {
      const x = normal(randomKey(1), { batch: 2, position: 5, width: 12 })
      checkSame((x: Tensor<'batch' | 'position' | 'width'>) => {
        const parts = x.split('width', { part: 3, head: 2, width: 2 }).rename({ position: 'key' })
        const query = parts.at('part', 0).rename({ key: 'query' }).slice('query', 1, 4)
        return attention(query, parts.at('part', 1), parts.at('part', 2), { mask: causal }) as Tensor<string>
      }, x)
    }))

  test('an output that was rearranged, and used twice', () =>
    on(() => {
      checkSame(({ query, key, value }: Model) => {
        const output = attention(query, key, value)
        return output
          .merge(['width', 'head'], 'all')
          .add(sum(output, 'head').at('width', 0)) as Tensor<string>
      }, model())
    }))

  test.each([
    { head: 2, query: 2, key: 0 },
    { head: 2, query: 0, key: 2 },
    { head: 0, query: 2, key: 2 },
  ])('nothing at all: $head heads, $query queries, $key keys', ({ head, query, key }) =>
    on(() => {
      const model = {
        q: normal(randomKey(1), { head, query, width: 3 }),
        k: normal(randomKey(2), { head, key, width: 3 }),
        s: normal(randomKey(3), { head }),
      }
      const gradient = grad(({ q, k, s }: typeof model) => sum(attention(q, k, k, { score: alibi(s) })))(
        model,
      )
      for (const part of [gradient.q, gradient.k, gradient.s])
        expect([...(part as Tensor).values()].every((x) => x === 0)).toBe(true)
    }),
  )

  test('the output of the one with statistics', () =>
    on(() =>
      checkSame(
        ({ query, key, value }: Model) => attentionWithStatistics(query, key, value).output as Tensor<string>,
        model(),
      ),
    ))

  test('inside a checkpoint', () =>
    on(() =>
      checkSame(
        ({ query, key, value, perHead }: Model) =>
          checkpoint((q: Model['query'], k: Model['key'], v: Model['value'], s: Model['perHead']) =>
            attention(q, k, v, { score: alibi(s), mask: causal }),
          )(query, key, value, perHead) as Tensor<string>,
        model(),
      ),
    ))
})

test('integer tensors that a mask captures get no gradient, and log-sum-exps are freed', () =>
  withDevice(device, () => {
    const kept = { ...model(), prefixes: tensor([1, 4], { batch: 2 }, { dtype: 'i32' }) }
    const before = memoryUse()
    for (let step = 0; step < 3; step++) {
      scope(() => {
        const gradient = grad((m: typeof kept) =>
          sum(attention(m.query, m.key, m.value, { mask: prefix(m.prefixes), sink: m.perHead })),
        )(kept)
        expect([...gradient.prefixes.values()]).toEqual([0, 0])
      })
    }
    expect(memoryUse().tensors).toBe(before.tensors)
  }))
