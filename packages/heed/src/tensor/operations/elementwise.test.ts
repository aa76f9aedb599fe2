import { describe, expect, test } from 'vitest'
import { randomKey } from '../../base/index.js'
import {
  abs,
  activate,
  activations,
  type Activation,
  add,
  binaryCrossEntropy,
  cos,
  div,
  exp,
  expm1,
  expand,
  full,
  gelu,
  log,
  log1p,
  logSigmoid,
  map,
  mean,
  meanSquaredError,
  min,
  mul,
  normal,
  ones,
  range,
  relu,
  scalar,
  scope,
  sigmoid,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  tensor,
  type Tensor,
  uniform,
  unitLength,
  withDevice,
  zeros,
} from '../index.js'
import { devices } from '../testing/devices.js'

/** The error function by its series, or by its continued fraction far out: to 1e-15. */
function erf(x: number): number {
  if (Math.abs(x) > 3) {
    let fraction = 0
    for (let i = 60; i > 0; i--) fraction = i / 2 / (Math.abs(x) + fraction)
    return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction))
  }
  let [term, total] = [x, x]
  for (let i = 1; i < 100; i++) total += (term *= (-x * x) / i) / (2 * i + 1)
  return (2 / Math.sqrt(Math.PI)) * total
}
const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/** Each function as it is defined, in f64. */
const definitions: Readonly<
  Record<string, readonly [(x: Tensor<'i'>) => Tensor<'i'>, (x: number) => number, positive?: boolean]>
> = {
  exp: [exp, Math.exp],
  log: [log, Math.log, true],
  sqrt: [sqrt, Math.sqrt, true],
  square: [square, (x) => x * x],
  tanh: [tanh, Math.tanh],
  sin: [sin, Math.sin],
  cos: [cos, Math.cos],
  abs: [abs, Math.abs],
  sigmoid: [sigmoid, logistic],
  logSigmoid: [logSigmoid, (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)))],
  expm1: [expm1, Math.expm1],
  log1p: [log1p, Math.log1p, true],
  softplus: [softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
  relu: [relu, (x) => Math.max(x, 0)],
  gelu: [gelu, (x) => (x / 2) * (1 + erf(x / Math.SQRT2))],
  silu: [silu, (x) => x * logistic(x)],
  neg: [(x) => x.neg(), (x) => -x],
}
const activationDefinitions: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  'gelu-tanh': (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  'gelu-quick': (x) => x * logistic(1.702 * x),
  silu: (x) => x * logistic(x),
  tanh: Math.tanh,
  sigmoid: logistic,
}

