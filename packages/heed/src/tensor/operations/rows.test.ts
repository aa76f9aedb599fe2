import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DtypeError, randomKey, ShapeError, UsageError } from '../../base/index.js'
import { Device } from '../../device/index.js'
import { interpreter, wasmFeatures, wasmTarget } from '../../targets/index.js'
import {
  contrastiveLoss,
  crossEntropy,
  layerNorm,
  memoryUse,
  logSoftmax,
  normal,
  ones,
  rmsNorm,
  scope,
  softmax,
  sum,
  tensor,
  type Tensor,
  unitLength,
  withDevice,
} from '../index.js'

const devices = [
  new Device(interpreter),
  new Device(wasmTarget({ lanes: 4, relaxed: wasmFeatures().relaxed, shared: true }), {
    shared: true,
    threads: 2,
  }),
]

function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(found.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(found[i]! - expected[i]!), `element ${i}`).toBeLessThanOrEqual(tolerance)
}

const sizes = fc.record({
  a: fc.integer({ min: 1, max: 4 }),
  b: fc.integer({ min: 1, max: 40 }),
  c: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(),
})

describe.each(devices.map((device) => [device.name, device] as const))('along rows on %s', (_, device) => {
  const close = device.floatBytes === 8 ? 1e-12 : 4e-6
  const property = (check: (x: Tensor<'a' | 'b' | 'c'>) => void, runs = 50): void =>
    fc.assert(
      fc.property(sizes, ({ seed, ...shape }) =>
        withDevice(device, () => scope(() => check(normal(randomKey(seed), shape)))),
      ),
      { numRuns: runs },
    )

  test('softmax: between 0 and 1, summing to 1, the same for shifted rows, along any axis', () => {
    property((x) => {
      for (const axis of ['a', 'b', 'c'] as const) {
        const y = softmax(x, axis)
        expect(y.axes).toEqual(x.axes)
        expect(y.values().every((p) => p >= 0 && p <= 1)).toBe(true)
        const sums = sum(y, axis)
        expectNear(sums.values(), ones(sums.shape).values(), close)
        expectNear(softmax(x.add(3), axis).values(), y.values(), close)
        expectNear(
          logSoftmax(x, axis).values(),
          [...y.values()].map((p) => Math.log(p)),
          10 * close,
        )
      }
    })
  })

  test('the same whatever order the axes lie in', () => {
    property((x) => {
      const order = ['c', 'b', 'a'] as const
      const { a, b, c } = x.shape
      const turned = tensor(x.values(order), { c, b, a })
      const weight = normal(randomKey(1), { b })
      const results: ((z: typeof x) => Tensor<'a' | 'b' | 'c'>)[] = [
        (z) => softmax(z, 'b'),
        (z) => layerNorm(z, 'b', { weight, bias: weight }),
        (z) => rmsNorm(z, 'b', { weight, onePlus: true }),
        (z) => unitLength(z, 'b'),
      ]
      for (const f of results) expectNear(f(turned).values(order), f(x).values(order), close)
    })
  })

  test('layer norm: mean 0 and variance 1, whatever was added or multiplied before', () => {
    property((x) => {
      if (x.size('b') < 4) return
      const y = layerNorm(x, 'b', { epsilon: 0 })
      const moments = sum(y, 'b')
      expectNear(
        moments.values(),
        [...moments.values()].map(() => 0),
        100 * close,
      )
      const squares = sum(y.mul(y), 'b')
      expectNear(
        squares.values(),
        [...squares.values()].map(() => x.size('b')),
        100 * close,
      )
      expectNear(layerNorm(x.mul(4).add(2), 'b', { epsilon: 0 }).values(), y.values(), 100 * close)
    })
  })

  test('RMS norm: mean square 1; unit length: length 1', () => {
    property((x) => {
      const y = rmsNorm(x, 'b', { epsilon: 0 })
      const squares = sum(y.mul(y), 'b')
      expectNear(
        squares.values(),
        [...squares.values()].map(() => x.size('b')),
        100 * close,
      )
      const unit = unitLength(x, 'b')
      const lengths = sum(unit.mul(unit), 'b')
      expectNear(
        lengths.values(),
        [...lengths.values()].map(() => 1),
        close,
      )
    })
  })

  test('cross-entropy: minus the log-probability of the target, at least 0', () => {
    property((x) => {
      const { a, b, c } = x.shape
      const classes = Int32Array.from({ length: a * c }, (_, i) => (i * 7919) % b)
      const targets = tensor(classes, { a, c }, { dtype: 'i32' })
      const logarithms = logSoftmax(x, 'b').values(['a', 'c', 'b'])
      const each = crossEntropy(x, targets, 'b', { reduction: 'none' })
      const expected = [...classes].map((target, i) => -logarithms[i * b + target]!)
      expectNear(each.values(['a', 'c']), expected, close)
      expect(each.values().every((loss) => loss >= -close)).toBe(true)
      const total = expected.reduce((p, q) => p + q, 0)
      expectNear(crossEntropy(x, targets, 'b', { reduction: 'sum' }).values(), [total], close * a * c)
      expectNear(crossEntropy(x, targets, 'b').values(), [total / (a * c)], close)
    })
  })

  test('empty tensors give empty results', () =>
    withDevice(device, () =>
      scope(() => {
        expect(softmax(tensor([], { a: 0, b: 3 }), 'b').shape).toEqual({ a: 0, b: 3 })
        expect(softmax(tensor([], { a: 3, b: 0 }), 'b').shape).toEqual({ a: 3, b: 0 })
        expect(layerNorm(tensor([], { a: 3, b: 0 }), 'b').shape).toEqual({ a: 3, b: 0 })
        const none = tensor([], { a: 0 }, { dtype: 'i32' })
        expect(crossEntropy(tensor([], { a: 0, b: 3 }), none, 'b').item()).toBe(0)
      }),
    ))

  test('nothing is left behind', () =>
    withDevice(device, () => {
      const x = normal(randomKey(5), { b: 8, a: 4 })
      const targets = tensor([0, 1, 2, 3], { a: 4 }, { dtype: 'i32' })
      const before = memoryUse().tensors
      for (const y of [
        softmax(x, 'b'),
        logSoftmax(x, 'b'),
        layerNorm(x, 'b'),
        rmsNorm(x, 'b'),
        crossEntropy(x, targets, 'b'),
      ])
        y.dispose()
      expect(memoryUse().tensors).toBe(before)
      x.dispose()
      targets.dispose()
    }))
})

