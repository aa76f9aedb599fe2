import { describe, expect, test } from 'vitest'
import { type Target, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../../targets/index.js'
import { Arena } from '../testing/arena.js'
import { runBackward, runForward } from '../testing/attention.js'
import {
  normGradient,
  prepare,
  type ReferenceCase,
  referenceCases,
  referenceFolder,
} from '../testing/reference.js'
import { plainAttention } from '../testing/plain.js'
import { randomAttention, variantNames } from '../testing/variants.js'

const { relaxed } = wasmFeatures()
// Two of the forms of wasm run the reference cases as tensors, in nn/score-and-mask.reference.test.ts; the
// others here.
const targets: readonly (readonly [name: string, target: Target, here: boolean])[] = [
  ...([4, 8] as const).flatMap((lanes) =>
    [...new Set([relaxed, false])].map(
      (relaxed) =>
        [
          `wasm, ${lanes} lanes, relaxed ${relaxed}`,
          wasmTarget({ lanes, relaxed, shared: true }),
          relaxed === (lanes === 4),
        ] as const,
    ),
  ),
  ...x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width }), true] as const),
]

describe.each(targets)('attention in f32 on %s', (_, target, here) => {
  const arena = new Arena(target, 1 << 25)

  test
    .skipIf(referenceFolder === undefined)
    .each((here ? referenceCases() : []).map((reference) => [reference.name, reference] as const))(
    '%s is within PyTorch’s tolerance',
    (_, reference) => {
      checkReference(arena, reference)
    },
  )

  test.each(variantNames)('%s on odd shapes', (name) => {
    for (const [seed, queries, keys, width, valueWidth] of [
      [1, 70, 67, 18, 5],
      [2, 3, 130, 33, 34],
      [3, 100, 13, 7, 16],
    ] as const) {
      const sizes = { batch: 2, heads: 4, kvHeads: 2, queries, keys }
      const { definition, inputs } = randomAttention(name, sizes, width, valueWidth, seed)
      const expected = plainAttention(definition, sizes, inputs)
      const found = runForward(arena, definition, sizes, inputs, { rowsFirst: seed === 2 })
      const wrong = found.output.findIndex((value, i) => !(Math.abs(value - expected.output[i]!) <= 1e-5))
      expect(wrong, `output ${wrong} is ${found.output[wrong]}, not ${expected.output[wrong]}`).toBe(-1)
    }
  })
})

function checkReference(arena: Arena, reference: ReferenceCase): void {
  const { definition, sizes, inputs, tensor, captured, norms } = prepare(reference)
  const slots = captured.flatMap((name, slot) => (name === '' ? [] : [slot]))
  const forward = runForward(arena, definition, sizes, inputs)
  const backward = runBackward(arena, definition, sizes, inputs, tensor('d_output'), slots)
  const { width } = definition
  const found: Record<string, readonly number[]> = {
    output: forward.output,
    log_sum_exp: forward.logSumExp,
    entropy: forward.entropy,
    largest_weight: forward.largestWeight,
    d_q: norms ? normGradient(backward.query, inputs.query, norms.query, width) : backward.query,
    d_k: norms ? normGradient(backward.key, inputs.key, norms.key, width) : backward.key,
    d_v: backward.value,
    ...(definition.sink ? { d_sink: backward.sink } : {}),
    ...Object.fromEntries(
      slots
        .filter((slot) => captured[slot] !== 'slope')
        .map((slot) => [`d_${captured[slot]}`, backward.captures[slot]!]),
    ),
  }
  for (const [name, values] of Object.entries(found)) {
    const expected = tensor(name)
    const tolerance = reference.tolerance[name]
    expect(tolerance, name).toBeDefined()
    const wrong = values.findIndex(
      (value, i) => !(value === expected[i] || Math.abs(value - expected[i]!) <= tolerance!),
    )
    expect(
      wrong,
      `${name}: element ${wrong} is ${values[wrong]}, not ${expected[wrong]}, within ${tolerance}`,
    ).toBe(-1)
  }
  const margin = tensor('largest_margin')
  const clear = (keys: readonly number[]): number[] => keys.filter((_, i) => margin[i]! > 1e-5)
  expect(clear(forward.largestKey)).toEqual(clear(tensor('largest_key')))
}
