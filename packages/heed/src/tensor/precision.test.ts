import { describe, expect, test } from 'vitest'
import { valueAndGrad } from '../autograd/index.js'
import { bf16ToF32, f32ToBf16, randomKey, StateError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter, nativeCode, processor, x64Target } from '../targets/index.js'
import {
  arrange,
  currentPrecision,
  dot,
  mean,
  normal,
  scope,
  type Tensor,
  withDevice,
  withPrecision,
} from './index.js'

const native = nativeCode()
const hasHalves = typeof native !== 'string' && processor(native).bf16
const device = hasHalves
  ? new Device(x64Target({ width: 512, dots: new Set(['bytes', 'halves']) }))
  : new Device(interpreter)

const rounded = (values: ArrayLike<number>): Float64Array =>
  Float64Array.from(values, (value) => bf16ToF32(f32ToBf16(value)))

/** Σ over k of a[row, k] b[k, column], of numbers that are rounded to bf16 first. */
function plain(a: ArrayLike<number>, b: ArrayLike<number>, [m, n, k]: readonly number[]): Float64Array {
  const [x, y] = [rounded(a), rounded(b)]
  const sums = new Float64Array(m! * n!)
  for (let row = 0; row < m!; row++)
    for (let i = 0; i < k!; i++) {
      const factor = x[row * k! + i]!
      for (let column = 0; column < n!; column++) sums[row * n! + column]! += factor * y[i * n! + column]!
    }
  return sums
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => Math.abs(value - b[i]!)).reduce((most, one) => Math.max(most, one), 0)

describe.skipIf(!hasHalves)('products of bf16 (skipped where the processor has none)', () => {
  const sizes = { batch: 5, position: 33, width: 67, head: 6, headWidth: 35 }
  const orders = [
    [
      ['batch', 'position', 'width'],
      ['head', 'headWidth', 'width'],
    ],
    [
      ['batch', 'position', 'width'],
      ['width', 'head', 'headWidth'],
    ],
    [
      ['width', 'batch', 'position'],
      ['width', 'head', 'headWidth'],
    ],
    [
      ['width', 'batch', 'position'],
      ['head', 'headWidth', 'width'],
    ],
  ] as const

  test.each(orders)(
    '%j by %j: the product of rounded numbers, and no less exact than f32 sums',
    (left, right) =>
      withDevice(device, () =>
        scope(() => {
          const part = (names: readonly string[]): Record<string, number> =>
            Object.fromEntries(names.map((name) => [name, sizes[name as keyof typeof sizes]]))
          const x = normal(randomKey(1), part(left)) as Tensor<'batch' | 'position' | 'width'>
          const weight = normal(randomKey(2), part(right)) as Tensor<'head' | 'headWidth' | 'width'>
          const bias = normal(randomKey(3), { head: 6, headWidth: 35 })
          const residual = normal(randomKey(4), { batch: 5, position: 33, head: 6, headWidth: 35 })
          const order = ['batch', 'position', 'head', 'headWidth'] as const
          const found = withPrecision('bf16', () =>
            dot(x, weight, 'width', { bias, residual, scale: 0.5, activation: 'relu' }),
          ).values(order)
          const [m, n, k] = [5 * 33, 6 * 35, 67]
          const sums = plain(
            x.values(['batch', 'position', 'width']),
            weight.values(['width', 'head', 'headWidth']),
            [m, n, k],
          )
          const [biases, residuals] = [bias.values(['head', 'headWidth']), residual.values(order)]
          const expected = sums.map((sum, i) => Math.max(0, sum / 2 + biases[i % n]!) + residuals[i]!)
          expect(largestDifference(found, expected)).toBeLessThan(2e-5)
          // What is rounded shows: the same in f32 is otherwise.
          const exact = dot(x, weight, 'width', { bias, residual, scale: 0.5, activation: 'relu' }).values(
            order,
          )
          expect(largestDifference(found, exact)).toBeGreaterThan(1e-3)
        }),
      ),
  )

  test('gradients are products of rounded numbers too, also where the result lies the other way round', () =>
    withDevice(device, () =>
      scope(() => {
        const x = normal(randomKey(1), { position: 211, width: 96 })
        const weight = normal(randomKey(2), { out: 128, width: 96 })
        const slope = normal(randomKey(5), { out: 128, position: 211 })
        const { gradient } = withPrecision('bf16', () =>
          valueAndGrad((both: { x: typeof x; weight: typeof weight }) =>
            mean(dot(both.x, both.weight, 'width').mul(slope)).mul(128 * 211),
          )({ x, weight }),
        )
        const [m, n, k] = [211, 128, 96]
        const upstream = slope.values(['position', 'out'])
        const ofX = plain(upstream, weight.values(['out', 'width']), [m, k, n])
        const ofWeight = plain(slope.values(['out', 'position']), x.values(['position', 'width']), [n, k, m])
        expect(largestDifference(gradient.x.values(['position', 'width']), ofX)).toBeLessThan(5e-5)
        expect(largestDifference(gradient.weight.values(['out', 'width']), ofWeight)).toBeLessThan(5e-5)
      }),
    ))

  test('a weight that is kept packed gives the same bits', () =>
    withDevice(device, () =>
      scope(() => {
        const weight = arrange(normal(randomKey(2), { out: 200, width: 100 }), ['width', 'out'])
        const x = normal(randomKey(1), { position: 150, width: 100 })
        const product = (): string =>
          withPrecision('bf16', () => dot(x, weight, 'width', { steady: true }))
            .values(['position', 'out'])
            .join()
        const first = product()
        expect([product(), product()]).toEqual([first, first])
      }),
    ))
})

test('outside it is f32, and what is not synchronous or no precision is refused', async () => {
  expect(currentPrecision()).toBe('f32')
  expect(withPrecision('bf16', () => withPrecision('f32', currentPrecision))).toBe('f32')
  expect(withPrecision('bf16', currentPrecision)).toBe('bf16')
  expect(() => withPrecision('f16' as never, () => 1)).toThrow(UsageError)
  expect(() => withPrecision('bf16', () => Promise.resolve(1))).toThrow(StateError)
  expect(currentPrecision()).toBe('f32')
})
