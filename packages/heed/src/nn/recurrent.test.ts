import { describe, expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { collect } from '../observe/index.js'
import { normal, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'
import {
  bidirectionalGru,
  bidirectionalLstm,
  createRecurrent,
  gru,
  gruStep,
  lstm,
  lstmStep,
  type Recurrent,
  type Sequence,
} from './index.js'
import { deviceTitle, expectClose, referenceDevices } from './testing/reference.js'

const [batch, positions, width, units] = [3, 6, 5, 7]
const parametersOf = (seed: number, gates: 3 | 4): Recurrent =>
  createRecurrent(randomKey(seed), { width, units, gates })
const sequence = (): Sequence => normal(randomKey(10), { batch, position: positions, width })
const lengthsOf = (numbers: readonly number[]): Tensor<'batch'> =>
  tensor(numbers, { batch: numbers.length }, { dtype: 'i32' })

/** The positions of one axis the other way round. */
function turned(x: Tensor<'batch' | 'position' | 'unit'>): number[] {
  const values = x.values(['position', 'batch', 'unit'])
  const step = values.length / positions
  return Array.from({ length: positions }, (_, i) => [
    ...values.subarray((positions - 1 - i) * step, (positions - i) * step),
  ]).flat()
}

describe.each(referenceDevices.map((device) => [deviceTitle(device), device] as const))(
  'recurrent layers on %s',
  (_, device) => {
    const on = (work: () => void): void => withDevice(device, () => scope(work))
    const layers = {
      lstm: (x: Sequence, options: object) => lstm(parametersOf(1, 4), x, options).output,
      gru: (x: Sequence, options: object) => gru(parametersOf(2, 3), x, options).output,
      'gru, reset before the projection': (x: Sequence, options: object) =>
        gru(parametersOf(2, 3), x, { ...options, reset: 'before' }).output,
    }

    test.each(Object.entries(layers))(
      '%s: a sequence among longer ones is what it is alone',
      (_name, layer) =>
        on(() => {
          const x = sequence()
          const lengths = [4, 0, 6]
          for (const reverse of [false, true]) {
            const together = layer(x, { lengths: lengthsOf(lengths), reverse })
            lengths.forEach((length, b) => {
              const own = together.slice('batch', b, b + 1)
              const alone = layer(x.slice('batch', b, b + 1).slice('position', 0, length), { reverse })
              const order = ['position', 'unit', 'batch'] as const
              expectClose(
                'real positions',
                own.slice('position', 0, length).values(order),
                alone.values(order),
                1e-6,
              )
              const beyond = own.slice('position', length, positions).values(order)
              expect(beyond.every((value) => value === 0)).toBe(true)
            })
          }
        }),
    )

    test.each(Object.entries(layers))(
      '%s: in reverse it is the layer on the sequence the other way round',
      (_name, layer) =>
        on(() => {
          const x = sequence()
          const back = tensor(turned(x.rename({ width: 'unit' })), { position: positions, batch, width })
          expectClose(
            'output',
            layer(x, { reverse: true }).values(['position', 'batch', 'unit']),
            turned(layer(back, {})),
            1e-6,
          )
        }),
    )

    test('steps taken one by one are the layer', () =>
      on(() => {
        const x = sequence()
        const [long, plain] = [parametersOf(1, 4), parametersOf(2, 3)]
        const start = normal(randomKey(11), { batch, unit: units })
        let state = { hidden: start, cell: start }
        let hidden = start
        for (let position = 0; position < positions; position++) {
          state = lstmStep(long, x.at('position', position), state)
          hidden = gruStep(plain, x.at('position', position), hidden)
        }
        const found = lstm(long, x, { initial: { hidden: start, cell: start } }).last
        expectClose('hidden', found.hidden.values(), state.hidden.values(), 1e-6)
        expectClose('cell', found.cell.values(), state.cell.values(), 1e-6)
        expectClose('gru', gru(plain, x, { initial: start }).last.values(), hidden.values(), 1e-6)
      }))

    test('both directions stand side by side', () =>
      on(() => {
        const x = sequence()
        const lengths = lengthsOf([2, 6, 5])
        const order = ['batch', 'position', 'unit'] as const
        const long = { forward: parametersOf(1, 4), backward: parametersOf(3, 4) }
        const plain = { forward: parametersOf(2, 3), backward: parametersOf(4, 3) }
        for (const [both, forward, backward] of [
          [
            bidirectionalLstm(long, x, { lengths }).output,
            lstm(long.forward, x, { lengths }).output,
            lstm(long.backward, x, { lengths, reverse: true }).output,
          ],
          [
            bidirectionalGru(plain, x, { lengths }).output,
            gru(plain.forward, x, { lengths }).output,
            gru(plain.backward, x, { lengths, reverse: true }).output,
          ],
        ] as const) {
          expect(both.slice('unit', 0, units).values(order)).toEqual(forward.values(order))
          expect(both.slice('unit', units, 2 * units).values(order)).toEqual(backward.values(order))
        }
      }))
  },
)

test('no positions: no output, the state as it was', () =>
  withDevice(referenceDevices[0]!, () => {
    const found = gru(parametersOf(2, 3), sequence().slice('position', 0, 0))
    expect(found.output.shape).toEqual({ batch, position: 0, unit: units })
    expect(found.last.values().every((value) => value === 0)).toBe(true)
  }))

test('lengths that cannot be are refused', () =>
  withDevice(referenceDevices[0]!, () => {
    for (const wrong of [7, -1]) {
      const attempt = (): unknown =>
        lstm(parametersOf(1, 4), sequence(), { lengths: lengthsOf([1, wrong, 6]) })
      expect(attempt).toThrow(UsageError)
      expect(attempt).toThrow(`lstm: expected lengths from 0 to 6, the number of positions, found ${wrong}`)
    }
    expect(() => gru(parametersOf(1, 4), sequence())).toThrow(/axis 'gate' of size 3, found 4/)
  }))

test('the output has a name', () =>
  withDevice(referenceDevices[0]!, () => {
    const { result, values } = collect(['output'], () => lstm(parametersOf(1, 4), sequence()).output)
    expect(values.get('output')!.values()).toEqual(result.values())
  }))
