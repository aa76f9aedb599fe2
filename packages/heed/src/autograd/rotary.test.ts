import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DtypeError, randomKey, ShapeError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter, wasmTarget } from '../targets/index.js'
import {
  type AnyTensor,
  map,
  normal,
  rotate,
  type RotaryPairs,
  scope,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { checkGradient } from './index.js'

const exact = new Device(interpreter)
const devices = [exact, new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))]

/** The definition, pair by pair. */
function plain(x: Tensor, cosine: Tensor, sine: Tensor, pairs: RotaryPairs): number[] {
  const order = ['batch', 'head', 'position', 'width']
  const [width, count, positions] = [x.size('width'), cosine.size('pair'), x.size('position')]
  const from = x.values(order)
  const [cos, sin] = [cosine.values(['position', 'pair']), sine.values(['position', 'pair'])]
  const result = [...from]
  for (let row = 0; row < from.length / width; row++) {
    for (let pair = 0; pair < count; pair++) {
      const angle = (row % positions) * count + pair
      const first = row * width + (pairs === 'half' ? pair : 2 * pair)
      const second = row * width + (pairs === 'half' ? count + pair : 2 * pair + 1)
      result[first] = from[first]! * cos[angle]! - from[second]! * sin[angle]!
      result[second] = from[second]! * cos[angle]! + from[first]! * sin[angle]!
    }
  }
  return result
}

const axes = ['batch', 'head', 'position', 'width'] as const

describe('rotate', () => {
  test('is its definition, whatever the sizes and the order in memory', () => {
    const sizes = fc.record({
      batch: fc.integer({ min: 1, max: 2 }),
      head: fc.integer({ min: 1, max: 3 }),
      position: fc.integer({ min: 1, max: 5 }),
      count: fc.integer({ min: 1, max: 9 }),
      rest: fc.integer({ min: 0, max: 3 }),
    })
    fc.assert(
      fc.property(
        sizes,
        fc.shuffledSubarray([...axes], { minLength: 4 }),
        fc.constantFrom<RotaryPairs>('half', 'interleaved'),
        fc.constantFrom(0, 1),
        ({ count, rest, ...outer }, order, pairs, which) =>
          withDevice(devices[which]!, () =>
            scope(() => {
              const shape: Record<string, number> = { ...outer, width: 2 * count + rest }
              const ordered = Object.fromEntries(order.map((name) => [name, shape[name]!]))
              const x = normal(randomKey(1), ordered) as Tensor
              const table = (seed: number): Tensor =>
                normal(randomKey(seed), { position: outer.position, pair: count }) as AnyTensor as Tensor
              const [cosine, sine] = [table(2), table(3)]
              const found = rotate(x, 'width', cosine, sine, pairs).values(axes)
              const expected = plain(x, cosine, sine, pairs)
              found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, which === 0 ? 12 : 5))
            }),
          ),
      ),
    )
  })

  test.each<[RotaryPairs, number]>([
    ['half', 6],
    ['interleaved', 6],
    ['half', 9],
    ['interleaved', 9],
  ])('%s pairs of width %i: gradients of vectors and tables equal differences', (pairs, width) =>
    withDevice(exact, () =>
      scope(() => {
        const model = {
          x: normal(randomKey(1), { batch: 2, position: 3, width }),
          cosine: normal(randomKey(2), { position: 3, pair: 3 }),
          sine: normal(randomKey(3), { position: 3, pair: 3 }),
        }
        const loss = ({ x, cosine, sine }: typeof model): Tensor<never> =>
          sum(
            map(
              (v) => v.mul(1.3).sin(),
              rotate(x, 'width', cosine, sine, pairs),
            ) as AnyTensor as Tensor<'batch'>,
          ) as Tensor<never>
        const { error, at } = checkGradient(loss, model)
        expect(error, at).toBeLessThan(1e-8)
      }),
    ),
  )

  test('what does not fit is refused', () =>
    withDevice(exact, () =>
      scope(() => {
        const x = normal(randomKey(1), { position: 3, width: 4 })
        const table = (shape: Record<string, number>): Tensor => normal(randomKey(2), shape) as Tensor
        const run =
          (cosine: Tensor, sine: Tensor = cosine, pairs: RotaryPairs = 'half') =>
          (): unknown =>
            rotate(x, 'width', cosine, sine, pairs)
        expect(run(table({ position: 3, pair: 2 }))).not.toThrow()
        expect(run(table({ pair: 2 }))).not.toThrow()
        expect(run(table({ pair: 3 }))).toThrow(
          "rotate: expected at most 2 pairs along 'width' of size 4, found 3",
        )
        expect(run(table({ position: 2, pair: 2 }))).toThrow(ShapeError)
        expect(run(table({ position: 3 }))).toThrow(ShapeError)
        expect(run(table({ other: 3, pair: 2 }))).toThrow("axes 'pair' and those of position, width")
        expect(run(table({ pair: 2 }), table({ pair: 1 }))).toThrow(ShapeError)
        expect(run(table({ pair: 2 }), table({ pair: 2 }), 'thirds' as RotaryPairs)).toThrow(UsageError)
        const whole = tensor([1, 2], { pair: 2 }, { dtype: 'i32' }) as AnyTensor as Tensor
        expect(run(whole)).toThrow(DtypeError)
      }),
    ))
})
