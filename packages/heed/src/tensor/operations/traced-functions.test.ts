import { describe, expect, test } from 'vitest'
import { HeedError, randomKey, StateError, UsageError } from '../../base/index.js'
import { checkpoint, valueAndGrad } from '../../autograd/index.js'
import { observe, within } from '../../observe/index.js'
import { Device } from '../../device/index.js'
import { allOf, causal, firstKeys } from '../../nn/index.js'
import { interpreter } from '../../targets/index.js'
import {
  attention,
  attentionFilter,
  attentionScores,
  capture,
  map,
  normal,
  ones,
  type Positions,
  type Scalar,
  scope,
  sum,
  tensor,
  together,
  withDevice,
} from '../index.js'

// What may be written in TypeScript and says nothing to who traces it: it must not compile into something
// else.

const device = new Device(interpreter)
const on = <T>(work: () => T): T => withDevice(device, () => scope(work))

function thrown(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

// Written as JavaScript is: the compiler refuses most of it.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any

/** Masks that use operators, and what their error says to write. */
const masks: Record<string, (at: Loose) => unknown> = {
  '&&': ({ query, key }) => key.le(query) && query.sub(key).lt(2),
  '||': ({ query, key }) => key.le(query) || query.sub(key).lt(2),
  '|| of groups': ({ query, key }) => key.le(query.add(key.sub(key))) || query.sub(key).lt(2),
  '|| of names': ({ query, key }) => {
    const past = key.le(query)
    return past || key.lt(2)
  },
  '|| of two names': ({ query, key }) => {
    const past =
      // the past || what is near
      key.le(query)
    const near = query.sub(key).lt(2)
    return (past || near).not()
  },
  '|| of masks': (at) => causal(at) || firstKeys(2)(at),
  '|| before a condition': ({ query, key }) => causal({ query, key } as Loose) || key.lt(2),
  '||=': ({ query, key }) => {
    let seen = key.le(query)
    seen ||= key.lt(2)
    return seen
  },
  '?:': ({ query, key }) => (key.le(query) ? key.lt(3) : key.gt(3)),
  '!': ({ query, key }) => !key.le(query),
  '!!': ({ query, key }) => !!key.le(query),
  'Boolean()': ({ query, key }) => Boolean(key.le(query)),
  if: ({ query, key }) => {
    if (key.le(query)) return key.lt(3)
    return key.gt(3)
  },
  while: ({ query, key }) => {
    while (key.le(query)) return key.lt(3)
    return key.gt(3)
  },
  for: ({ query, key }) => {
    for (; key.le(query);) return key.lt(3)
    return key.gt(3)
  },
  'do while': ({ query, key }) => {
    let i = 0
    do i++
    while (key.le(query) && i < 2)
    return key.gt(3)
  },
  'switch (true)': ({ query, key }) => {
    switch (true) {
      case key.le(query):
        return key.lt(3)
      default:
        return key.gt(3)
    }
  },
  'a captured element taken for true': ({ key }) =>
    capture(tensor([1, 0, 1, 0], { key: 4 }, { dtype: 'i32' }), 'integer').at({ key }) && key.lt(3),
  '&&=': ({ query, key }) => {
    let seen = key.le(query)
    seen &&= key.lt(3)
    return seen
  },
  '<': ({ query, key }) => key < query,
  '<=': ({ query, key }) => key <= query,
  '>': ({ query, key }) => key > query,
  '>=': ({ query, key }) => key >= query,
  '< within a condition': ({ query, key }) => key.le(query).and(key < 3),
  // oxlint-disable-next-line eqeqeq
  '== a number': ({ key }) => key == 3,
  // oxlint-disable-next-line eqeqeq
  '!= a number': ({ key }) => key != 3,
  '=== a number': ({ key }) => key === 3,
  '!== a number': ({ key }) => key !== 3,
  // oxlint-disable-next-line eqeqeq
  '== another position': ({ query, key }) => key == query,
  '=== another position': ({ query, key }) => key === query,
  // oxlint-disable-next-line eqeqeq
  '== null': ({ key }) => key == null,
  '=== undefined': ({ key }) => key === undefined,
  '+': ({ query, key }) => key.le(query + 1),
  '-': ({ query, key }) => key.le(query - 1),
  '*': ({ query, key }) => key.le(query * 2),
  '/': ({ query, key }) => key.le(query / 2),
  '%': ({ key }) => key.eq(key % 2),
  '**': ({ key }) => key.eq(key ** 2),
  '<<': ({ key }) => key.eq(key << 1),
  '>>': ({ key }) => key.eq(key >> 1),
  '>>>': ({ key }) => key.eq(key >>> 1),
  '&': ({ query, key }) => key.le(query) & key.lt(3),
  '|': ({ query, key }) => key.le(query) | key.lt(3),
  '^': ({ query, key }) => key.le(query) ^ key.lt(3),
  '~': ({ key }) => key.eq(~key),
  'unary +': ({ key }) => key.eq(+key),
  'unary -': ({ key }) => key.eq(-key),
  '++': ({ key }) => {
    let next = key
    next++
    return key.lt(next)
  },
  '--': ({ key }) => {
    let next = key
    --next
    return key.lt(next)
  },
  '+=': ({ key }) => {
    let next = key
    next += 1
    return key.lt(next)
  },
  '*=': ({ key }) => {
    let next = key
    next *= 2
    return key.lt(next)
  },
  in: ({ key }) => key in [true, false],
  'an index': ({ key }) => [true, false][key],
  instanceof: ({ key }) => key instanceof Array,
  typeof: ({ key }) => typeof key === 'number',
  'a template': ({ key }) => `${key}`,
  'String()': ({ key }) => String(key),
  'Number()': ({ key }) => Number(key) < 3,
  'parseInt()': ({ key }) => parseInt(key) < 3,
  'JSON.stringify()': ({ key }) => JSON.stringify(key),
  'isNaN()': ({ key }) => isNaN(key),
  'Math.max()': ({ key }) => Math.max(key, 3),
  'Math.abs()': ({ query, key }) => Math.abs(query.sub(key)) < 3,
  'Date()': ({ key }) => new Date(key),
  'a boolean': () => true,
  'a number': () => 1,
  'a position': ({ key }) => key,
  nothing: () => undefined,
  null: () => null,
  'a function':
    ({ key }) =>
    () =>
      key.lt(3),
  'a list': ({ key }) => [key.lt(3)],
  'a promise': async ({ key }) => key.lt(3),
  'a promise that is rejected': async () => {
    throw new Error('later')
  },
  'no number': ({ key }) => key.lt(undefined),
  'no expression': ({ key }) => key.lt(null),
  text: ({ key }) => key.lt('3'),
  NaN: ({ key }) => key.lt(NaN),
  'a float': ({ key }) => key.lt(0.5),
  'a condition in arithmetic': ({ query, key }) => key.add(key.le(query)).lt(3),
  'arithmetic on a condition': ({ query, key }) => key.le(query).add(key).lt(3),
  'logic on a number': ({ query, key }) => key.and(query),
  'one side of a choice': ({ query, key }) => key.le(query).select(key.lt(3)),
  'a tensor': ({ key }) => key.lt(ones({ key: 4 })),
  'a captured tensor': ({ key }) => key.lt(capture(ones({ key: 4 }))),
  'a captured tensor, compared': ({ key }) => capture(ones({ key: 4 })) < key,
  'where it stands': (at) => at < 3,
}

const operands = (): Parameters<typeof attention> => {
  const [query, key] = [ones({ query: 4, width: 1 }), ones({ key: 4, width: 1 })]
  return [query, key, key] as never
}

describe('a mask with', () => {
  test.each(Object.entries(masks))('%s is refused', async (_, mask) => {
    on(() => {
      const [query, key, value] = operands()
      for (const work of [
        () => attention(query, key, value, { mask: mask as never }),
        () => attentionFilter(query, key, { mask: mask as never }),
        () => attentionScores(query, key, { mask: allOf(causal, mask as never) }),
      ]) {
        const error = thrown(work)
        expect(error).toBeInstanceOf(Error)
        expect(error, String(error)).toBeInstanceOf(HeedError)
        expect((error as HeedError).hint.length).toBeGreaterThan(0)
      }
    })
    // What an asynchronous one rejects with later ends nothing.
    await new Promise((resolve) => setTimeout(resolve, 0))
  })

  test('a condition that is left out says which, and what to write', () =>
    on(() => {
      const [query, key, value] = operands()
      const error = thrown(() => attention(query, key, value, { mask: masks['&&'] as never }))
      expect(error).toBeInstanceOf(UsageError)
      expect((error as UsageError).message).toBe(
        'attention: expected each condition to be part of what the function returns, found key.le(query), which is not; ' +
          'write a.and(b) for a && b, a.or(b) for a || b, a.not() for !a, a.select(x, y) for a ? x : y and if, and make nothing that is not used',
      )
      const operator = thrown(() => attention(query, key, value, { mask: masks['<'] as never }))
      expect((operator as UsageError).message).toContain('a.lt(b) for a < b')
    }))
})

/** Scores, and functions for `map`, of one number x and another y. */
const functions: Record<string, (x: Loose, y: Loose) => unknown> = {
  '*': (x) => x * 2,
  '-': (x) => -x,
  '+': (x, y) => x + y,
  '**': (x) => x ** 2,
  '<': (x) => (x < 0 ? x.mul(2) : x),
  '?:': (x) => (x.lt(0) ? x.mul(2) : x),
  if: (x) => {
    if (x.gt(1)) return x.mul(2)
    return x
  },
  '&&': (x) => x.lt(0) && x.mul(2),
  '!': (x) => x.mul(2).add(!x.lt(0)),
  'Math.max': (x) => Math.max(x, 0),
  template: (x) => `${x}`,
  'a number': () => 2,
  'no result': () => undefined,
  'a promise': async (x) => x.mul(2),
  'a rejected promise': async () => Promise.reject(new Error('later')),
  'an exponent that is none': (x, y) => x.pow(y),
  'no operand': (x) => x.add(),
}

describe('a score or a function of map with', () => {
  test.each(Object.entries(functions))('%s is refused', async (_, f) => {
    on(() => {
      const [query, key, value] = operands()
      const score = (x: Scalar, { key }: Positions): unknown => f(x, key.toFloat())
      for (const work of [
        () => attention(query, key, value, { score: score as never }),
        () => attentionFilter(query, key, { score: score as never }),
        () => map(f as never, ones({ row: 2 }), ones({ row: 2 })),
      ])
        expect(thrown(work), String(thrown(work))).toBeInstanceOf(HeedError)
    })
    await new Promise((resolve) => setTimeout(resolve, 0))
  })
})

describe('what is right stays right', () => {
  test('conditions that are simplified away, numbers that nobody uses, choices made before', () =>
    on(() => {
      const [query, key] = operands()
      const rows = (mask: Loose): string =>
        Array.from(attentionFilter(query, key, { mask }).values(), (x) => (x > 0 ? 1 : 0)).join('')
      const expected = '1000110011101111'
      expect(rows(causal)).toBe(expected)
      expect(rows(({ query, key }: Positions) => key.le(query).and(true))).toBe(expected)
      expect(rows(({ query, key }: Positions) => key.le(query).and(key.ge(key.mul(0)).or(true)))).toBe(
        expected,
      )
      expect(rows(({ query, key }: Positions) => key.le(query).not().not())).toBe(expected)
      const options = { wide: false }
      expect(
        rows(({ query, key }: Positions) => {
          const distance = query.sub(key)
          return options.wide ? distance.abs().le(2) : key.le(query)
        }),
      ).toBe(expected)
      expect(rows(({ query, key }: Positions) => key.le(query).select(key.ge(0), false))).toBe(expected)
    }))
})

describe('work that must be done when it returns', () => {
  const later = async (): Promise<never> => {
    await Promise.resolve()
    throw new Error('nobody waits for this')
  }
  const thenable = { then: (_: unknown, reject: (error: Error) => void) => reject(new Error('nor for this')) }
  const calls: Record<string, (work: () => Loose) => unknown> = {
    scope: (work) => scope(work),
    withDevice: (work) => withDevice(device, work),
    together: (work) => together(work),
    within: (work) => within('name', work),
    observe: (work) => observe({}, work),
    'within, observed': (work) => observe({}, () => within('name', work)),
    checkpoint: (work) => checkpoint(work)(),
    grad: (work) => valueAndGrad(work)({ x: normal(randomKey(1), { row: 2 }) }),
    'a checkpoint in a gradient': (work) =>
      valueAndGrad(({ x }: { x: ReturnType<typeof ones<'row'>> }) =>
        sum(checkpoint((...given: unknown[]) => work(...(given as [])) as never)(x)),
      )({
        x: ones({ row: 2 }),
      }),
  }
  test.each(Object.entries(calls))('is no promise: %s', async (_, call) => {
    withDevice(device, () => {
      for (const work of [later, () => thenable]) {
        const error = thrown(() => call(work))
        expect(error instanceof StateError || error instanceof UsageError, String(error)).toBe(true)
        expect((error as HeedError).found).toContain('a promise')
      }
    })
    await new Promise((resolve) => setTimeout(resolve, 0))
  })
})
