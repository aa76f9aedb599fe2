import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { weightFormats } from '../kernels/index.js'
import {
  abs,
  activate,
  type Activation,
  activations,
  argmax,
  attention,
  attentionFilter,
  binaryCrossEntropy,
  cos,
  crossEntropy,
  div,
  dot,
  dotQuantized,
  exp,
  expm1,
  gatedBy,
  gelu,
  gruCell,
  layerNorm,
  log,
  log1p,
  logSigmoid,
  logSoftmax,
  lstmCell,
  map,
  max,
  mean,
  meanSquaredError,
  min,
  normal,
  quantize,
  relu,
  rmsNorm,
  type Scalar,
  scope,
  sigmoid,
  silu,
  sin,
  softmax,
  softplus,
  sqrt,
  square,
  sum,
  tanh,
  tensor,
  type Tensor,
  unitLength,
  withDevice,
} from '../tensor/index.js'
import { devices } from '../tensor/testing/devices.js'
import { grad } from './index.js'

// What NaN goes into comes out as NaN, as IEEE 754, NumPy and PyTorch have it, on every target: a training
// that diverges must show it.

const length = 37
/** In a whole vector, the last lane of one, and the tail of every machine. */
const places = [0, 7, 15, 18, 36]

function withNaN(place: number, size = length): Tensor<'i'> {
  return tensor(
    Array.from({ length: size }, (_, i) => (i === place ? NaN : 0.25 + (i % 5) / 4)),
    { i: size },
  )
}

const traced =
  (f: (x: Scalar) => Scalar) =>
  (x: Tensor<'i'>): Tensor<'i'> =>
    map(f, x)

const elementwise: Readonly<Record<string, (x: Tensor<'i'>) => Tensor<'i'>>> = {
  exp,
  expm1,
  log,
  log1p,
  sqrt,
  square,
  tanh,
  sin,
  cos,
  abs,
  sigmoid,
  softplus,
  logSigmoid,
  relu,
  gelu,
  silu,
  ...Object.fromEntries(
    (Object.keys(activations) as Activation[]).map((name) => [
      `activate ${name}`,
      (x: Tensor<'i'>) => activate(x, name),
    ]),
  ),
  'gated by relu': (x) => gatedBy(x.mul(0).add(1), x, 'relu'),
  neg: (x) => x.neg(),
  reciprocal: (x) => div(x.mul(0).add(1), x),
  'times 0': (x) => x.mul(0),
  'minus itself': traced((v) => v.sub(v)),
  'max(x, 0)': traced((v) => v.max(0)),
  'min(x, 1)': traced((v) => v.min(1)),
  'max(x, 0.3), a number given at launch': traced((v) => v.max(0.3)),
  'max(0, x)': traced((v) => v.mul(0).add(0).max(v)),
  'max(x, x)': traced((v) => v.max(v)),
  'max(y, x)': traced((v) => v.mul(2).max(v)),
  clamp: traced((v) => v.max(-1).min(1)),
  erf: traced((v) => v.erf()),
  rsqrt: traced((v) => v.rsqrt()),
  floor: traced((v) => v.floor()),
  'pow 3': traced((v) => v.pow(3)),
  'pow 0.7': traced((v) => v.pow(0.7)),
  'pow −2': traced((v) => v.pow(-2)),
}
/**
 * What comes in is passed on where x is NaN, as PyTorch has it, or is 0 whatever x is; elsewhere the gradient
 * is NaN too.
 */
const passedOn: Readonly<Record<string, number>> = {
  relu: 1,
  'activate relu': 1,
  neg: -1,
  'times 0': 0,
  'minus itself': 0,
  'max(x, 0)': 1,
  'min(x, 1)': 1,
  'max(x, 0.3), a number given at launch': 1,
  'max(0, x)': 1,
  'max(x, x)': 1,
  'max(y, x)': 3,
  clamp: 1,
}

function nanPlaces(values: ArrayLike<number>): number[] {
  return Array.from(values, (value, i) => (Number.isNaN(value) ? i : -1)).filter((i) => i >= 0)
}

/** Rows of numbers, one of them with a NaN. */
function rowsWithNaN(width: number, row: number, place: number): Tensor<'row' | 'i'> {
  const numbers = Array.from({ length: 4 * width }, (_, i) => Math.sin(i + 1))
  numbers[row * width + place] = NaN
  return tensor(numbers, { row: 4, i: width })
}

