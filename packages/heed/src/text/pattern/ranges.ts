/** A set of code points: [first, last, first, last, …], ascending, neither touching nor overlapping. */
export type Ranges = readonly number[]

export const lastPoint = 0x10ffff

export const everything: Ranges = [0, lastPoint]

/** Puts ranges in any order into a set. */
export function rangesOf(pairs: readonly (readonly [number, number])[]): Ranges {
  const sorted = [...pairs].sort((a, b) => a[0] - b[0])
  const result: number[] = []
  for (const [first, last] of sorted) append(result, first, last)
  return result
}

function append(result: number[], first: number, last: number): void {
  const before = result.length - 1
  if (before > 0 && first <= result[before]! + 1) {
    if (last > result[before]!) result[before] = last
  } else result.push(first, last)
}

export function union(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const result: number[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (j >= b.length || (i < a.length && a[i]! <= b[j]!)) {
      append(result, a[i]!, a[i + 1]!)
      i += 2
    } else {
      append(result, b[j]!, b[j + 1]!)
      j += 2
    }
  }
  return result
}

export function complement(a: Ranges): Ranges {
  const result: number[] = []
  let next = 0
  for (let i = 0; i < a.length; i += 2) {
    if (next < a[i]!) result.push(next, a[i]! - 1)
    next = a[i + 1]! + 1
  }
  if (next <= lastPoint) result.push(next, lastPoint)
  return result
}

export function intersection(a: Ranges, b: Ranges): Ranges {
  const result: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const first = Math.max(a[i]!, b[j]!)
    const last = Math.min(a[i + 1]!, b[j + 1]!)
    if (first <= last) result.push(first, last)
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return result
}

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
