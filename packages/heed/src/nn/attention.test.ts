import { describe, expect, test } from 'vitest'
import { valueAndGrad } from '../autograd/index.js'
import { randomKey, ShapeError, StateError, UsageError } from '../base/index.js'
import { collect, observe } from '../observe/index.js'
import {
  type AnyTensor,
  concat,
  dot,
  full,
  memoryUse,
  map,
  normal,
  scope,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import {
  type AttentionParameters,
  causal,
  createAttention,
  createFeedForward,
  createNorm,
  crossAttention,
  feedForward,
  KeyValueCache,
  norm,
  normalInitializer,
  type NormOptions,
  rotaryTable,
  selfAttention,
  type Sequence,
} from './index.js'
import { expectClose, referenceDevices } from './testing/reference.js'

const [device] = referenceDevices as [(typeof referenceDevices)[0], ...unknown[]]
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))
const key = randomKey(11)
const sequence = (positions = 5, width = 8): Sequence =>
  normal(randomKey(12), { batch: 2, position: positions, width })
const parameters = (): AttentionParameters =>
  createAttention(key, {
    width: 8,
    heads: 4,
    keyValueHeads: 2,
    initializer: (k, shape) => normal(k, shape, 0.5),
  })

const order = ['batch', 'position', 'width'] as const
const expectSame = (found: Sequence, expected: Sequence, tolerance = 1e-11): void =>
  expectClose('output', found.values(order), expected.values(order), tolerance)

describe('what is put in the place of a value flows on', () => {
  test('scores: all equal give the mean of the values that the mask allows', () =>
    on(() => {
      const [x, p] = [sequence(), parameters()]
      const uniform = observe({ scores: (s) => map((v) => v.mul(0), s) as Tensor }, () => selfAttention(p, x))
      const { values } = collect(['filter', 'mixed', 'value'], () =>
        observe({ scores: (s) => map((v) => v.mul(0), s) as Tensor }, () => selfAttention(p, x)),
      )
      values
        .get('filter')!
        .values()
        .forEach((share) => expect(share).toBeCloseTo(1 / 5, 12))
      expect(uniform.values(order)).not.toEqual(selfAttention(p, x).values(order))
    }))

  test('the filter: each position looking at itself alone gives its own value', () =>
    on(() => {
      const [x, p] = [sequence(), parameters()]
      const identity = (filter: Tensor): Tensor => {
        const n = filter.size('query')
        const numbers = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0))
        return filter.mul(0).add(tensor(numbers, { query: n, key: n })) as Tensor
      }
      const { result, values } = collect(['value'], () =>
        observe({ filter: identity }, () => selfAttention(p, x, { mask: causal })),
      )
      // Two query heads share a value head.
      const value = values.get('value') as AnyTensor as Tensor<'batch' | 'head' | 'key' | 'width'>
      const own = value.rename({ head: 'group', key: 'position', width: 'headWidth' })
      const weight = p.output.weight.split('head', { group: 2, member: 2 })
      const expected = dot(own, sum(weight, 'member'), ['group', 'headWidth']).add(p.output.bias!)
      expectSame(result, expected as AnyTensor as Sequence)
    }))

  test('a head taken out by its part of the output', () =>
    on(() => {
      const [x, p] = [sequence(), parameters()]
      const without = (heads: Tensor): Tensor => heads.mul(tensor([1, 1, 0, 1], { head: 4 })) as Tensor
      expectSame(
        observe({ outputPerHead: without }, () => selfAttention(p, x)),
        observe({ mixed: without }, () => selfAttention(p, x)),
      )
    }))

  test.each(['query', 'key', 'value', 'rotatedQuery', 'rotatedKey', 'scores', 'filter', 'mixed', 'output'])(
    '%s',
    (name) =>
      on(() => {
        const [x, p] = [sequence(), parameters()]
        const run = (): Sequence =>
          selfAttention(p, x, { rotary: rotaryTable(8, { width: 2 }), mask: causal, residual: x })
        const plain = run()
        const changed = observe({ [name]: (v) => map((e) => e.mul(0.5), v) as Tensor }, run)
        expect([...changed.values(order)].some((v, i) => Math.abs(v - plain.values(order)[i]!) > 1e-6)).toBe(
          true,
        )
        expectSame(observe({ [name]: (v) => v }, run), plain)
      }),
  )
})