describe('what does not fit is refused, and says why', () => {
  const refused = (work: () => unknown): Error =>
    withDevice(devices[0]!, () =>
      scope(() => {
        try {
          work()
        } catch (error) {
          return error as Error
        }
        throw new Error('nothing was refused')
      }),
    )
  const x = (): Tensor<'a' | 'b'> => ones({ a: 2, b: 3 })
  const ids = (values: number[]): Tensor<'a'> => tensor(values, { a: values.length }, { dtype: 'i32' })

  test('softmax', () => {
    const missing = refused(() => softmax(x(), 'c' as 'a'))
    expect(missing).toBeInstanceOf(ShapeError)
    expect(missing.message).toBe(
      "softmax: expected an axis 'c', found axes a, b; name an axis that the tensor has, or rename one",
    )
    const integers = refused(() => softmax(ids([1, 2]), 'a'))
    expect(integers).toBeInstanceOf(DtypeError)
    expect(integers.message).toContain('softmax: expected an f32 tensor, found i32 a 2')
  })

  test('norms', () => {
    const weight = refused(() => layerNorm(x(), 'b', { weight: ones({ b: 4 }) }))
    expect(weight).toBeInstanceOf(ShapeError)
    expect(weight.message).toContain("layerNorm: expected weight along 'b' alone, of size 3, found f32 b 4")
    expect(refused(() => layerNorm(x(), 'b', { bias: x() as never })).message).toContain('bias along')
    const epsilon = refused(() => rmsNorm(x(), 'b', { epsilon: -1 }))
    expect(epsilon).toBeInstanceOf(UsageError)
    expect(epsilon.message).toContain('rmsNorm: expected epsilon to be a number of at least 0, found -1')
    expect(refused(() => layerNorm(x(), 'b', { epsilon: NaN }))).toBeInstanceOf(UsageError)
  })

  test('cross-entropy', () => {
    const outside = refused(() => crossEntropy(x(), ids([0, 3]), 'b'))
    expect(outside).toBeInstanceOf(UsageError)
    expect(outside.message).toContain(
      'crossEntropy: expected targets from 0 to 2, or -100 to ignore a row, found 3 at row 1',
    )
    expect(refused(() => crossEntropy(x(), ids([0, -1]), 'b')).message).toContain('found -1 at row 1')
    const short = refused(() => crossEntropy(x(), ids([0]), 'b'))
    expect(short).toBeInstanceOf(ShapeError)
    expect(short.message).toContain('targets with the other axes of the logits: a 2, found a 1')
    const floats = refused(() => crossEntropy(x(), ones({ a: 2 }), 'b'))
    expect(floats).toBeInstanceOf(DtypeError)
    for (const options of [{ labelSmoothing: 1.5 }, { labelSmoothing: NaN }, { ignore: 0.5 }])
      expect(refused(() => crossEntropy(x(), ids([0, 1]), 'b', options))).toBeInstanceOf(UsageError)
  })

  test('contrastive loss', () => {
    const few = refused(() => contrastiveLoss(x(), 'a'))
    expect(few).toBeInstanceOf(ShapeError)
    expect(few.message).toContain('at least 3 columns, one for each row')
    expect(refused(() => contrastiveLoss(ones({ a: 2, b: 2, c: 2 }), 'b')).message).toContain('two axes')
  })

  test('by the compiler', () => {
    const never = (): void => {
      // @ts-expect-error: no such axis
      softmax(x(), 'c')
      // @ts-expect-error: weight along another axis
      layerNorm(x(), 'b', { weight: ones({ a: 2 }) })
      // @ts-expect-error: targets must not have the axis of the classes
      crossEntropy(x(), x(), 'b')
      // @ts-expect-error: without a reduction there is a loss for each row
      crossEntropy(x(), ids([0, 1]), 'b', { reduction: 'none' }) satisfies Tensor<never>
    }
    expect(never).toBeTypeOf('function')
  })
})
