import { expect, test } from 'vitest'
import { copyTransposed, kernel } from '../kernels/index.js'
import { base, launch, variants } from './testing/launch.js'

test.each(variants)('$name: a square of lanes is transposed, or some of its columns', (variant) => {
  const { lanes } = variant
  for (const columns of [lanes, 1, lanes - 1]) {
    const [fromStep, toStep, to] = [lanes + 3, lanes + 5, 8192]
    const source = kernel('transpose', { from: 'f32*', to: 'f32*', step: 'i32' }, (k, p) =>
      copyTransposed(k, p.from, p.step, p.to, toStep, columns),
    )
    const { f32 } = launch(source, variant, [base, to, fromStep], ({ f32 }) => {
      for (let i = 0; i < lanes * fromStep; i++) f32[base / 4 + i] = i + 0.5
    })
    for (let column = 0; column < columns; column++)
      for (let row = 0; row < lanes; row++)
        expect(f32[to / 4 + column * toStep + row]).toBe(row * fromStep + column + 0.5)
    expect(f32[to / 4 + columns * toStep]).toBe(0)
    expect(f32[to / 4 + lanes]).toBe(0)
  }
})

test.each(variants.filter(({ lanes }) => lanes > 4))(
  '$name: a variable may become its own lanes in another order',
  (variant) => {
    const { lanes } = variant
    const source = kernel('turn', { y: 'i32*' }, (k, { y }) => {
      const value = k.variable(k.laneIndex())
      value.set(
        value
          .get()
          .mul(32)
          .xor(k.shuffle('evenGroups', value.get(), value.get())),
      )
      value.set(k.shuffle('oddGroups', value.get(), value.get().add(1000)))
      k.store(y, value.get())
    })
    const { i32 } = launch(source, variant, [base], () => {})
    const groups = lanes / 4
    const first = Array.from({ length: lanes }, (_, i) => {
      const group = (2 * Math.floor(i / 4)) % groups
      return (32 * i) ^ (4 * group + (i % 4))
    })
    const expected = Array.from({ length: lanes }, (_, i) => {
      const group = 2 * Math.floor(i / 4) + 1
      return first[4 * (group % groups) + (i % 4)]! + (group < groups ? 0 : 1000)
    })
    expect([...i32.subarray(base / 4, base / 4 + lanes)]).toEqual(expected)
  },
)
