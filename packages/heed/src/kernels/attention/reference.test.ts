import { describe, expect, test } from 'vitest'
import { interpreter } from '../../targets/index.js'
import { Arena } from '../testing/arena.js'
import { runBackward, runForward } from '../testing/attention.js'
import { normGradient, prepare, referenceCases, referenceFolder } from '../testing/reference.js'

const cases = referenceCases()

describe.skipIf(referenceFolder === undefined)('attention against PyTorch (set HEED_SHARED to run)', () => {
  test.each(cases.map((reference) => [reference.name, reference] as const))(
    '%s, forward, in f64',
    (_, reference) => {
      const { definition, sizes, inputs, tensor } = prepare(reference)
      const arena = new Arena(interpreter, 1 << 24)
      const found = runForward(arena, definition, sizes, inputs)
      expectClose('output', found.output, tensor('output'))
      expectClose('log_sum_exp', found.logSumExp, tensor('log_sum_exp'))
      expectClose('entropy', found.entropy, tensor('entropy'))
      expectClose('largest_weight', found.largestWeight, tensor('largest_weight'))
      const margin = tensor('largest_margin')
      expect(found.largestKey.filter((_, i) => margin[i]! > 1e-5)).toEqual(
        tensor('largest_key').filter((_, i) => margin[i]! > 1e-5),
      )
    },
  )

  test.each(cases.map((reference) => [reference.name, reference] as const))(
    '%s, backward, in f64',
    (_, reference) => {
      const { definition, sizes, inputs, tensor, captured, norms } = prepare(reference)
      const arena = new Arena(interpreter, 1 << 25)
      const slots = captured.flatMap((name, slot) => (name === '' ? [] : [slot]))
      const found = runBackward(arena, definition, sizes, inputs, tensor('d_output'), slots)
      const { width } = definition
      expectClose(
        'd_q',
        norms ? normGradient(found.query, inputs.query, norms.query, width) : found.query,
        tensor('d_q'),
      )
      expectClose(
        'd_k',
        norms ? normGradient(found.key, inputs.key, norms.key, width) : found.key,
        tensor('d_k'),
      )
      expectClose('d_v', found.value, tensor('d_v'))
      if (definition.sink) expectClose('d_sink', found.sink, tensor('d_sink'))
      for (const slot of slots) {
        // Slopes are given, not learned: the reference has no gradient of them.
        if (captured[slot] !== 'slope')
          expectClose(`d_${captured[slot]}`, found.captures[slot]!, tensor(`d_${captured[slot]}`))
      }
    },
  )
})

/** The reference computes in f64 and stores f32: 2e-7 of the largest value is what rounding to f32 takes. */
function expectClose(
  name: string,
  found: readonly number[],
  expected: readonly number[],
  relative = 2e-7,
): void {
  expect(found.length, name).toBe(expected.length)
  const largest = expected.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 0)
  const tolerance = Math.max(largest, 1) * relative
  const wrong = found.findIndex(
    (value, i) => !(value === expected[i] || Math.abs(value - expected[i]!) <= tolerance),
  )
  expect(
    wrong,
    `${name}: element ${wrong} is ${found[wrong]}, not ${expected[wrong]}, within ${tolerance}`,
  ).toBe(-1)
}
