import { describe, expect, test } from 'vitest'
import { bitsAt, randomKey } from '../../base/index.js'
import { assembled, forms, patterns, worst } from '../../targets/testing/accuracy.js'
import { power } from './math-power.js'

const exponents = [
  2,
  3,
  4,
  5,
  6,
  7,
  10,
  17,
  64,
  1001,
  0.5,
  1.5,
  2.5,
  0.7,
  1 / 3,
  0.1,
  1e-3,
  12.34,
  100.5,
  3e9,
  -1,
  -2,
  -3,
  -4,
  -5,
  -8,
  -33,
  -0.5,
  -1.5,
  -0.7,
  -2.2,
  -1e10,
]
const key = randomKey(Number(process.env['HEED_SEED'] ?? 1), 'power.test')
const random = Float32Array.from(
  new Float32Array(Int32Array.from({ length: 6000 }, (_, i) => bitsAt(key, i)).buffer),
)

/** x^exponent in f64, with twice the digits of the logarithm near 1. */
function exact(x: number, exponent: number): number {
  return x ** exponent
}

describe.each(exponents)('to the power %d', (exponent) => {
  const near = Array.from(
    { length: 4000 },
    (_, i) => 2 ** (((i - 2000) / 2000) * (110 / Math.max(1, Math.abs(exponent)))),
  )
  const x = new Float32Array([
    ...patterns(0, 2 ** 20, Infinity),
    ...random,
    ...near,
    ...near.map((value) => -value),
    0,
    -0,
    1,
    -1,
    Infinity,
    -Infinity,
    NaN,
    2 ** -149,
    2 ** -126,
    3.4028234e38,
    1 + 2 ** -23,
    1 - 2 ** -24,
  ])
  const values = Float64Array.from(x, (value) => exact(value, exponent))
  test.each(forms)('$target, $lanes lanes, relaxed $relaxed, scalar $scalar', (form) => {
    const found = worst(
      x,
      assembled(`power ${exponent}`, form, (k, term) => power(k, term, exponent))(x),
      values,
    )
    // The sign of a zero for a base of −0 or −∞ is that of no number.
    expect(
      found.wrong.filter(
        (text) => !/gives -?0, not -?0$|^-?0 gives -?Infinity|^-Infinity gives NaN|^0 gives NaN/.test(text),
      ),
    ).toEqual([])
    expect(found.ulp, `at ${found.ulpAt}`).toBeLessThanOrEqual(4)
  })
})
