import { afterAll, describe, expect, test } from 'vitest'
import { checkGradient, grad } from '../../autograd/index.js'
import { randomKey, ShapeError } from '../../base/index.js'
import { Device } from '../../device/index.js'
import { norm } from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import { interpreter } from '../../targets/index.js'
import { layerNorm, memoryUse, map, normal, rmsNorm, scope, sum, type Tensor, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

type Axis = 'batch' | 'height' | 'width' | 'channel'
const sizes = { batch: 2, height: 3, width: 4, channel: 5 }
const order = ['batch', 'height', 'width', 'channel'] as const
type Norm = 'layerNorm' | 'rmsNorm'

/** From the definition, in f64; `over` as they come. */
function plain(
  kind: Norm,
  x: Tensor<Axis>,
  over: readonly Axis[],
  weight?: Tensor<Axis>,
  bias?: Tensor<Axis>,
) {
  const values = [...x.values(order)]
  const placeOf = (i: number): Record<Axis, number> => ({
    channel: i % 5,
    width: Math.floor(i / 5) % 4,
    height: Math.floor(i / 20) % 3,
    batch: Math.floor(i / 60),
  })
  const rowOf = (i: number): string =>
    order
      .filter((axis) => !over.includes(axis))
      .map((axis) => placeOf(i)[axis])
      .join()
  const ownOf = (parameter: Tensor<Axis>, i: number): number =>
    parameter.values(over)[over.reduce((at, axis) => at * sizes[axis] + placeOf(i)[axis], 0)]!
  return values.map((value, i) => {
    const row = values.filter((_, other) => rowOf(other) === rowOf(i))
    const mean = kind === 'layerNorm' ? row.reduce((a, b) => a + b, 0) / row.length : 0
    const square = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length
    const result = ((value - mean) / Math.sqrt(square + 0.01)) * (weight ? ownOf(weight, i) : 1)
    return result + (bias ? ownOf(bias, i) : 0)
  })
}

/** The same numbers, as they lie in memory in several ways. */
const layouts: Readonly<Record<string, () => Tensor<Axis>>> = {
  'as named': () => normal(randomKey(1), sizes),
  'channels outside': () => normal(randomKey(1), { batch: 2, channel: 5, height: 3, width: 4 }),
  'rows apart': () => normal(randomKey(1), { height: 3, width: 4, batch: 2, channel: 5 }),
  'a part of something larger': () => normal(randomKey(1), { ...sizes, width: 6 }).slice('width', 1, 5),
}
const overs: readonly (readonly Axis[])[] = [
  ['height', 'width', 'channel'],
  ['channel', 'height'],
  ['width'],
  ['width', 'channel'],
  ['batch', 'height', 'width', 'channel'],
]
const parameter = (seed: number, over: readonly Axis[]): Tensor<Axis> =>
  normal(
    randomKey(seed),
    Object.fromEntries(over.map((axis) => [axis, sizes[axis]])),
  ) as Tensor<string> as Tensor<Axis>

function run(kind: Norm, x: Tensor<Axis>, over: readonly Axis[], weight?: Tensor<Axis>, bias?: Tensor<Axis>) {
  return kind === 'layerNorm'
    ? layerNorm(x, over, { weight, bias, epsilon: 0.01 })
    : rmsNorm(x, over, { weight, epsilon: 0.01 })
}

describe.each(devices)('a norm over several axes on %s', (_, device) => {
  test.each(Object.keys(layouts))('is its definition: %s', (layout) =>
    withDevice(device, () => {
      const before = memoryUse()
      scope(() => {
        const x = layouts[layout]!()
        for (const kind of ['layerNorm', 'rmsNorm'] as const)
          for (const over of overs)
            for (const weighted of [false, true]) {
              // Axes of the parameters in another order than those of x.
              const own = [...over].reverse()
              const weight = weighted ? parameter(2, own) : undefined
              const bias = weighted && kind === 'layerNorm' ? parameter(3, own) : undefined
              const found = run(kind, x, over, weight, bias)
              expect(found.axes).toEqual(x.axes)
              const expected = plain(kind, x, over, weight, bias)
              found.values(order).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
            }
      })
      expect(memoryUse()).toEqual(before)
    }),
  )
})

const device = new Device(interpreter)
const on = (work: () => void): void => withDevice(device, () => scope(work))

test.each(overs)('its gradient is that of central differences, over %s …', (...over) =>
  on(() => {
    for (const kind of ['layerNorm', 'rmsNorm'] as const) {
      const model = {
        x: layouts['channels outside']!(),
        weight: parameter(2, over),
        ...(kind === 'layerNorm' && { bias: parameter(3, [...over].reverse()) }),
      }
      const { error, at } = checkGradient(
        (m: { x: Tensor<Axis>; weight: Tensor<Axis>; bias?: Tensor<Axis> }) =>
          sum(map((v) => v.mul(1.3).sin(), run(kind, m.x, over, m.weight, m.bias))),
        model,
      )
      expect(error, at).toBeLessThan(1e-7)
    }
  }),
)

test('the layer is the same, and shows what it divides by', () =>
  on(() => {
    const x = layouts['as named']!()
    const over = ['height', 'width', 'channel'] as const
    const parameters = { weight: parameter(2, over), bias: parameter(3, over) } as never
    const plainly = norm(parameters, x, over)
    const { values, result } = collect(['scale'], () => norm(parameters, x, over))
    expect(values.get('scale')!.axes).toEqual(['batch'])
    result.values().forEach((value, i) => expect(value).toBeCloseTo(plainly.values()[i]!, 10))
    const gradient = grad((y: typeof x) => sum(norm(parameters, y, over)))(x)
    expect(gradient.axes).toEqual(x.axes)
  }))

test('axes and parameters that do not fit are refused', () =>
  on(() => {
    const x = layouts['as named']!()
    expect(() => layerNorm(x, [])).toThrow(ShapeError)
    expect(() => layerNorm(x, ['width', 'width'])).toThrow(/each once/)
    expect(() => layerNorm(x, ['width', 'depth' as never])).toThrow(/depth/)
    const over = ['width', 'channel'] as const
    const weight = parameter(2, ['width'])
    expect(() => layerNorm(x, over, { weight: weight as never })).toThrow(
      /weight with the axes width 4, channel 5 alone, found f32 width 4/,
    )
    // @ts-expect-error: no such axis
    expect(() => rmsNorm(x, ['width', 'depth'])).toThrow(ShapeError)
  }))
