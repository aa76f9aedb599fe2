import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../autograd/index.js'
import { randomKey, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import {
  crossEntropy,
  memoryUse,
  map,
  mean,
  normal,
  scope,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { bidirectionalGru, createRecurrent, gru, gruStep, type Recurrent } from './index.js'
import { deviceTitle, referenceDevices } from './testing/reference.js'

interface OnnxGru {
  readonly x: readonly number[]
  readonly initial: readonly number[]
  readonly inputWeight: readonly number[]
  readonly hiddenWeight: readonly number[]
  readonly inputBias: readonly number[]
  readonly hiddenBias: readonly number[]
  readonly output: readonly number[]
  readonly last: readonly number[]
}
interface OnnxReference {
  readonly gru: {
    readonly sizes: Readonly<Record<'positions' | 'batch' | 'width' | 'units', number>>
    readonly lengths: readonly number[]
    readonly before: OnnxGru
    readonly after: OnnxGru
  }
  readonly crossEntropy: Readonly<
    Record<
      'mean' | 'sum' | 'none',
      Readonly<Record<'logits' | 'targets' | 'weights' | 'loss', readonly number[]>>
    >
  >
}
const reference = JSON.parse(
  readFileSync(new URL('./testing/onnx/reference.json', import.meta.url), 'utf8'),
) as OnnxReference

/**
 * A GRU from its equations, in f64: one sequence, forward; parameters as records of functions of gate, unit
 * and the other axis.
 */
function plain(
  parameters: Recurrent,
  x: readonly (readonly number[])[],
  reset: 'before' | 'after',
): number[][] {
  const units = parameters.hidden.weight.size('unit')
  const width = x[0]!.length
  const [w, u] = [parameters.input.weight, parameters.hidden.weight] as [Tensor, Tensor]
  const wide = w.values(['gate', 'unit', 'width'])
  const own = u.values(['gate', 'unit', 'state'])
  const [wb, ub] = [parameters.input.bias!, parameters.hidden.bias!].map((bias) =>
    bias.values(['gate', 'unit']),
  )
  const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v))
  let h = new Array<number>(units).fill(0)
  return x.map((row) => {
    const fromInput = (gate: number, i: number): number =>
      row.reduce((a, v, j) => a + wide[(gate * units + i) * width + j]! * v, wb![gate * units + i]!)
    const fromState = (gate: number, i: number, state: readonly number[]): number =>
      state.reduce((a, v, j) => a + own[(gate * units + i) * units + j]! * v, ub![gate * units + i]!)
    const r = h.map((_, i) => sigmoid(fromInput(0, i) + fromState(0, i, h)))
    const z = h.map((_, i) => sigmoid(fromInput(1, i) + fromState(1, i, h)))
    const n = h.map((_, i) =>
      Math.tanh(
        fromInput(2, i) +
          (reset === 'after'
            ? r[i]! * fromState(2, i, h)
            : fromState(
                2,
                i,
                h.map((v, j) => r[j]! * v),
              )),
      ),
    )
    h = h.map((v, i) => (1 - z[i]!) * n[i]! + z[i]! * v)
    return h
  })
}

const interpreted = new Device(interpreter)
const on = (device: Device, work: () => void): void => withDevice(device, () => scope(work))

