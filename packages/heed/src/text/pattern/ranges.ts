import { pointCount } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'

/** A set of code points: [first, last] of each range. */
export const rangesFrom = (...firstsAndLasts: readonly number[]): Ranges => Int32Array.from(firstsAndLasts)

export const lastPoint: number = pointCount - 1

export const everything: Ranges = rangesFrom(0, lastPoint)
export const nothing: Ranges = rangesFrom()
export const newline: Ranges = rangesFrom(10, 10)

/** Whether the set has the code point. */
export function includes(ranges: Ranges, point: number): boolean {
  let low = 0
  let high = ranges.length >> 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[2 * middle + 1]! < point) low = middle + 1
    else high = middle
  }
  return 2 * low < ranges.length && ranges[2 * low]! <= point
}
