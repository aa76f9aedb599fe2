import { describe, expect, test } from 'vitest'
import { grad } from '../../autograd/index.js'
import { devices } from '../testing/devices.js'
import {
  activate,
  binaryCrossEntropy,
  gelu,
  gruCell,
  logSigmoid,
  map,
  sigmoid,
  silu,
  softplus,
  sum,
  tanh,
  tensor,
  type Tensor,
  withDevice,
} from '../index.js'

const logistic = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))
const expectNear = (found: number, expected: number): void =>
  expect(Math.abs(found - expected), `${found}, not ${expected}`).toBeLessThanOrEqual(
    6e-7 * Math.abs(expected),
  )

// What is small keeps its digits, in values and in gradients, and nothing overflows on the way.
describe.each(devices)('small results on %s', (_, device) => {
  const one = (f: (x: Tensor<'i'>) => Tensor<'i'>, x: number): number => f(tensor([x], { i: 1 })).values()[0]!
  const slope = (f: (x: Tensor<'i'>) => Tensor<'i'>, x: number): number =>
    grad((v: Tensor<'i'>) => sum(f(v)))(tensor([x], { i: 1 })).values()[0]!

  test.each([-80, -40, -20, -17, -5, 5, 17, 20, 40, 80])('at %d', (x) =>
    withDevice(device, () => {
      const both = logistic(x) * logistic(-x)
      expectNear(one(sigmoid, x), logistic(x))
      expectNear(slope(sigmoid, x), both)
      expectNear(one(silu, x), x * logistic(x))
      expectNear(slope(silu, x), logistic(x) * (1 + x * logistic(-x)))
      expectNear(one(softplus, x), Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))))
      expectNear(slope(softplus, x), logistic(x))
      expectNear(one(logSigmoid, x), Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))))
      expectNear(slope(logSigmoid, x), logistic(-x))
      expectNear(slope(tanh, x / 4), 1 / Math.cosh(x / 4) ** 2)
      expectNear(
        one((v) => activate(v, 'gelu-quick'), x / 2),
        (x / 2) * logistic(0.851 * x),
      )
    }),
  )

  test('at the ends of the floats', () =>
    withDevice(device, () => {
      expect(one(softplus, -Infinity)).toBe(0)
      expect(one(softplus, 2 ** 127)).toBe(2 ** 127)
      expect(one(softplus, Infinity)).toBe(Infinity)
      expect(one(logSigmoid, -(2 ** 127))).toBe(-(2 ** 127))
      expect(Math.abs(one(gelu, -Infinity))).toBeLessThan(1e-300)
      expect(one(gelu, 2 ** 127)).toBe(2 ** 127)
      expect(one((x) => activate(x, 'gelu-tanh'), 2 ** 127)).toBe(2 ** 127)
      expect(Math.abs(one((x) => activate(x, 'gelu-tanh'), -(2 ** 127)))).toBeLessThan(1e-300)
      expect(Math.abs(one(silu, -Infinity))).toBeLessThan(1e-300)
    }))

  test('the loss and the gradient of confident logits', () =>
    withDevice(device, () => {
      for (const [x, y] of [
        [20, 1],
        [-20, 0],
        [60, 1],
        [-60, 0],
        [20, 0],
        [-20, 1],
        [3, 0.25],
      ] as const) {
        const target = tensor([y], { i: 1 })
        const wrong = y * logistic(-x) + (1 - y) * logistic(x)
        const exact = y * Math.log1p(Math.exp(-x)) + (1 - y) * Math.log1p(Math.exp(x))
        expectNear(binaryCrossEntropy(tensor([x], { i: 1 }), target).item(), exact)
        const gradient = grad((v: Tensor<'i'>) => binaryCrossEntropy(v, target))(tensor([x], { i: 1 }))
        if (y === 0 || y === 1) expectNear(gradient.values()[0]!, y === 1 ? -wrong : wrong)
      }
      expect(binaryCrossEntropy(tensor([20], { i: 1 }), tensor([1], { i: 1 })).item()).toBeCloseTo(
        2.061e-9,
        12,
      )
    }))

  test('what a GRU takes in through a gate that is nearly shut', () =>
    withDevice(device, () => {
      const share = tensor([0, 25, 0.5], { gate: 3, unit: 1 })
      const nothing = tensor([0, 0, 0], { gate: 3, unit: 1 })
      expectNear(
        gruCell(share, nothing, tensor([0], { unit: 1 })).values()[0]!,
        logistic(-25) * Math.tanh(0.5),
      )
    }))

  test('logSigmoid where σ is no float above 0', () =>
    withDevice(device, () => {
      expect(one(logSigmoid, -110)).toBe(-110)
      expect(one((x) => map((v) => v.logSigmoid(), x), -800)).toBe(-800)
    }))
})
