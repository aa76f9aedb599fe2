import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fusedMultiplyAdd } from './testing/evaluate.js'
import { variants } from './testing/launch.js'
import { compareRandom, randomChoices } from './testing/random-runs.js'

test.each(variants)(
  '$name: random programs give what their instructions mean, to the last bit',
  (variant) => {
    fc.assert(
      fc.property(randomChoices, (choices) => compareRandom(variant, choices)),
      { numRuns: variant.name.startsWith('x64') ? 300 : 100 },
    )
  },
)

test('a multiply-add that rounds once', () => {
  const [f, a] = [Math.fround, 1 + 2 ** -12]
  // a² lies half way between two floats; what is added decides, far below the last bit of an f64.
  const below = 1 + 2 ** -11
  expect(fusedMultiplyAdd(a, a, 0)).toBe(below)
  expect(fusedMultiplyAdd(a, a, 2 ** -80)).toBe(below + 2 ** -23)
  expect(fusedMultiplyAdd(a, a, -(2 ** -80))).toBe(below)
  expect(fusedMultiplyAdd(-a, a, -(2 ** -80))).toBe(-below - 2 ** -23)
  expect(fusedMultiplyAdd(2 ** -40, 2 ** -40, f(1 + 2 ** -23))).toBe(f(1 + 2 ** -23))
  expect(fusedMultiplyAdd(3, 5, -15)).toBe(0)
  expect(fusedMultiplyAdd(Infinity, 0, 1)).toBeNaN()
})
