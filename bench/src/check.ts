/** An engine that computes something else is no peer. */
import type { Inputs, Kind, Work } from './peer.js'
import { plain, rowsOf } from './plain.js'
import { attentionRow, matmul } from './plain-steps.js'
import { referenceOf } from './reference.js'

/** The largest difference, as a share of the largest expected value, that f32 arithmetic may cause. */
const ofFloats = 1e-4

export function compare(
  what: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number = ofFloats,
): void {
  if (found.length !== expected.length)
    throw new Error(`${what} has ${found.length} values, expected ${expected.length}`)
  let most = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!)
    if (!(difference <= most)) most = difference // also where it is NaN
    largest = Math.max(largest, Math.abs(expected[i]!))
  }
  if (!(most <= tolerance * largest))
    throw new Error(`${what} is off by ${most.toExponential(1)} of ${largest.toExponential(1)}`)
}

/** Compare everything with the plain definition. `tolerance`: a formulation's own. */
export function check(
  work: Work,
  inputs: Inputs[Kind],
  found: ArrayLike<number>[],
  steps: number,
  tolerance?: number,
): void {
  const expected = plain(work, inputs as never, steps)
  if (found.length !== expected.length)
    throw new Error(`${found.length} results, expected ${expected.length}`)
  expected.forEach((values, i) => compare(`result ${i}`, found[i]!, values, tolerance))
}

/**
 * Compare some rows of a work of any size: the first, the last, and some between. Of layers and models,
 * everything.
 */
export function checkSample(
  work: Work,
  inputs: Inputs[Kind],
  found: ArrayLike<number>[],
  tolerance?: number,
): void {
  const output = found[0] as Float32Array
  const some = (count: number): number[] => [
    ...new Set([0, Math.floor(count / 3), Math.floor(count / 2), count - 1]),
  ]
  if (work.kind === 'matmul') {
    const { m, k, n } = work
    const { a, b } = inputs as Inputs['matmul']
    if (output.length !== m * n) throw new Error(`${output.length} values, expected ${m * n}`)
    for (const i of some(m))
      compare(
        `row ${i}`,
        output.subarray(i * n, (i + 1) * n),
        matmul(a.subarray(i * k, (i + 1) * k), b, 1, k, n),
      )
  } else if (work.kind === 'attention' && !work.gradient) {
    const { heads, length, width } = work
    if (output.length !== heads * length * width) throw new Error(`${output.length} values`)
    for (const head of [0, heads - 1])
      for (const i of some(length)) {
        const at = (head * length + i) * width
        compare(
          `head ${head}, row ${i}`,
          output.subarray(at, at + width),
          attentionRow(work, inputs as Inputs['attention'], head, i),
        )
      }
  } else if (work.kind === 'rows') {
    const { rows, columns } = work
    if (output.length !== rows * columns) throw new Error(`${output.length} values`)
    for (const i of some(rows))
      compare(
        `row ${i}`,
        output.subarray(i * columns, (i + 1) * columns),
        rowsOf(work, inputs as Inputs['rows'], i, 1),
      )
  } else if (work.kind === 'attention') {
    const size = work.length * work.width
    const { query, key, value, outputGradient } = inputs as Inputs['attention']
    const [q, k, v, g] = [query, key, value, outputGradient].map((values) => values.subarray(0, size))
    const expected = referenceOf({ ...work, heads: 1 }, { query: q!, key: k!, value: v!, outputGradient: g! })
    found.forEach((values, i) =>
      compare(
        `result ${i}, head 0`,
        (values as Float32Array).subarray(0, size),
        expected.subarray(i * size, (i + 1) * size),
      ),
    )
  } else if (work.kind === 'layer') {
    compare('result', output, referenceOf(work, inputs))
  } else if (work.kind === 'decode') {
    compare('logits', output, referenceOf({ ...work, weights: 'f32' }, inputs), tolerance)
  } else if (work.kind === 'encoder') {
    // A sentence's vector does not depend on the others: the first is enough.
    const { length, width, batch } = work
    if (output.length !== batch * width) throw new Error(`${output.length} values`)
    const one = { ...work, batch: 1 }
    const { parameters, ids } = inputs as Inputs['encoder']
    const expected = referenceOf(one, { parameters, ids: ids.subarray(0, length) })
    compare('sentence 0', output.subarray(0, width), expected, tolerance)
  }
}