test('the gradient is the same whether or not somebody looks', () =>
  on(() => {
    const [x, p] = [sequence(), parameters()]
    const loss = (m: { p: AttentionParameters; x: Sequence }): Tensor<never> => {
      const y = selfAttention(m.p, m.x, { mask: causal, residual: m.x })
      return sum(map((v) => v.mul(1.3).sin(), y) as AnyTensor as Tensor<'batch'>) as Tensor<never>
    }
    const fused = valueAndGrad(loss)({ p, x })
    const watched = valueAndGrad((m: { p: AttentionParameters; x: Sequence }) =>
      observe({ '*': () => undefined }, () => loss(m)),
    )({ p, x })
    expect(watched.value.item()).toBeCloseTo(fused.value.item(), 10)
    expectSame(watched.gradient.x, fused.gradient.x)
    for (const role of ['query', 'key', 'value', 'output'] as const)
      expectClose(
        role,
        (watched.gradient.p[role].weight as AnyTensor as Tensor).values(),
        (fused.gradient.p[role].weight as AnyTensor as Tensor).values(),
        1e-10,
      )
  }))

describe('sinks', () => {
  test('a learned one takes a share of each row', () =>
    on(() => {
      const x = sequence()
      const p = { ...parameters(), sink: full({ head: 4 }, 2) }
      const { result, values } = collect(['filter'], () => selfAttention(p, x))
      expectSame(selfAttention(p, x), result)
      const rows = sum(values.get('filter')!, 'key').values()
      rows.forEach((total) => expect(total).toBeLessThan(1))
      const closed = { ...p, sink: full({ head: 4 }, -1e30) }
      expectSame(selfAttention(closed, x), selfAttention(parameters(), x))
      expectSame(selfAttention(parameters(), x, { sink: p.sink }), result)
    }))
})

describe('query-key normalization', () => {
  test('has names of its own, and turns the length of queries and keys off', () =>
    on(() => {
      const x = sequence()
      const p = createAttention(key, {
        width: 8,
        heads: 2,
        headNorm: true,
        initializer: normalInitializer(0.5),
      })
      const names = ['output', 'query', 'queryNorm.output', 'keyNorm.scale']
      const { result, values } = collect(names, () => selfAttention(p, x))
      expectSame(values.get('output') as AnyTensor as Sequence, result)
      const query = values.get('query')!
      const squares = sum(map((v) => v.mul(v), query) as Tensor, 'width')
      // RMS norm: length √4.
      squares.values().forEach((square) => expect(square).toBeCloseTo(4, 1))
      expect(values.get('queryNorm.output')!.size('headWidth')).toBe(4)
      expect(values.get('keyNorm.scale')!.axes).toEqual(['batch', 'position', 'head'])
    }))
})

describe('rotary positions', () => {
  test('numbers given for each position are those counted from the start', () =>
    on(() => {
      const [x, p, rotary] = [sequence(), parameters(), rotaryTable(20, { width: 2 })]
      const counted = (start: number): Tensor<'batch' | 'position'> =>
        tensor(
          Int32Array.from({ length: 10 }, (_, i) => start + (i % 5)),
          { batch: 2, position: 5 },
          { dtype: 'i32' },
        )
      const expected = selfAttention(p, x, { rotary, positions: 3 })
      expectSame(selfAttention(p, x, { rotary, positions: counted(3) }), expected)
      // Only distances count.
      expectSame(selfAttention(p, x, { rotary, positions: counted(11) }), expected)
    }))

  test('beyond the table they are refused', () =>
    on(() => {
      const run = (positions: number) => (): unknown =>
        selfAttention(parameters(), sequence(), { rotary: rotaryTable(6, { width: 2 }), positions })
      expect(run(1)).not.toThrow()
      expect(run(2)).toThrow(UsageError)
      expect(run(2)).toThrow('positions below 6, the length of the table, found positions up to 6')
      expect(run(-1)).toThrow(UsageError)
    }))
})

