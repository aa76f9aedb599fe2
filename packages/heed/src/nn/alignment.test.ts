import { describe, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { collect } from '../observe/index.js'
import { normal, scope, stack, tensor, type Tensor, withDevice } from '../tensor/index.js'
import {
  additiveKeys,
  additiveScores,
  align,
  concatScores,
  dotScores,
  generalScores,
  type Sequence,
} from './index.js'
import { deviceTitle, expectClose, referenceDevices } from './testing/reference.js'

const [batch, positions, width, states, alignment] = [2, 5, 6, 4, 3]
const memoryOf = (): Sequence => normal(randomKey(1), { batch, position: positions, width })
const stateOf = (seed: number, size: number = states): Tensor<'batch' | 'state'> =>
  normal(randomKey(seed), { batch, state: size })
const additive = () => ({
  query: { weight: normal(randomKey(2), { alignment, state: states }) },
  key: { weight: normal(randomKey(3), { alignment, width }) },
  bias: normal(randomKey(4), { alignment }),
  score: normal(randomKey(5), { alignment }),
})

describe.each(referenceDevices.map((device) => [deviceTitle(device), device] as const))(
  'alignment on %s',
  (_, device) => {
    const on = (work: () => void): void => withDevice(device, () => scope(work))

    test('the filter sums to 1 over what is real; with nothing real it is 0', () =>
      on(() => {
        const real = tensor([1, 0, 1, 1, 0, 0, 0, 0, 0, 0], { batch, position: positions }, { dtype: 'i32' })
        const { output, filter } = align<'batch'>(
          additiveScores(additive(), stateOf(6), memoryOf()),
          memoryOf(),
          real,
        )
        const rows = [...filter.values(['batch', 'position'])]
        expect(rows.slice(0, 5).reduce((a, b) => a + b)).toBeCloseTo(1, 6)
        expect([rows[1], rows[4], ...rows.slice(5)]).toEqual(new Array(7).fill(0))
        const memory = memoryOf().values(['batch', 'position', 'width'])
        const mixed = Array.from({ length: width }, (_unused, w) =>
          [0, 1, 2, 3, 4].reduce((total, j) => total + rows[j]! * memory[j * width + w]!, 0),
        )
        expectClose(
          'output',
          output.values(['batch', 'width']),
          [...mixed, ...new Array<number>(width).fill(0)],
          1e-6,
        )
      }))

    test('many states at once are each of them alone', () =>
      on(() => {
        const memory = memoryOf()
        const weight = normal(randomKey(7), { state: states, width })
        const joined = {
          weight: normal(randomKey(8), { alignment, joined: states + width }),
          score: additive().score,
        }
        const scores: Record<string, (state: Tensor<'batch' | 'state'>) => Tensor<'batch' | 'position'>> = {
          additive: (state) => additiveScores(additive(), state, memory),
          'additive, keys given': (state) =>
            additiveScores(additive(), state, memory, additiveKeys(additive(), memory)),
          general: (state) => generalScores(weight, state, memory),
          concat: (state) => concatScores(joined, state, memory),
          dot: (state) => dotScores(state, memory),
        }
        for (const [name, score] of Object.entries(scores)) {
          const alone = [9, 10, 11].map((seed) => stateOf(seed, name === 'dot' ? width : states))
          const together = stack(alone, 'step') as Tensor<string> as Tensor<'batch' | 'state'>
          const found = score(together) as Tensor<string>
          alone.forEach((state, step) =>
            expectClose(
              name,
              found.at('step', step).values(['batch', 'position']),
              score(state).values(['batch', 'position']),
              1e-5,
            ),
          )
        }
      }))
  },
)

test('concatenated scores are additive ones without a bias', () =>
  withDevice(referenceDevices[0]!, () => {
    const { query, key, score } = additive()
    const [q, k] = [query.weight.values(['alignment', 'state']), key.weight.values(['alignment', 'width'])]
    const rows = Array.from({ length: alignment }, (_, a) => [
      ...q.subarray(a * states, (a + 1) * states),
      ...k.subarray(a * width, (a + 1) * width),
    ]).flat()
    const weight = tensor(rows, { alignment, joined: states + width })
    const found = concatScores({ weight, score }, stateOf(6), memoryOf())
    const expected = additiveScores({ query, key, score }, stateOf(6), memoryOf())
    expectClose('scores', found.values(['batch', 'position']), expected.values(['batch', 'position']), 1e-12)
  }))

test('scores, filter and output have names', () =>
  withDevice(referenceDevices[0]!, () => {
    const { values } = collect(['scores', 'filter', 'output'], () =>
      align<'batch'>(dotScores(stateOf(6, width), memoryOf()), memoryOf()),
    )
    expect([...values.keys()]).toEqual(['scores', 'filter', 'output'])
  }))
