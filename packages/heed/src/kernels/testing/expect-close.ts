import { expect } from 'vitest'

/** Within `tolerance` of what is expected, relative where that is larger than 1; infinities exactly. */
export function expectClose(
  part: string,
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
): void {
  expect(found.length, part).toBe(expected.length)
  const wrong = found.findIndex(
    (value, i) =>
      !(
        value === expected[i] ||
        Math.abs(value - expected[i]!) <= tolerance * Math.max(1, Math.abs(expected[i]!))
      ),
  )
  expect(wrong, `${part}: element ${wrong} is ${found[wrong]}, not ${expected[wrong]}`).toBe(-1)
}