describe('the key/value cache', () => {
  const step = (p: AttentionParameters, x: Sequence, cache: KeyValueCache): Sequence =>
    selfAttention(p, x, { mask: causal, cache: cache.layer(0) })

  test('grows by doubling and keeps what it holds where it lies', () =>
    on(() => {
      const [p, cache] = [parameters(), new KeyValueCache()]
      const x = sequence(150)
      const whole = selfAttention(p, x, { mask: causal })
      const places = new Set<number>()
      for (let i = 0; i < 150; i++) {
        const { result, values } = collect(['output'], () => step(p, x.slice('position', i, i + 1), cache))
        expect(values.size).toBe(1)
        expectSame(result, whole.slice('position', i, i + 1))
        const probe = cache.layer(0)
        places.add(placeOf(probe))
      }
      expect(cache.length).toBe(150)
      // 64, 128, 256: three places in 150 steps.
      expect(places.size).toBe(3)
      cache.dispose()
    }))

  test('forgets positions, and leaves alone what was given out before', () =>
    on(() => {
      const [p, cache] = [parameters(), new KeyValueCache()]
      const x = sequence(6)
      step(p, x.slice('position', 0, 4), cache)
      const { key: before } = cache.layer(0).append(...empty())
      const held = before.values()
      cache.truncate(2)
      expect(cache.length).toBe(2)
      const again = step(p, x.slice('position', 2, 6), cache)
      expectSame(again, selfAttention(p, x, { mask: causal }).slice('position', 2, 6))
      expect(before.values()).toEqual(held)
      expect(() => cache.truncate(7)).toThrow(StateError)
      expect(() => cache.truncate(-1)).toThrow(UsageError)
      cache.dispose()
    }))

  test('forgets without a copy where nobody reads what is forgotten, and outside of scopes leaves nothing behind', () => {
    const before = memoryUse().tensors
    withDevice(device, () => {
      const cache = new KeyValueCache()
      const place = scope(() => {
        step(parameters(), sequence(70), cache)
        return placeOf(cache.layer(0))
      })
      cache.truncate(30)
      scope(() => {
        step(parameters(), sequence(3), cache)
        expect(placeOf(cache.layer(0))).toBe(place)
        // One that is read moves.
        cache.layer(0).append(...empty())
        cache.truncate(10)
        expect(placeOf(cache.layer(0))).not.toBe(place)
      })
      expect(cache.length).toBe(10)
      expect(memoryUse().tensors).toBe(before + 2)
      cache.dispose()
    })
    expect(memoryUse().tensors).toBe(before)
  })

  test('lives beyond scopes, and frees everything when it is disposed', () => {
    const before = memoryUse().tensors
    withDevice(device, () => {
      const cache = new KeyValueCache()
      scope(() => void step(parameters(), sequence(3), cache))
      scope(() => {
        step(parameters(), sequence(3), cache)
        crossAttention(parameters(), sequence(3), sequence(4), { cache: cache.layer(1) })
      })
      expect(cache.length).toBe(6)
      expect(memoryUse().tensors).toBe(before + 4)
      cache.dispose()
      expect(cache.length).toBe(0)
    })
    expect(memoryUse().tensors).toBe(before)
  })

  test('refuses gradients, other batches, other layers', () =>
    on(() => {
      const [p, cache] = [parameters(), new KeyValueCache()]
      const loss = (q: AttentionParameters): Tensor<never> =>
        sum(step(q, sequence(3), cache)) as Tensor<never>
      expect(() => valueAndGrad(loss)(p)).toThrow(StateError)
      const cross = (q: AttentionParameters): Tensor<never> =>
        sum(crossAttention(q, sequence(3), sequence(2), { cache: cache.layer(1) })) as Tensor<never>
      expect(() => valueAndGrad(cross)(p)).toThrow(StateError)
      step(p, sequence(2), cache)
      expect(() => step(p, sequence(2).slice('batch', 0, 1), cache)).toThrow(ShapeError)
      expect(() => step(p, sequence(2).slice('batch', 0, 1), cache)).toThrow(
        "cache: expected keys with axis 'batch' of size 2, as before",
      )
      expect(() => cache.layer(-1)).toThrow(UsageError)
      cache.dispose()
    }))
})