describe.each(['before', 'after'] as const)('a GRU that resets %s the projection', (reset) => {
  test.each(referenceDevices.map((device) => [deviceTitle(device), device] as const))(
    'is what onnxruntime computes, on %s',
    (_, device) =>
      on(device, () => {
        const { sizes, lengths, [reset]: given } = reference.gru
        const { positions: position, batch, width, units: unit } = sizes
        const direction = 2
        const parameters = (at: number): Recurrent => ({
          input: {
            weight: tensor(given.inputWeight, { direction, gate: 3, unit, width }).at('direction', at),
            bias: tensor(given.inputBias, { direction, gate: 3, unit }).at('direction', at),
          },
          hidden: {
            weight: tensor(given.hiddenWeight, { direction, gate: 3, unit, state: unit }).at('direction', at),
            bias: tensor(given.hiddenBias, { direction, gate: 3, unit }).at('direction', at),
          },
        })
        const initial = tensor(given.initial, { direction, batch, unit })
        const { output, last } = bidirectionalGru(
          { forward: parameters(0), backward: parameters(1) },
          tensor(given.x, { position, batch, width }),
          {
            reset,
            lengths: tensor(lengths, { batch }, { dtype: 'i32' }),
            initial: { forward: initial.at('direction', 0), backward: initial.at('direction', 1) },
          },
        )
        const found = output
          .split('unit', { direction, unit })
          .values(['position', 'direction', 'batch', 'unit'])
        found.forEach((value, i) => expect(value).toBeCloseTo(given.output[i]!, 5))
        const ends = [last.forward, last.backward].flatMap((state) => [...state.values(['batch', 'unit'])])
        ends.forEach((value, i) => expect(value).toBeCloseTo(given.last[i]!, 5))
      }),
  )

  test('is its equations, in f64, a step and a whole sequence', () =>
    on(interpreted, () => {
      const parameters = createRecurrent(randomKey(1), { width: 4, units: 3, gates: 3 })
      const x = normal(randomKey(2), { batch: 1, position: 6, width: 4 })
      const rows = Array.from({ length: 6 }, (_, i) => [...x.at('batch', 0).at('position', i).values()])
      const expected = plain(parameters, rows, reset)
      const { output } = gru(parameters, x, { reset })
      let state: Tensor<'batch' | 'unit'> = tensor([0, 0, 0], { batch: 1, unit: 3 })
      expected.forEach((row, i) => {
        state = gruStep(parameters, x.at('position', i), state, { reset })
        row.forEach((value, unit) => {
          expect(output.at('batch', 0).at('position', i).at('unit', unit).item()).toBeCloseTo(value, 12)
          expect(state.at('batch', 0).at('unit', unit).item()).toBeCloseTo(value, 12)
        })
      })
    }))

  test.each([false, true])('has the gradient of central differences (sequences that end: %s)', (ends) =>
    on(interpreted, () => {
      const model = {
        layer: createRecurrent(randomKey(1), { width: 3, units: 2, gates: 3 }),
        x: normal(randomKey(2), { batch: 2, position: 4, width: 3 }),
        initial: normal(randomKey(3), { batch: 2, unit: 2 }),
      }
      const lengths = ends ? tensor([4, 2], { batch: 2 }, { dtype: 'i32' }) : undefined
      const { error, at } = checkGradient(({ layer, x, initial }: typeof model) => {
        const { output, last } = gru(layer, x, { reset, initial, lengths })
        return sum(map((v) => v.mul(1.3).sin(), output)).add(mean(last))
      }, model)
      expect(error, at).toBeLessThan(1e-7)
    }),
  )

  test('works without biases, and leaves nothing behind', () =>
    withDevice(interpreted, () => {
      const before = memoryUse()
      scope(() => {
        const { input, hidden } = createRecurrent(randomKey(1), { width: 3, units: 2, gates: 3 })
        const x = normal(randomKey(2), { batch: 2, position: 4, width: 3 })
        const without = gru({ input: { weight: input.weight }, hidden: { weight: hidden.weight } }, x, {
          reset,
        })
        const zero = { bias: tensor([0, 0, 0, 0, 0, 0], { gate: 3, unit: 2 }) }
        const zeros = gru({ input: { ...input, ...zero }, hidden: { ...hidden, ...zero } }, x, { reset })
        expect([...without.output.values()]).toEqual([...zeros.output.values()])
      })
      expect(memoryUse()).toEqual(before)
    }))
})

test('another place of the reset is refused', () =>
  on(interpreted, () => {
    const layer = createRecurrent(randomKey(1), { width: 3, units: 2, gates: 3 })
    const x = normal(randomKey(2), { batch: 2, position: 4, width: 3 })
    expect(() => gru(layer, x, { reset: 'both' as never })).toThrow(UsageError)
  }))

test.each(referenceDevices.map((device) => [deviceTitle(device), device] as const))(
  'cross-entropy of weighted classes is what onnxruntime computes, on %s',
  (_, device) =>
    on(device, () => {
      for (const [reduction, { logits, targets, weights, loss }] of Object.entries(reference.crossEntropy)) {
        const found = crossEntropy(
          tensor(logits, { row: targets.length, class: weights.length }),
          tensor(targets, { row: targets.length }, { dtype: 'i32' }),
          'class',
          { classWeights: tensor(weights, { class: weights.length }), reduction: reduction as 'none' },
        )
        found.values().forEach((value, i) => expect(value).toBeCloseTo(loss[i]!, 5))
      }
    }),
)