describe.each(devices)('on %s', (_, device) => {
  const on = <T>(work: () => T): T => withDevice(device, () => scope(work))
  const tolerance = device.floatBytes === 8 ? 1e-14 : 1e-6
  const expectNear = (found: ArrayLike<number>, expected: readonly number[]): void => {
    expect(found.length).toBe(expected.length)
    expected.forEach((value, i) =>
      expect(Math.abs(found[i]! - value), `element ${i}`).toBeLessThanOrEqual(
        tolerance * Math.max(1, Math.abs(value)),
      ),
    )
  }
  const numbers = (positive: boolean): number[] =>
    [...normal(randomKey(3), { i: 70 }, 3).values(), 0, 1, -1, 8, -8]
      .map(Math.fround)
      .map((x) => (positive ? Math.abs(x) + 0.125 : x))

  test.each(Object.entries(definitions))('%s is its definition', (_name, [operation, f, positive = false]) =>
    on(() => {
      const x = numbers(positive)
      expectNear(operation(tensor(x, { i: x.length })).values(), x.map(f))
    }),
  )

  test.each(Object.keys(activations) as Activation[])('the activation %s is its definition', (name) =>
    on(() => {
      const x = numbers(false)
      expectNear(activate(tensor(x, { i: x.length }), name).values(), x.map(activationDefinitions[name]))
    }),
  )

  test('arithmetic, with tensors and with numbers', () =>
    on(() => {
      const [a, b] = [tensor([1, -2, 3], { i: 3 }), tensor([4, 5], { j: 2 })]
      const pairs = (f: (x: number, y: number) => number): number[] =>
        [1, -2, 3].flatMap((x) => [4, 5].map((y) => f(x, y)))
      expectNear(
        add(a, b).values(['i', 'j']),
        pairs((x, y) => x + y),
      )
      expectNear(
        sub(a, b).values(['i', 'j']),
        pairs((x, y) => x - y),
      )
      expectNear(
        mul(a, b).values(['i', 'j']),
        pairs((x, y) => x * y),
      )
      expectNear(
        div(a, b).values(['i', 'j']),
        pairs((x, y) => x / y),
      )
      expectNear(a.add(1).mul(2).sub(3).div(4).values(), [0.25, -1.25, 1.25])
    }))

  test('a condition gives 1 and 0; other dtypes are read as floats', () =>
    on(() => {
      const x = tensor([1, 2, 3], { i: 3 })
      expect([...map((v) => v.ge(2).and(v.lt(3)), x).values()]).toEqual([0, 1, 0])
      for (const dtype of ['i32', 'u8', 'i8', 'f16', 'bf16'] as const) {
        const stored = tensor([1, 2, 3], { i: 3 }, { dtype })
        const found = map((a, b) => a.mul(b), stored, x)
        expect([found.dtype, ...found.values()]).toEqual(['f32', 1, 4, 9])
        expect([...sum(stored).add(min(stored)).values()]).toEqual([7])
      }
    }))

  test('another number makes no other kernel', () =>
    on(() => {
      const [x, y] = [tensor([1, 2, 3], { i: 3 }), tensor([4, 5, 6], { i: 3 })]
      const kernels = new Set<string>()
      device.profile = ({ kernel }) => void kernels.add(kernel)
      try {
        for (let step = 3; step < 20; step++) {
          const rate = 1 / step
          expectNear(map((w, g) => w.sub(g.mul(rate)), x, y).values(), [
            1 - 4 / step,
            2 - 5 / step,
            3 - 6 / step,
          ])
        }
      } finally {
        device.profile = undefined
      }
      expect(kernels.size).toBe(1)
    }))

  test('rows of length 1; a row of zeros stays', () =>
    on(() => {
      expectNear(unitLength(tensor([3, 4, 0, 0], { row: 2, i: 2 }), 'i').values(), [0.6, 0.8, 0, 0])
      expectNear(unitLength(tensor([3, 4, 0, 0], { i: 2, row: 2 }), 'i').values(['row', 'i']), [1, 0, 1, 0])
    }))

  test('losses', () =>
    on(() => {
      const [x, y] = [
        [0.5, -30, 30, 2],
        [1, 0, 1, 0.25],
      ]
      const [a, b] = [tensor(x, { i: 4 }), tensor(y, { i: 4 })]
      const average = (f: (x: number, y: number) => number): number =>
        x.reduce((total, value, i) => total + f(value, y[i]!), 0) / x.length
      expectNear([meanSquaredError(a, b).item()], [average((u, v) => (u - v) ** 2)])
      expectNear(
        [binaryCrossEntropy(a, b).item()],
        [average((u, v) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))) - u * v)],
      )
    }))

  test('what makes tensors', () =>
    on(() => {
      expect([...zeros({ i: 3 }).values()]).toEqual([0, 0, 0])
      expect([...ones({ i: 2, j: 1 }, { dtype: 'u8' }).values()]).toEqual([1, 1])
      expect([...full({ i: 2 }, 0.1, { dtype: 'bf16' }).values()].map(Math.fround)).toEqual([
        0.10009765625, 0.10009765625,
      ])
      expect(scalar(2.5).item()).toBe(2.5)
      expect([range('i', 4).dtype, ...range('i', 4).values()]).toEqual(['i32', 0, 1, 2, 3])
      // Rounded to nearest even; given as bits, as they are.
      expect([...tensor([1.00048828125, 65519], { i: 2 }, { dtype: 'f16' }).values()]).toEqual([1, 65504])
      expect([...tensor(Uint16Array.of(0x3c01), { i: 1 }, { dtype: 'f16' }).values()]).toEqual([1.0009765625])
      const drawn = uniform(randomKey(4), { i: 1000 }, -2, 3).values()
      expect(Math.min(...drawn)).toBeGreaterThanOrEqual(-2)
      expect(Math.max(...drawn)).toBeLessThan(3)
      expect(mean(normal(randomKey(5), { i: 10_000 }, 2)).item()).toBeCloseTo(0, 1)
      expect([...expand(tensor([1, 2], { i: 2 }), { j: 2 }).values(['i', 'j'])]).toEqual([1, 1, 2, 2])
    }))
})