/** No new positions: shows what a cache holds. */
function empty(): [Key, Key] {
  const none = (): Key => tensor([], { batch: 2, head: 2, key: 0, width: 2 })
  return [none(), none()]
}
type Key = Tensor<'batch' | 'head' | 'key' | 'width'>

function placeOf(layer: ReturnType<KeyValueCache['layer']>): number {
  return layer.append(...empty()).key.storage.address
}

describe('step by step, a norm is what it is in one pass', () => {
  test.each<[string, NormOptions]>([
    ['layer norm', { kind: 'layer' }],
    ['RMS norm', { kind: 'rms', epsilon: 1e-3 }],
    ['RMS norm by 1 + weight', { kind: 'rms', onePlus: true }],
  ])('%s', (_, options) =>
    on(() => {
      const x = sequence(5, 8)
      const p = {
        ...createNorm({ width: 8 }),
        weight: normal(randomKey(3), { width: 8 }),
        bias: normal(randomKey(4), { width: 8 }),
      }
      const plain = norm(p, x, 'width', options)
      const { result, values } = collect(['scale', 'output'], () => norm(p, x, 'width', options))
      expectSame(result, plain)
      expect(values.get('scale')!.axes).toEqual(['batch', 'position'])
      const halved = observe({ scale: (s) => s.mul(2) }, () => norm({}, x, 'width', options))
      expectSame(halved.mul(2), norm({}, x, 'width', options))
    }),
  )
})

describe('a feed-forward layer', () => {
  test.each([false, true])('gated %s: the same in steps as in one pass', (gated) =>
    on(() => {
      const p = createFeedForward(key, {
        width: 8,
        hidden: 12,
        gated,
        initializer: (k, shape) => normal(k, shape, 0.5),
      })
      const x = sequence()
      const { result, values } = collect(['*'], () => feedForward(p, x, { activation: 'silu', residual: x }))
      expectSame(result, feedForward(p, x, { activation: 'silu', residual: x }))
      expect([...values.keys()].sort()).toEqual(
        [...(gated ? ['up'] : []), 'hidden', 'output', 'preActivation'].sort(),
      )
      const off = observe({ hidden: (h) => h.mul(0) }, () => feedForward(p, x, { residual: x }))
      expectSame(off, x)
    }),
  )
})

describe('dropout', () => {
  test('falls on what a layer adds, by its key alone, and not at rate 0', () =>
    on(() => {
      const [x, p] = [sequence(), parameters()]
      const run = (rate: number, seed: number): Sequence =>
        selfAttention(p, x, { residual: x, dropout: { rate, key: randomKey(seed) } })
      const plain = selfAttention(p, x, { residual: x })
      expectSame(run(0, 1), plain)
      expectSame(run(0.5, 1), run(0.5, 1))
      expect(run(0.5, 1).values(order)).not.toEqual(run(0.5, 2).values(order))
      const added = selfAttention(p, x).values(order)
      const dropped = run(0.5, 1).sub(x).values(order)
      let kept = 0
      dropped.forEach((value, i) => {
        if (Math.abs(value) > 1e-12) {
          kept++
          expect(value).toBeCloseTo(2 * added[i]!, 9)
        }
      })
      expect(kept).toBeGreaterThan(dropped.length / 4)
      expect(kept).toBeLessThan((3 * dropped.length) / 4)
    }))
})

test('queries may join: what attends to two contexts attends to their whole', () =>
  on(() => {
    const [x, p] = [sequence(3), parameters()]
    const [first, second] = [sequence(4), sequence(2)]
    const both = concat([first, second], 'position')
    const { values } = collect(['filter'], () => crossAttention(p, x, both))
    expect(values.get('filter')!.size('key')).toBe(6)
    expect(values.get('filter')!.size('query')).toBe(3)
  }))
