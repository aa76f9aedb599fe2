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