describe.each(devices)('NaN on %s', (_, device) => {
  const on = (body: () => void) => () => withDevice(device, () => scope(body))

  for (const [name, f] of Object.entries(elementwise)) {
    test(
      `elementwise: ${name}`,
      on(() => {
        for (const place of places)
          expect(nanPlaces(f(withNaN(place)).values()), String(place)).toEqual([place])
      }),
    )
    if (name === 'floor') continue // it has no gradient
    test(
      `gradient: ${name}`,
      on(() => {
        const gradient = grad((x: Tensor<'i'>) => sum(f(x)))(withNaN(18)).values()
        const expected = passedOn[name]
        expect(nanPlaces(gradient)).toEqual(expected === undefined ? [18] : [])
        if (expected !== undefined) expect(gradient[18]).toBeCloseTo(expected, 6)
      }),
    )
  }

  test(
    'the greater and the lesser of two tensors, NaN on either side',
    on(() => {
      const numbers = normal(randomKey(1), { i: length })
      for (const f of [(a: Scalar, b: Scalar) => a.max(b), (a: Scalar, b: Scalar) => a.min(b)]) {
        for (const place of places) {
          expect(nanPlaces(map(f, withNaN(place), numbers).values())).toEqual([place])
          expect(nanPlaces(map(f, numbers, withNaN(place)).values())).toEqual([place])
          const scalar = tensor([NaN], {})
          expect(nanPlaces(map(f, numbers, scalar).values()).length).toBe(length)
          expect(nanPlaces(map(f, scalar, numbers).values()).length).toBe(length)
        }
      }
    }),
  )

  test.each([1, 3, 16, 37, 300])('reductions of %d', (width) =>
    on(() => {
      const kinds = { sum, mean, max, min } as unknown as Record<
        string,
        (x: Tensor<'row' | 'i'>, over: 'row' | 'i') => Tensor<'row' | 'i'>
      >
      for (const place of new Set([0, width >> 1, width - 1])) {
        const x = rowsWithNaN(width, 2, place)
        for (const [name, reduce] of Object.entries(kinds)) {
          expect(nanPlaces(reduce(x, 'i').values()), `${name} across`).toEqual([2])
          expect(nanPlaces(reduce(x, 'row').values()), `${name} along`).toEqual([place])
        }
        for (const reduce of [sum, mean, max, min]) expect(reduce(x).item()).toBeNaN()
        expect(argmax(x, 'i').values()[2]).toBe(place)
        expect(argmax(x, 'row').values()[place]).toBe(2)
        const gradient = grad((v: typeof x) => sum(max(v, 'i')))(x)
        expect(new Set(nanPlaces(gradient.values()).map((i) => Math.floor(i / width)))).toEqual(new Set([2]))
      }
    })(),
  )

  test(
    'a reduction that is cut into parts',
    on(() => {
      for (const place of [0, 70_001, 199_999]) {
        const numbers = new Float32Array(200_000)
        numbers[place] = NaN
        const x = tensor(numbers, { i: numbers.length })
        expect([max(x).item(), min(x).item(), sum(x).item()]).toEqual([NaN, NaN, NaN])
      }
    }),
  )

  test.each([1, 5, 37, 300])('along rows of %d', (width) =>
    on(() => {
      const functions: Readonly<Record<string, (x: Tensor<'row' | 'i'>) => Tensor<'row' | 'i'>>> = {
        softmax: (x) => softmax(x, 'i'),
        logSoftmax: (x) => logSoftmax(x, 'i'),
        layerNorm: (x) => layerNorm(x, 'i'),
        rmsNorm: (x) => rmsNorm(x, 'i'),
        unitLength: (x) => unitLength(x, 'i'),
      }
      for (const place of new Set([0, width - 1])) {
        const x = rowsWithNaN(width, 1, place)
        const row = Array.from({ length: width }, (_, i) => width + i)
        for (const [name, f] of Object.entries(functions)) {
          expect(nanPlaces(f(x).values()), name).toEqual(row)
          const gradient = grad((v: typeof x) => sum(f(v).mul(tensor([1, 2, 3, 4], { row: 4 }))))(x)
          expect(nanPlaces(gradient.values()), `gradient of ${name}`).toEqual(row)
        }
        const targets = tensor([0, 0, 0, 0], { row: 4 }, { dtype: 'i32' })
        for (const labelSmoothing of [0, 0.1]) {
          const losses = crossEntropy(x, targets, 'i', { reduction: 'none', labelSmoothing })
          expect(nanPlaces(losses.values())).toEqual([1])
          const gradient = grad((v: typeof x) => crossEntropy(v, targets, 'i', { labelSmoothing }))(x)
          expect(nanPlaces(gradient.values())).toEqual(row)
        }
      }
    })(),
  )

  test(
    'losses',
    on(() => {
      const target = tensor(
        Array.from({ length }, (_, i) => i % 2),
        { i: length },
      )
      for (const place of places)
        for (const loss of [meanSquaredError, binaryCrossEntropy]) {
          expect(loss(withNaN(place), target).item()).toBeNaN()
          const gradient = grad((x: Tensor<'i'>) => loss(x, target))(withNaN(place))
          expect(nanPlaces(gradient.values())).toEqual([place])
        }
    }),
  )

  test(
    'products with every activation, bias and residual; their gradients',
    on(() => {
      const weights = normal(randomKey(2), { i: length, out: 19 })
      for (const activation of [undefined, ...(Object.keys(activations) as Activation[])]) {
        for (const place of [0, 36]) {
          const x = rowsWithNaN(length, 3, place)
          const y = dot(x, weights, 'i', activation === undefined ? {} : { activation })
          expect(nanPlaces(y.values(['row', 'out'])), activation).toEqual(
            Array.from({ length: 19 }, (_, i) => 57 + i),
          )
        }
        const whole = normal(randomKey(3), { row: 4, i: length })
        const faulty = tensor(
          Array.from({ length: 19 }, (_, i) => (i === 5 ? NaN : 0)),
          { out: 19 },
        )
        for (const options of [{ bias: faulty }, { residual: faulty }]) {
          const y = dot(whole, weights, 'i', { ...options, ...(activation && { activation }) })
          expect(nanPlaces(y.values(['row', 'out']))).toEqual([5, 24, 43, 62])
        }
        const loss = (w: typeof weights): Tensor<never> =>
          sum(dot(rowsWithNaN(length, 3, 4), w, 'i', activation === undefined ? {} : { activation }))
        expect(nanPlaces(grad(loss)(weights).values(['i', 'out'])).length).toBeGreaterThanOrEqual(19)
      }
    }),
  )

  test(
    'quantized products',
    on(() => {
      const weights = normal(randomKey(2), { i: 64, out: 19 }, 0.1)
      for (const format of weightFormats) {
        const quantized = quantize(weights, 'i', format)
        for (const activation of [undefined, 'relu', 'gelu', 'silu'] as const) {
          const y = dotQuantized(
            rowsWithNaN(64, 3, 63),
            quantized,
            activation === undefined ? {} : { activation },
          )
          expect(nanPlaces(y.values(['row', 'out'])), `${format} ${activation}`).toEqual(
            Array.from({ length: 19 }, (_, i) => 57 + i),
          )
        }
      }
    }),
  )

  test(
    'steps of recurrent cells',
    on(() => {
      for (const gates of [3, 4] as const) {
        for (let faulty = 0; faulty < gates; faulty++) {
          const numbers = Array.from({ length: gates * 3 * 5 }, (_, i) => Math.sin(i))
          numbers[faulty * 15 + 7] = NaN
          const share = tensor(numbers, { gate: gates, batch: 3, unit: 5 })
          const other = normal(randomKey(1), { gate: gates, batch: 3, unit: 5 })
          const hidden = normal(randomKey(2), { batch: 3, unit: 5 })
          const step = (x: typeof share): Tensor<'batch' | 'unit'> =>
            gates === 3 ? gruCell(x, other, hidden) : lstmCell(x, other, { hidden, cell: hidden }).hidden
          expect(nanPlaces(step(share).values(['batch', 'unit']))).toEqual([7])
          const gradient = grad((x: typeof share) => sum(step(x)))(share).values(['gate', 'batch', 'unit'])
          expect(nanPlaces(gradient)).toContain(faulty * 15 + 7)
        }
      }
    }),
  )

  test(
    'attention: of a query its row, of a key and a value what sees them',
    on(() => {
      const make = (
        axis: 'query' | 'key',
        size: number,
        faulty: number,
      ): Tensor<'query' | 'key' | 'width'> => {
        const numbers = Array.from({ length: size * 8 }, (_, i) => Math.sin(i))
        if (faulty >= 0) numbers[faulty * 8 + 3] = NaN
        return tensor(numbers, { [axis]: size, width: 8 }) as never
      }
      for (const size of [3, 40]) {
        const run = (query: number, key: number, value: number): number[] => {
          const [q, k, v] = [make('query', size, query), make('key', size, key), make('key', size, value)]
          return nanPlaces(attention(q as never, k as never, v as never).values(['query', 'width'] as never))
        }
        expect(run(-1, -1, -1)).toEqual([])
        expect(run(2, -1, -1)).toEqual(Array.from({ length: 8 }, (_, i) => 16 + i))
        expect(run(-1, 1, -1).length).toBe(8 * size)
        expect(run(-1, -1, 1)).toEqual(Array.from({ length: size }, (_, i) => 8 * i + 3))
        const filter = attentionFilter(
          make('query', size, 2) as never,
          make('key', size, -1) as never,
        ) as Tensor<string>
        expect(nanPlaces(filter.values(['query', 'key']))).toEqual(
          Array.from({ length: size }, (_, i) => 2 * size + i),
        )
      }
    }),
  )
})
