import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DtypeError, randomKey, ShapeError, UsageError } from '../../base/index.js'
import {
  activate,
  activations,
  type Activation,
  dot,
  normal,
  scope,
  type Tensor,
  tensor,
  withDevice,
} from '../index.js'
import { devices } from '../testing/devices.js'

const names = [undefined, ...(Object.keys(activations) as Activation[])]

describe.each(devices)('what follows a product, on %s', (_, device) => {
  test.each(names)('scale, bias, %s and residual are what they are one by one', (activation) =>
    withDevice(device, () =>
      scope(() => {
        const x = normal(randomKey(1), { batch: 2, position: 7, width: 13 })
        const weight = normal(randomKey(2), { out: 19, width: 13 })
        const bias = normal(randomKey(3), { out: 19 })
        const residual = normal(randomKey(4), { out: 19, batch: 2, position: 7 })
        const found = dot(x, weight, 'width', { scale: 0.5, bias, activation, residual })
        const before = dot(x, weight, 'width').mul(0.5).add(bias)
        const expected = (activation === undefined ? before : activate(before, activation)).add(residual)
        const order = ['batch', 'position', 'out'] as const
        const [a, b] = [found.values(order), expected.values(order)]
        const bound = device.floatBytes === 8 ? 1e-12 : 2e-5
        expect(a.length).toBe(266)
        a.forEach((value, i) => expect(Math.abs(value - b[i]!)).toBeLessThan(bound))
      }),
    ),
  )

  test('a sum over nothing takes them too', () =>
    withDevice(device, () =>
      scope(() => {
        const [x, y] = [tensor([1, -2], { a: 2 }), tensor([3, 4], { b: 2 })]
        const found = dot(x, y, [], {
          scale: 2,
          bias: tensor([1, 0], { a: 2 }),
          activation: 'relu',
          residual: y,
        })
        expect([...found.values(['a', 'b'])]).toEqual([10, 13, 3, 4])
      }),
    ))
})

test('addends that do not fit are refused', () => {
  const [, device] = devices[0]!
  withDevice(device, () =>
    scope(() => {
      const [x, y] = [normal(randomKey(1), { a: 2, k: 3 }), normal(randomKey(2), { b: 4, k: 3 })]
      const long = tensor([1, 2, 3], { b: 3 })
      expect(() => dot(x, y, 'k', { bias: long })).toThrow(
        "dot: expected a bias or residual with axis 'b' of size 4, found f32 b 3; rename or slice it",
      )
      const other = tensor([1, 2, 3], { k: 3 }) as unknown as Tensor<'a'>
      expect(() => dot(x, y, 'k', { residual: other })).toThrow(ShapeError)
      const whole = tensor([1, 2, 3, 4], { b: 4 }, { dtype: 'i32' })
      expect(() => dot(x, y, 'k', { bias: whole })).toThrow(DtypeError)
    }),
  )
})

test('from JavaScript, a product without axes is refused; over none it is one of every pair', () => {
  const [, device] = devices[0]!
  withDevice(device, () =>
    scope(() => {
      const [x, y] = [tensor([1, 2], { a: 2 }), tensor([3, 5], { b: 2 })]
      expect(() => (dot as unknown as (...given: unknown[]) => unknown)(x, y)).toThrow(UsageError)
      expect([...dot(x, y, []).values(['a', 'b'])]).toEqual([3, 5, 6, 10])
    }),
  )
})

test.each(devices)('a steady product has the same bits for a row however many there are: %s', (_, device) =>
  withDevice(device, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 5, 40),
        fc.constantFrom(7, 64, 1200, 2500),
        fc.constantFrom('out', 'depth'),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 60 })), { maxLength: 4 }),
        fc.boolean(),
        (out, depth, inner, counts, finished) =>
          scope(() => {
            const order = inner === 'out' ? { depth, out } : { out, depth }
            const weight = normal(randomKey(1), order) as Tensor<'out' | 'depth'>
            const x = normal(randomKey(2), { row: 60, depth })
            const bias = normal(randomKey(3), { out })
            const product = (count: number): string[] => {
              const rows = x.slice('row', 60 - count, 60)
              const more = finished ? ({ bias, activation: 'gelu' } as const) : {}
              const numbers = dot(rows, weight, 'depth', { ...more, steady: true }).values(['row', 'out'])
              return Array.from({ length: count }, (__, i) =>
                numbers.slice(i * out, (i + 1) * out).join(),
              ).reverse()
            }
            const all = product(60)
            for (const count of counts) expect(product(count).join(';')).toBe(all.slice(0, count).join(';'))
          }),
      ),
      { numRuns: device.target.machine.name === 'interpreter' ? 4 : 12 },
    )
  }),
)
