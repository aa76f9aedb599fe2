import { describe, expect, test } from 'vitest'
import { DtypeError, randomKey, ShapeError } from '../../base/index.js'
import { gruCell, lstmCell, normal, ones, tensor, withDevice } from '../index.js'
import { devices } from '../testing/devices.js'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

describe.each(devices)('recurrent cells on %s', (_, device) => {
  const [batch, units] = [3, 21]
  const places = Array.from(
    { length: batch * units },
    (_unused, i) => [Math.floor(i / units), i % units] as const,
  )

  test('an LSTM step is its definition; an ended sequence keeps its state', () =>
    withDevice(device, () => {
      // The gate lies differently in each share.
      const input = normal(randomKey(1), { batch, gate: 4, unit: units })
      const recurrent = normal(randomKey(2), { gate: 4, unit: units, batch })
      const state = {
        hidden: normal(randomKey(3), { batch, unit: units }),
        cell: normal(randomKey(4), { batch, unit: units }),
      }
      const active = tensor([1, 0, 1], { batch }, { dtype: 'i32' })
      const [x, u] = [input.values(['batch', 'gate', 'unit']), recurrent.values(['batch', 'gate', 'unit'])]
      const [h, c] = [state.hidden.values(), state.cell.values()]
      for (const ending of [false, true]) {
        const found = ending ? lstmCell(input, recurrent, state, active) : lstmCell(input, recurrent, state)
        const [hidden, cell] = [found.hidden.values(['batch', 'unit']), found.cell.values(['batch', 'unit'])]
        places.forEach(([b, unit], i) => {
          const gate = (g: number): number => x[(b * 4 + g) * units + unit]! + u[(b * 4 + g) * units + unit]!
          const next = sigmoid(gate(1)) * c[i]! + sigmoid(gate(0)) * Math.tanh(gate(2))
          const kept = ending && b === 1
          expect(cell[i]).toBeCloseTo(kept ? c[i]! : next, 5)
          expect(hidden[i]).toBeCloseTo(kept ? h[i]! : sigmoid(gate(3)) * Math.tanh(next), 5)
        })
      }
    }))

  test('a GRU step is its definition; an ended sequence keeps its state', () =>
    withDevice(device, () => {
      const input = normal(randomKey(5), { unit: units, batch, gate: 3 })
      const recurrent = normal(randomKey(6), { batch, gate: 3, unit: units })
      const state = normal(randomKey(7), { batch, unit: units })
      const [x, u] = [input.values(['batch', 'gate', 'unit']), recurrent.values(['batch', 'gate', 'unit'])]
      const h = state.values()
      for (const active of [undefined, tensor([0, 1, 1], { batch })]) {
        const hidden = gruCell(input, recurrent, state, active).values(['batch', 'unit'])
        places.forEach(([b, unit], i) => {
          const at = (g: number): number => (b * 3 + g) * units + unit
          const [reset, update] = [sigmoid(x[at(0)]! + u[at(0)]!), sigmoid(x[at(1)]! + u[at(1)]!)]
          const fresh = Math.tanh(x[at(2)]! + reset * u[at(2)]!)
          const kept = active !== undefined && b === 0
          expect(hidden[i]).toBeCloseTo(kept ? h[i]! : (1 - update) * fresh + update * h[i]!, 5)
        })
      }
    }))

  test('gates far from 0 saturate without overflow', () =>
    withDevice(device, () => {
      const gates = tensor([1000, -1000, 1000, -1000, 1000, 1000, -1000, 1000], { unit: 2, gate: 4 })
      const state = { hidden: ones({ unit: 2 }), cell: ones({ unit: 2 }).mul(3) }
      const found = lstmCell(gates, gates, state)
      expect([...found.cell.values()].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([1, 2])
      expect(found.hidden.values()[0]).toBeCloseTo(0, 6)
      expect(found.hidden.values()[1]).toBeCloseTo(Math.tanh(2), 6)
    }))
})

test('what does not fit is refused', () =>
  withDevice(devices[0]![1], () => {
    const [lstm, gru] = [ones({ gate: 4, batch: 2, unit: 3 }), ones({ gate: 3, batch: 2, unit: 3 })]
    const hidden = ones({ batch: 2, unit: 3 })
    expect(() => lstmCell(gru, gru, { hidden, cell: hidden })).toThrow(/axis 'gate' of size 4, found 3/)
    expect(() => gruCell(lstm, lstm, hidden)).toThrow(/axis 'gate' of size 3, found 4/)
    expect(() => gruCell(gru, gru, ones({ batch: 2, unit: 4 }))).toThrow(ShapeError)
    expect(() => gruCell(gru, gru.slice('batch', 0, 1), hidden)).toThrow(
      /axis 'batch' of size 2, as the state has, found 1/,
    )
    expect(() => gruCell(gru, gru, hidden, ones({ batch: 3 }))).toThrow(ShapeError)
    expect(() => gruCell(gru as never, gru as never, ones({ unit: 3 }))).toThrow(ShapeError)
    const integers = tensor([1, 2, 3, 4, 5, 6], { batch: 2, unit: 3 }, { dtype: 'i32' })
    expect(() => gruCell(gru, gru, integers)).toThrow(DtypeError)
  }))
